import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from typing import Any

import pytest

from chalicelib.aws.sockets import MAX_FRAME_BYTES
from chalicelib.aws.tables import put, update
from chalicelib.chat import handoff
from chalicelib.chat.desk import AWAY_SECONDS
from chalicelib.chat.frames import MAX_REASON, Inbound
from chalicelib.chat.handoff import DESK, WAITING, MovedError
from chalicelib.chat.handoff_request import hand_off
from chalicelib.chat.sessions import CONNECTION_SECONDS, Connection, Session, session_key
from chalicelib.chat.summaries import summary_key
from chalicelib.chat.tokens import Ticket
from chalicelib.chat.turns import compress
from chalicelib.errors import NotFoundError, UnauthorizedError
from tests.builders import NOW
from tests.fakes import Killed
from tests.unit.chat.place import Place, open_place


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        yield place


@pytest.fixture
def desk(place: Place) -> Place:
    """Two agents on duty, and a customer who waits."""
    place.on_duty("ana")
    place.on_duty("bo")
    place.open()
    place.desk.take("s1", handoff.to_people("customer", "Wants a refund."))
    return place


def test_a_ticket_opens_the_desk_once(place: Place) -> None:
    ticket = Ticket("t1", agent="ana")
    place.desk.connect(ticket, "one")

    with pytest.raises(UnauthorizedError):
        place.desk.connect(ticket, "two")
    assert [agent.connection_id for agent in place.desk.agents()] == ["one"]


def test_everybody_sees_who_waits(desk: Place) -> None:
    for agent in ("ana", "bo"):
        (entry,) = desk.queue(agent)["waiting"]
        assert {**entry, "since": None} == {
            "session_id": "s1",
            "customer": "Aiko",
            "reason": "Wants a refund.",
            "since": None,
        }
    assert [frame["type"] for frame in desk.socket.frames("cust")] == ["message", "handoff"]


def test_a_queue_of_any_length_fits_into_a_frame(desk: Place) -> None:
    """Of those who are left, and come first by their age, none pushes out who still waits."""
    long = "\U0001f4da" * MAX_REASON
    entries = [
        {"PK": DESK, "SK": f"{WAITING}{number:015}#x{number}", "session_id": f"x{number}", "customer": "anonymous"}
        | {"reason": long, "since": int(NOW) - 1000 + number, "ttl": int(NOW) + 10**6}
        | ({"left": True} if number < 500 else {})
        for number in range(550)
    ]
    desk.table.write_batch(puts=entries)

    desk.desk.show_queue()

    queue = desk.queue("ana")
    assert len(json.dumps(queue, ensure_ascii=False).encode()) < MAX_FRAME_BYTES - 20_000
    assert queue["total"] == 551
    waiting = [entry["session_id"] for entry in queue["waiting"] if not entry.get("left")]
    assert waiting == [*(f"x{number}" for number in range(500, 550)), "s1"]
    assert 50 < len(queue["waiting"]) < 551
    assert queue["waiting"][0]["reason"] == long[:199] + "…"


def test_a_conversation_of_any_length_fits_into_a_frame(desk: Place) -> None:
    for number in range(12):
        desk.say("\U0001f4da" * 3_990, message_id=f"m{number}")
    place_summary(desk, "語" * 10_000)

    desk.do("ana", "claim")

    (shown,) = desk.socket.frames("ana", "conversation")
    assert len(json.dumps(shown, ensure_ascii=False).encode()) < MAX_FRAME_BYTES - 20_000
    assert len(shown["summary"]) == 10_000
    assert shown["history"][-1]["content"] == "ana has joined the conversation."
    assert len(shown["history"]) >= 4


def place_summary(place: Place, text: str) -> None:
    item = {"PK": "SESSION#s1", "SK": summary_key(1), "content": compress(text), "encoding": "zlib"}
    place.table.transact(put(item), update(session_key("s1"), "SET summary_upto = :one", one=1))


def test_a_frame_that_is_refused_is_logged(desk: Place, capsys: pytest.CaptureFixture[str]) -> None:
    desk.socket.broken = True

    desk.desk.show_queue("ana")

    assert "frame not sent" in capsys.readouterr().out


def test_a_customer_who_asks_twice_hears_again_that_they_wait(desk: Place) -> None:
    desk.socket.sent.clear()

    desk.desk.take("s1", handoff.to_people("customer", ""))

    assert desk.socket.sent == [("cust", {"type": "handoff", "status": "waiting"})]


def test_the_winner_gets_the_conversation_and_the_loser_a_fresh_queue(desk: Place) -> None:
    desk.say("I was charged twice.")
    desk.do("ana", "claim")
    desk.socket.sent.clear()

    with pytest.raises(MovedError, match="taken by ana already"):
        desk.do("bo", "claim")

    assert [one for one, _ in desk.socket.sent] == ["bo"]
    assert (desk.waiting("bo"), desk.mine("bo")) == ([], [])


