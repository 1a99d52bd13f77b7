"""The calls table: what is counted and kept."""

import pytest

from chalicelib.errors import UnavailableError
from chalicelib.voice.calls import LIFE_SECONDS, Call
from tests.unit.voice.telephone import Line


@pytest.fixture
def verified(line: Line) -> Line:
    line.calls.count_attempt("s")
    assert line.calls.verify("s", "cus_ana")
    return line


def test_a_call_that_is_not_known(line: Line) -> None:
    assert line.calls.find("s") == Call()


@pytest.mark.parametrize("session_id", ["", "transfer#0", "customer#cus_ana", "a b", "s\n", "\u0661", "s" * 101])
def test_what_is_no_session_id_of_lex_is_no_call(line: Line, session_id: str) -> None:
    """The table's other items have keys with a ``#``."""
    with pytest.raises(UnavailableError):
        line.calls.find(session_id)
    with pytest.raises(UnavailableError):
        line.calls.count_attempt(session_id)
    assert line.stored() == []


def test_attempts_are_counted_up_to_three(line: Line) -> None:
    assert [line.calls.count_attempt("s") for _ in range(5)] == [1, 2, 3, None, None]


def test_a_right_one_is_taken_back(verified: Line) -> None:
    call = verified.calls.find("s")

    assert (call.customer_id, call.attempts, call.verified_at) == ("cus_ana", 0, int(verified.clock.now))


def test_nothing_is_verified_that_was_not_counted(line: Line) -> None:
    assert line.calls.verify("s", "cus_ana") is None


def test_a_lock_wins_over_a_proof_that_comes_later(line: Line) -> None:
    line.calls.count_attempt("s")
    line.calls.lock("s")

    assert line.calls.verify("s", "cus_ana") is None
    assert line.calls.count_attempt("s") is None


def test_a_lock_takes_the_proof_away(verified: Line) -> None:
    verified.calls.lock("s")

    call = verified.calls.find("s")
    assert (call.is_locked, call.customer_id) == (True, None)
    assert not call.is_verified(verified.clock.now)


def test_it_lives_an_hour_after_its_last_use(verified: Line) -> None:
    assert verified.stored()[0]["ttl"]["N"] == str(int(verified.clock.now) + LIFE_SECONDS)

    verified.clock.now += LIFE_SECONDS
    assert verified.calls.find("s") == Call()
    assert verified.calls.verify("s", "cus_ana") is None
    assert verified.calls.count_attempt("s") == 1
    assert (verified.calls.find("s").customer_id, verified.calls.find("s").key) == (None, "")


def test_a_call_has_a_key_since_its_first_proof(verified: Line) -> None:
    assert verified.calls.find("s").key == "key1"
    verified.calls.count_attempt("s")
    verified.calls.verify("s", "cus_ana")
    verified.calls.count_attempt("t")
    verified.calls.verify("t", "cus_ana")

    assert verified.calls.find("s").key == "key1"
    assert verified.calls.find("t").key not in ("", "key1")
    assert "key1" not in repr(verified.calls.find("s"))


def test_that_it_sends_is_noted_for_its_customer_alone(verified: Line) -> None:
    assert not verified.calls.note_sending("s", "cus_luis")
    assert not verified.calls.find("s").has_sent

    assert verified.calls.note_sending("s", "cus_ana")
    assert verified.calls.find("s").has_sent


@pytest.mark.parametrize("change", ["locked", "expired"])
def test_nothing_is_sent_by_a_call_that_is_over(verified: Line, change: str) -> None:
    if change == "locked":
        verified.calls.lock("s")
    else:
        verified.clock.now += LIFE_SECONDS

    assert not verified.calls.note_sending("s", "cus_ana")
