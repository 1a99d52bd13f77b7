from collections.abc import Iterator
from dataclasses import replace

import pytest

from chalicelib.aws.tables import ConditionFailedError, put
from chalicelib.chat import handoff
from chalicelib.chat.handoff import IN_LINE, LEFT, NOBODY, MovedError
from chalicelib.errors import NotFoundError
from tests.unit.chat.place import Place, open_place


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        yield place


@pytest.fixture
def waiting(place: Place) -> Place:
    """Somebody who waits, and two agents on duty."""
    place.open()
    place.on_duty("ana")
    place.on_duty("bo")
    place.handoffs.take("s1", handoff.to_people("customer", "Wants a refund."))
    return place


def test_a_handoff_is_one_transaction_of_four_writes(waiting: Place) -> None:
    session, (record,), (entry,) = waiting.session(), waiting.items("HANDOFF#"), waiting.handoffs.entries()

    assert (session.status, session.seq, session.waiting) == ("waiting", 1, entry["SK"])
    assert (record["status"], record["who"], record["reason"]) == ("waiting", "customer", "Wants a refund.")
    assert waiting.told() == [("system", IN_LINE)]
    assert (entry["session_id"], entry["customer"], entry["reason"]) == ("s1", "Aiko", "Wants a refund.")
    assert entry["ttl"] == session.ends_at


def test_a_handoff_is_whole_or_not_at_all(place: Place) -> None:
    session = place.open()
    writes, turn = place.handoffs.writes(session, handoff.to_people("customer", ""))
    place.table.write(put(turn.to_item("s1")))

    with pytest.raises(ConditionFailedError):
        place.table.transact(*writes)

    assert place.session() == session
    assert (place.items("HANDOFF#"), place.handoffs.entries()) == ([], [])


def test_asking_twice_changes_nothing(waiting: Place) -> None:
    before = waiting.session()

    session, turn = waiting.handoffs.take("s1", handoff.to_people("assistant", "Again."))

    assert (session, turn) == (before, None)
    assert len(waiting.items("HANDOFF#")) == 1


def test_asking_while_a_person_is_there_changes_nothing(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.claim("ana"))

    session, turn = waiting.handoffs.take("s1", handoff.to_people("customer", ""))

    assert (session.status, session.agent, turn) == ("handoff", "ana", None)


def test_one_agent_wins_and_the_other_hears_who(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.claim("ana"))

    with pytest.raises(MovedError, match="taken by ana already"):
        waiting.handoffs.take("s1", handoff.claim("bo"))
    assert (waiting.session().agent, waiting.handoffs.entries()[0]["agent"]) == ("ana", "ana")


@pytest.mark.parametrize("step", [handoff.give_back("bo"), handoff.close("bo")])
def test_nobody_ends_another_ones_conversation(waiting: Place, step: handoff.Step) -> None:
    waiting.handoffs.take("s1", handoff.claim("ana"))

    with pytest.raises(MovedError, match="no longer yours"):
        waiting.handoffs.take("s1", step)


def test_a_step_meets_a_message_and_is_tried_again(place: Place) -> None:
    session = place.open()
    place.say("Hello?")

    writes, _ = place.handoffs.writes(session, handoff.to_people("customer", ""))
    with pytest.raises(ConditionFailedError):
        place.table.transact(*writes)
    after, turn = place.handoffs.take("s1", handoff.to_people("customer", ""))

    assert turn is not None
    assert (after.seq, turn.seq) == (3, 3)


def test_the_assistant_answers_only_what_comes_after_the_return(waiting: Place) -> None:
    said = waiting.say("Is anybody there?")
    waiting.handoffs.take("s1", handoff.claim("ana"))

    after, turn = waiting.handoffs.take("s1", handoff.give_back("ana"))

    assert after == waiting.session()
    assert turn is not None
    assert after.answered >= said.seq
    assert (after.status, after.agent, after.waiting) == ("active", None, None)
    assert after.answered < turn.seq < waiting.say("And now?").seq
    assert waiting.handoffs.entries() == []


def test_a_closed_conversation_stays_closed(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.claim("ana"))
    waiting.handoffs.take("s1", handoff.close("ana"))

    for step in (handoff.to_people("customer", ""), handoff.claim("bo"), handoff.give_back("ana"), handoff.leave()):
        with pytest.raises(MovedError, match="closed already"):
            waiting.handoffs.take("s1", step)
    assert waiting.handoffs.entries() == []
    assert [item["status"] for item in waiting.items("HANDOFF#")] == ["waiting", "handoff", "closed"]