def test_a_claim_shows_all_that_was_said(desk: Place) -> None:
    desk.say("I was charged twice.")

    desk.do("ana", "claim")

    (shown,) = desk.socket.frames("ana", "conversation")
    assert (shown["status"], shown["customer"], shown["connected"], shown["summary"]) == ("handoff", "Aiko", True, None)
    assert [turn["author"] for turn in shown["history"]] == ["system", "customer", "system"]
    assert shown["history"][1]["content"] == "I was charged twice."
    assert (desk.waiting("bo"), desk.mine("ana")) == ([], ["s1"])


def test_a_claim_of_ones_own_shows_it_again(desk: Place) -> None:
    desk.do("ana", "claim")
    desk.do("ana", "claim")

    assert len(desk.socket.frames("ana", "conversation")) == 2
    assert len(desk.items("HANDOFF#")) == 2


def test_an_agent_talks_to_the_customer(desk: Place) -> None:
    desk.do("ana", "claim")

    desk.do("ana", "message", message_id="m1", content="How can I help?")
    desk.do("ana", "message", message_id="m1", content="How can I help?")

    acks = desk.socket.frames("ana", "ack")
    assert [(ack["session_id"], ack["delivered"]) for ack in acks] == [("s1", True), ("s1", True)]
    told = [frame for frame in desk.socket.frames("cust", "message") if frame["author"] == "agent"]
    assert {frame["seq"] for frame in told} == {acks[0]["seq"]}
    assert desk.told()[-1] == ("agent", "How can I help?")


def test_ids_of_customers_and_agents_do_not_meet(desk: Place) -> None:
    desk.do("ana", "claim")
    desk.say("I was charged twice.", message_id="m1")

    desk.do("ana", "message", message_id="m1", content="How can I help?")

    assert desk.told()[-2:] == [("customer", "I was charged twice."), ("agent", "How can I help?")]
    desk.say("Thank you.", message_id="AGENT:ana:m1")
    assert desk.told()[-1] == ("customer", "Thank you.")


@pytest.mark.parametrize("socket_is_known", [True, False])
def test_an_agent_hears_that_the_customer_is_gone(desk: Place, socket_is_known: bool) -> None:
    desk.do("ana", "claim")
    if socket_is_known:
        desk.socket.gone.add("cust")
    else:
        desk.sessions.disconnect(Connection("cust", "s1"))

    desk.do("ana", "message", message_id="m1", content="Are you there?")

    assert desk.socket.frames("ana", "ack")[0]["delivered"] is False
    assert desk.told()[-1] == ("agent", "Are you there?")


@pytest.mark.parametrize("action", ["message", "return", "close"])
def test_a_guessed_session_is_of_no_use(desk: Place, action: str) -> None:
    desk.do("ana", "claim")

    with pytest.raises(MovedError):
        desk.do("bo", action, message_id="m1", content="I am not Ana.")

    assert desk.session().agent == "ana"
    assert len(desk.told()) == 2


def test_nobody_claims_what_is_not_there(desk: Place) -> None:
    with pytest.raises(NotFoundError):
        desk.do("ana", "claim", "nobody's")
    assert desk.waiting("ana") == ["s1"]


def test_nobody_claims_what_did_not_ask_for_a_person(desk: Place) -> None:
    desk.open("s2", connected=False)

    with pytest.raises(MovedError, match="with the assistant already"):
        desk.do("ana", "claim", "s2")


@pytest.mark.parametrize(("action", "status"), [("return", "active"), ("close", "closed")])
def test_an_end_is_told_to_both(desk: Place, action: str, status: str) -> None:
    desk.do("ana", "claim")
    desk.socket.sent.clear()

    desk.do("ana", action)

    assert desk.socket.frames("cust", "handoff") == [{"type": "handoff", "status": status}]
    assert desk.socket.frames("ana", "handoff") == [{"type": "handoff", "status": status, "session_id": "s1"}]
    assert (desk.waiting("bo"), desk.mine("ana")) == ([], [])


def test_an_agent_who_comes_back_finds_what_is_theirs(desk: Place) -> None:
    desk.do("ana", "claim")
    desk.desk.disconnect(Connection("ana", agent="ana"))

    desk.on_duty("ana", "ana-2")
    desk.agents.serve(Connection("ana-2", agent="ana"), frame_of("hello"))
    desk.agents.serve(Connection("ana-2", agent="ana"), frame_of("message", content="I am back."))

    assert desk.mine("ana-2") == ["s1"]
    assert desk.told()[-1] == ("agent", "I am back.")


def frame_of(action: str, content: str | None = None) -> Inbound:
    return Inbound(action, message_id="m9", content=content, session_id="s1")


def test_another_agent_takes_over_after_two_minutes(desk: Place) -> None:
    desk.do("ana", "claim")
    desk.socket.gone.add("ana")
    desk.desk.show_queue()  # which finds out

    desk.clock.now += AWAY_SECONDS - 5
    with pytest.raises(MovedError, match="taken by ana"):
        desk.do("bo", "claim")
    assert desk.waiting("bo") == []

    desk.clock.now += 5
    desk.desk.show_queue()
    assert desk.queue("bo")["waiting"][0]["agent"] == "ana"
    desk.do("bo", "claim")

    assert (desk.session().agent, desk.mine("bo"), desk.waiting("bo")) == ("bo", ["s1"], [])
    assert desk.told()[-1] == ("system", "bo has joined the conversation.")
    with pytest.raises(MovedError):
        desk.do("ana", "message", message_id="m1", content="Wait!")


