from collections.abc import Iterator

import pytest

from chalicelib.chat import handoff
from chalicelib.chat.handoff import LEFT
from chalicelib.chat.waiting import Waiting
from tests.unit.chat.place import Place, open_place

LIMIT = 900


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        place.open()
        place.desk.take("s1", handoff.to_people("customer", ""))
        yield place


def check(place: Place) -> dict[str, int]:
    waiting = Waiting(place.table, place.sessions, place.desk, place.clock, LIMIT)
    return {name: number for name, number in waiting.check().items() if number}


def test_within_the_limit_nothing_happens(place: Place) -> None:
    place.clock.now += LIMIT - 10

    assert check(place) == {"waiting": 1}
    assert place.session().status == "waiting"


def test_after_the_limit_the_assistant_goes_on_and_the_message_stays(place: Place) -> None:
    said = place.say("Write to aiko@example.com.")
    place.clock.now += LIMIT
    place.on_duty("ana")

    assert check(place) == {"left": 1}

    session = place.session()
    assert (session.status, session.answered >= said.seq) == ("active", True)
    assert place.told()[-1] == ("system", LEFT)
    assert place.socket.frames("cust", "handoff")[-1]["status"] == "active"
    (entry,) = place.queue("ana")["waiting"]
    assert (entry["session_id"], entry["left"]) == ("s1", True)
    assert check(place) == {"left": 1}
    assert len(place.items("HANDOFF#")) == 2


def test_who_is_being_helped_is_left_alone(place: Place) -> None:
    place.on_duty("ana")
    place.do("ana", "claim")
    place.clock.now += LIMIT

    assert check(place) == {"helped": 1}
    assert place.session().status == "handoff"


def test_what_is_left_lives_on_for_as_long_as_a_session_can(place: Place) -> None:
    ends_at = place.session().ends_at

    for _ in range(7 * 24):
        place.clock.now += 3600
        check(place)
        if place.clock.now < ends_at:
            assert place.session().ttl == pytest.approx(min(place.session().updated_at + 86_400, ends_at))

    assert place.sessions.find("s1") is None
    assert check(place) == {}


def test_entries_of_sessions_that_are_gone_go_too(place: Place) -> None:
    place.table.write_batch(deletes=[{"PK": "SESSION#s1", "SK": "META"}])

    assert check(place) == {"gone": 1}
    assert place.handoffs.entries() == []


def test_the_check_finds_out_that_an_agent_is_gone(place: Place) -> None:
    place.on_duty("ana")
    place.socket.gone.add("ana")

    check(place)

    assert place.desk.agents()[0].gone_at
    assert not place.handoffs.is_staffed()