def test_who_did_what_is_kept(waiting: Place) -> None:
    for step in (handoff.claim("ana"), handoff.take_over("bo", "ana"), handoff.give_back("bo")):
        waiting.handoffs.take("s1", step)

    records = [(item["who"], item["status"], item["reason"]) for item in waiting.items("HANDOFF#")]
    assert records == [
        ("customer", "waiting", "Wants a refund."),
        ("agent:ana", "handoff", ""),
        ("agent:bo", "handoff", "ana was gone."),
        ("agent:bo", "active", ""),
    ]


def test_what_is_left_can_still_be_claimed(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.leave())
    left = waiting.session()
    assert (left.status, waiting.handoffs.entries()[0]["left"]) == ("active", True)
    assert waiting.told()[-1] == ("system", LEFT)
    with pytest.raises(MovedError):
        waiting.handoffs.take("s1", handoff.leave())

    waiting.handoffs.take("s1", handoff.claim("ana"))

    (entry,) = waiting.handoffs.entries()
    assert (entry["SK"], entry["agent"], "left" in entry) == (left.waiting, "ana", False)


def test_who_was_left_and_asks_again_waits_anew_in_one_place(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.leave())
    waiting.clock.now += 600

    waiting.handoffs.take("s1", handoff.to_people("customer", "Still."))

    (entry,) = waiting.handoffs.entries()
    assert (entry["reason"], entry["since"], "left" in entry) == ("Still.", int(waiting.clock.now), False)


def test_a_lost_entry_at_the_desk_does_not_stop_a_claim(waiting: Place) -> None:
    (entry,) = waiting.handoffs.entries()
    waiting.table.write_batch(deletes=[{"PK": entry["PK"], "SK": entry["SK"]}])

    waiting.handoffs.take("s1", handoff.claim("ana"))

    assert [item["agent"] for item in waiting.handoffs.entries()] == ["ana"]


def test_nothing_happens_to_a_session_that_has_ended(waiting: Place) -> None:
    waiting.handoffs.take("s1", handoff.claim("ana"))
    session = waiting.session()
    waiting.clock.now += 86_400

    with pytest.raises(NotFoundError):
        waiting.handoffs.take("s1", handoff.give_back("ana"))
    with pytest.raises(NotFoundError):
        waiting.handoffs.take("nobody's", handoff.claim("ana"))
    with pytest.raises(NotFoundError):
        waiting.handoffs.say(replace(session, seq=0), "m1", "Too late.")


def test_an_agents_message_is_stored_once(waiting: Place) -> None:
    session, _ = waiting.handoffs.take("s1", handoff.claim("ana"))

    first, is_new = waiting.handoffs.say(session, "m1", "Good morning.")
    again, is_new_again = waiting.handoffs.say(session, "m1", "Good morning.")

    assert (is_new, is_new_again, again.seq) == (True, False, first.seq)
    assert waiting.told()[-1] == ("agent", "Good morning.")
    assert waiting.session().unsummarised == 2


def test_an_agents_message_waits_for_the_customers(waiting: Place) -> None:
    stale, _ = waiting.handoffs.take("s1", handoff.claim("ana"))
    said = waiting.say("One moment.")

    turn, _ = waiting.handoffs.say(stale, "m1", "Of course.")

    assert turn.seq > said.seq


def test_an_agent_says_nothing_after_the_return(waiting: Place) -> None:
    stale, _ = waiting.handoffs.take("s1", handoff.claim("ana"))
    waiting.handoffs.take("s1", handoff.give_back("ana"))

    with pytest.raises(MovedError, match="no longer yours"):
        waiting.handoffs.say(stale, "m1", "One more thing.")


def test_five_answers_of_a_person_want_a_summary(waiting: Place) -> None:
    session, _ = waiting.handoffs.take("s1", handoff.claim("ana"))

    for number in range(5):
        assert "summarise" not in (waiting.table.get({"PK": "SESSION#s1", "SK": "META"}) or {})
        waiting.handoffs.say(session, f"m{number}", "Yes.")

    assert (waiting.table.get({"PK": "SESSION#s1", "SK": "META"}) or {})["summarise"] is True


@pytest.mark.parametrize("hours", ["", "Mon-Fri 13:00-14:00 UTC"])
def test_without_anybody_the_customer_hears_so_at_once(hours: str) -> None:
    with open_place(hours) as place:
        place.open()
        if hours:
            place.on_duty("ana")

        place.handoffs.take("s1", handoff.to_people("customer", ""))

        note = f" (we are here {hours})" if hours else ""
        assert place.told() == [("system", NOBODY.format(hours=note))]
        assert "e-mail" in place.told()[0][1]
        assert place.session().status == "waiting"
