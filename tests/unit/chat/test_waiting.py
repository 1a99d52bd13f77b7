from collections.abc import Iterator

import pytest

from chalicelib.aws.tables import Item
from chalicelib.chat import handoff
from chalicelib.chat.handoff import DESK, LEFT, WAITING
from chalicelib.chat.sessions import IDLE_SECONDS, Connection, session_key
from chalicelib.chat.waiting import MAX_LEFT, Waiting
from tests.builders import NOW
from tests.metric_lines import values_of
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


def test_an_agent_clears_what_is_left(place: Place) -> None:
    place.clock.now += LIMIT
    check(place)
    place.on_duty("ana")

    place.do("ana", "claim")
    place.do("ana", "close")

    assert place.handoffs.entries() == []


def test_of_customers_nobody_knows_the_newest_are_left(place: Place) -> None:
    for number in range(MAX_LEFT + 2):
        key = f"{WAITING}{number:015}#x{number}"
        waiting: Item = {"customer_id": "anonymous", "status": "active", "waiting": key}
        session = {**session_key(f"x{number}"), "session_id": f"x{number}", "seq": 1, "answered": 0, "unsummarised": 0}
        times = {"created_at": int(NOW), "updated_at": int(NOW), "ttl": int(NOW) + IDLE_SECONDS, "summary_upto": 0}
        entry: Item = {"PK": DESK, "SK": key, "session_id": f"x{number}", "customer": "anonymous"}
        entry |= {"reason": "", "since": int(NOW), "left": True, "ttl": int(NOW) + IDLE_SECONDS}
        place.table.write_batch(puts=[session | waiting | times, entry])
    place.clock.now += LIMIT

    check(place)

    kept = {entry["session_id"] for entry in place.handoffs.entries()}
    assert kept == {"s1", *(f"x{number}" for number in range(2, MAX_LEFT + 2))}, "s1 is no stranger"
    assert (place.session("x0").waiting, place.session("x0").status) == (None, "active")


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


def test_how_many_wait_and_for_how_long_is_measured_each_minute(
    place: Place, capsys: pytest.CaptureFixture[str]
) -> None:
    place.clock.now += 300
    check(place)
    place.on_duty("ana")
    place.do("ana", "claim")
    check(place)

    shown = capsys.readouterr().out
    assert values_of(shown, "SessionsWaiting") == [1, 0]
    longest = values_of(shown, "LongestWait")
    assert 300_000 <= longest[0] < 302_000
    assert longest[1] == 0


def test_nobody_waits_in_vain_outside_the_hours(capsys: pytest.CaptureFixture[str]) -> None:
    with open_place("Mon-Fri 00:00-00:01 UTC") as place:
        place.open()
        place.desk.take("s1", handoff.to_people("customer", ""))
        place.clock.now += 300
        check(place)

    shown = capsys.readouterr().out
    assert (values_of(shown, "SessionsWaiting"), values_of(shown, "LongestWait")) == ([1], [0])


def test_whose_agent_is_gone_waits_anew(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    place.on_duty("ana")
    place.do("ana", "claim")
    place.desk.disconnect(Connection("ana", agent="ana"))
    place.clock.now += 3_600

    assert check(place) == {"waiting": 1}

    assert values_of(capsys.readouterr().out, "LongestWait") == [0]