def test_an_agent_with_another_socket_is_not_away(desk: Place) -> None:
    desk.on_duty("ana", "ana-phone")
    desk.do("ana", "claim")
    desk.desk.disconnect(Connection("ana", agent="ana"))
    desk.clock.now += AWAY_SECONDS

    with pytest.raises(MovedError):
        desk.do("bo", "claim")


def test_an_agent_of_whom_nothing_is_known_any_more_is_away(desk: Place) -> None:
    desk.do("ana", "claim")
    desk.clock.now += CONNECTION_SECONDS
    desk.on_duty("bo", "bo-2")

    desk.agents.serve(Connection("bo-2", agent="bo"), frame_of("claim"))

    assert desk.session().agent == "bo"


def test_that_an_agent_is_gone_is_noted_once(desk: Place) -> None:
    desk.desk.disconnect(Connection("ana", agent="ana"))
    before = desk.desk.agents()
    desk.clock.now += 60

    desk.desk.disconnect(Connection("ana", agent="ana"))
    desk.desk.disconnect(Connection("nobody's", agent="ana"))

    assert desk.desk.agents() == before
    assert desk.sessions.connection("ana") is None


def test_a_socket_that_cannot_be_asked_stays_on_duty(desk: Place) -> None:
    desk.socket.broken = True

    desk.desk.show_queue()
    assert desk.desk.reach(desk.session(), {"type": "pong"}) is False

    assert {agent.gone_at for agent in desk.desk.agents()} == {None}


def test_a_system_or_an_operator_hands_off(place: Place) -> None:
    place.open()
    place.on_duty("ana")

    assert hand_off(place.desk, {"session_id": "s1", "reason": "Fraud check", "by": "Kim"}) == {"status": "waiting"}
    assert hand_off(place.desk, {"session_id": "s1", "reason": "Fraud check"}) == {"status": "waiting"}
    place.do("ana", "claim")
    assert hand_off(place.desk, {"session_id": "s1", "reason": "Fraud check"}) == {"status": "handoff"}

    (record, _) = place.items("HANDOFF#")
    assert (record["who"], record["reason"]) == ("operator:Kim", "Fraud check")
    assert place.socket.frames("cust", "handoff")[0]["status"] == "waiting"


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"session_id": "nobody's", "reason": "x"}, "not_found"),
        ({"session_id": "s1"}, "bad_request"),
        ({"session_id": "", "reason": "x"}, "bad_request"),
        ({"session_id": 1, "reason": "x"}, "bad_request"),
        ({"session_id": "s1", "reason": "a\nb"}, "bad_request"),
        ({"session_id": "s1", "reason": "x" * 501}, "bad_request"),
        ({"session_id": "s1", "reason": "x", "by": 7}, "bad_request"),
    ],
)
def test_a_request_that_cannot_be_used_says_why(place: Place, event: dict[str, object], code: str) -> None:
    place.open()

    error = hand_off(place.desk, event)["error"]

    assert error["code"] == code
    assert error["message"]
    assert place.session().status == "active"


class Dying:
    """A DynamoDB client whose process ends after the n-th write; ``at`` 0 never."""

    def __init__(self, client: Any, at: int) -> None:
        self._client, self._at = client, at
        self.writes = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)
        if name not in ("put_item", "update_item", "delete_item", "transact_write_items"):
            return method

        def write(**arguments: Any) -> Any:
            answer = method(**arguments)
            self.writes += 1
            if self.writes == self._at:
                raise Killed
            return answer

        return write


def play(at: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]], Session, int]:
    """A whole handoff, broken off behind a write; everybody repeats what brought no answer."""
    with open_place() as place:
        place.on_duty("ana")
        place.open()
        client = Dying(place.table.client, at)
        table = replace(place.table, client=client)
        place.handoffs = replace(place.handoffs, table=table)
        place.desk = replace(place.desk, table=table, handoffs=place.handoffs)
        place.agents = replace(place.agents, handoffs=place.handoffs, desk=place.desk)
        steps: list[Callable[[], object]] = [
            lambda: place.desk.take("s1", handoff.to_people("customer", "")),
            lambda: place.do("ana", "claim"),
            lambda: place.do("ana", "message", message_id="m1", content="Good morning."),
            lambda: place.do("ana", "return"),
        ]
        for step in steps:
            try:
                step()
            except Killed:
                with suppress(MovedError):
                    step()
        records = [(item["who"], item["status"]) for item in place.items("HANDOFF#")]
        assert place.handoffs.entries() == []
        return place.told(), records, replace(place.session(), updated_at=0, ttl=0), client.writes


def test_a_handoff_that_is_broken_off_and_repeated_is_the_same() -> None:
    told, records, session, writes = play(0)
    assert writes == 4

    for at in range(1, writes + 1):
        assert play(at)[:3] == (told, records, session)
