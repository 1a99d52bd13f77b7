"""An agent who leaves: their customer is told, waits again, and is theirs no more; unless they come back in time."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

import pytest

from chalicelib.aws.tables import Table, Write
from chalicelib.chat import handoff
from chalicelib.chat.desk import AWAY_SECONDS
from chalicelib.chat.handoff import LEFT, NOBODY, MovedError
from chalicelib.chat.sessions import Connection
from chalicelib.chat.waiting import Waiting
from tests.unit.chat.place import Place, open_place
from tests.unit.chat.world import World

LIMIT = 900
IN_LINE_AGAIN = "ana is no longer here. You are in line for another person of our team."


@pytest.fixture
def place() -> Iterator[Place]:
    """Ana talks with a customer; Bo is on duty too."""
    with open_place() as place:
        place.on_duty("ana")
        place.on_duty("bo")
        place.open()
        place.desk.take("s1", handoff.to_people("customer", "Wants a refund."))
        place.do("ana", "claim")
        yield place


def leave(place: Place, name: str = "ana", *, seconds: float = AWAY_SECONDS) -> None:
    place.desk.disconnect(Connection(name, agent=name))
    place.clock.now += seconds


def check(place: Place) -> dict[str, int]:
    waiting = Waiting(place.table, place.sessions, place.desk, place.clock, LIMIT)
    return {name: number for name, number in waiting.check().items() if number}


def test_the_customer_of_an_agent_who_left_is_told_and_waits_again(place: Place) -> None:
    leave(place)
    place.socket.sent.clear()

    assert check(place) == {"waiting": 1}

    assert (place.session().status, place.session().agent) == ("waiting", None)
    assert place.told()[-1] == ("system", IN_LINE_AGAIN)
    assert [frame["type"] for frame in place.socket.frames("cust")] == ["message", "handoff"]
    assert place.socket.frames("cust", "handoff")[0]["status"] == "waiting"
    (entry,) = place.queue("bo")["waiting"]
    assert (entry["session_id"], entry["reason"], "agent" in entry) == ("s1", "Wants a refund.", False)
    record = place.items("HANDOFF#")[-1]
    assert (record["who"], record["status"], record["reason"]) == ("frontdesk", "waiting", "ana was gone.")


def test_it_happens_once(place: Place) -> None:
    leave(place)
    assert check(place) == check(place) == {"waiting": 1}

    assert len(place.items("HANDOFF#")) == 3
    assert [text for _, text in place.told()].count(IN_LINE_AGAIN) == 1


def test_an_agent_who_vanishes_is_found_out(place: Place) -> None:
    place.socket.gone.add("ana")
    assert check(place) == {"helped": 1}

    place.clock.now += AWAY_SECONDS

    assert check(place) == {"waiting": 1}


def test_within_two_minutes_nothing_happens(place: Place) -> None:
    leave(place, seconds=AWAY_SECONDS - 5)

    assert check(place) == {"helped": 1}
    assert place.session().agent == "ana"


def test_an_agent_who_is_back_in_time_keeps_it(place: Place) -> None:
    leave(place, seconds=AWAY_SECONDS - 5)
    place.on_duty("ana", "ana-2")
    place.clock.now += AWAY_SECONDS

    assert check(place) == {"helped": 1}
    assert place.mine("ana-2") == ["s1"]


def test_the_waiting_limit_begins_anew(place: Place) -> None:
    place.clock.now += 2 * LIMIT
    leave(place)
    check(place)

    place.clock.now += LIMIT - 10
    assert check(place) == {"waiting": 1}
    place.clock.now += 10
    assert check(place) == {"left": 1}

    assert place.session().status == "active"
    assert place.told()[-1] == ("system", LEFT)


def test_without_anybody_the_customer_hears_that_too(place: Place) -> None:
    leave(place, "bo", seconds=0)
    leave(place)

    check(place)

    assert place.told()[-1] == ("system", "ana is no longer here. " + NOBODY.format(hours=""))
    assert place.session().status == "waiting"


def test_whatever_an_agent_is_called_is_said_as_it_is(place: Place) -> None:
    place.on_duty("{hours} {0}", "odd")
    place.do("ana", "return")
    place.desk.take("s1", handoff.to_people("customer", ""))
    place.desk.take("s1", handoff.claim("{hours} {0}"))
    leave(place, "odd")

    check(place)

    assert place.told()[-1][1].startswith("{hours} {0} is no longer here.")


def test_what_waits_again_may_be_claimed_by_anybody(place: Place) -> None:
    leave(place)
    check(place)
    place.on_duty("ana", "ana-2")

    place.do("bo", "claim")

    assert (place.session().agent, place.mine("bo")) == ("bo", ["s1"])
    with pytest.raises(MovedError):
        place.do("ana", "message", message_id="m1", content="I am back.")


@dataclass(frozen=True)
class Racing(Table):
    """A table in which something happens right before the first transaction."""

    before: list[Callable[[], object]] = field(default_factory=list)

    def transact(self, *writes: Write) -> None:
        while self.before:
            self.before.pop()()
        super().transact(*writes)


def racing(place: Place, event: Callable[[], object]) -> Place:
    """The same place, whose next step by the check comes right behind an event."""
    table = Racing(place.table.client, place.table.name, place.table.sleep, before=[event])
    handoffs = replace(place.handoffs, table=table)
    place.desk = replace(place.desk, handoffs=handoffs)
    return place


@pytest.mark.parametrize(
    ("action", "status", "agent", "found"),
    [
        ("claim", "handoff", "bo", "helped"),
        ("return", "active", None, "helped"),
        ("close", "closed", "ana", "helped"),
        ("message", "handoff", "ana", "helped"),
    ],
)
def test_whoever_is_faster_wins(place: Place, action: str, status: str, agent: str | None, found: str) -> None:
    leave(place)
    who = "bo" if action == "claim" else "ana"
    words = {"message_id": "m1", "content": "I am back."} if action == "message" else {}

    assert check(racing(place, lambda: place.do(who, action, **words))) == {found: 1}

    assert (place.session().status, place.session().agent) == (status, agent)
    assert IN_LINE_AGAIN not in [text for _, text in place.told()]


def test_a_customer_s_message_that_comes_between_is_kept(place: Place) -> None:
    leave(place)

    check(racing(place, lambda: place.say("Hello?")))
    check(place)

    assert [author for author, _ in place.told()][-2:] == ["customer", "system"]
    assert place.session().status == "waiting"


def test_a_claim_that_comes_behind_it_is_granted(place: Place) -> None:
    leave(place)
    step = handoff.take_over("bo", "ana")
    check(place)

    assert place.desk.take("s1", step).agent == "bo"


def test_of_an_agent_s_sockets_that_are_gone_the_last_is_kept(place: Place) -> None:
    for connection_id in ("ana-2", "ana-3"):
        place.on_duty("ana", connection_id)
        place.clock.now += 1

    for connection_id in ("ana-3", "ana"):
        place.desk.disconnect(Connection(connection_id, agent="ana"))
        assert connection_id not in [agent.connection_id for agent in place.desk.agents()]
    leave(place, "ana-2", seconds=5)
    (last,) = [agent for agent in place.desk.agents() if agent.name == "ana"]

    assert (last.connection_id, not last.gone_at) == ("ana-2", False)
    assert not place.desk.is_away("ana")
    place.on_duty("ana", "ana-4")
    leave(place, "ana-4")
    assert [agent.connection_id for agent in place.desk.agents() if agent.name == "ana"] == ["ana-4"]


@pytest.fixture
def talk(world: World) -> str:
    """The same over sockets; the session's id."""
    for name in ("ana", "bo"):
        ticket, _ = world.tokens.ticket(agent=name)
        assert world.reception.connect(name, {"ticket": ticket}) == 200
    session_id = world.begin()
    world.send(action="request_human", reason="")
    world.clock.now += 1
    world.send("ana", action="claim", session_id=session_id)
    return session_id


@pytest.mark.parametrize("knows", [True, False])
def test_who_writes_to_an_agent_who_is_gone_hears_at_once(world: World, talk: str, knows: bool) -> None:
    world.reception.disconnect("ana")
    world.clock.now += AWAY_SECONDS

    world.say("Are you there?") if knows else world.send(action="request_human", reason="")

    assert world.session(talk).status == "waiting"
    assert world.said(talk)[-1] == ("system", IN_LINE_AGAIN)
    assert world.queue.sent == []


def test_who_writes_to_an_agent_who_may_come_back_is_only_heard(world: World, talk: str) -> None:
    world.reception.disconnect("ana")

    world.say("Are you there?")

    assert world.session(talk).status == "handoff"
    assert ("system", IN_LINE_AGAIN) not in world.said(talk)
