"""The calls table: what is counted and kept, also when turns meet."""

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.errors import UnavailableError
from chalicelib.voice.bank import TransferOutcome
from chalicelib.voice.calls import LIFE_SECONDS, Call, Transfer
from tests.unit.voice.fake_bank import FakeBank
from tests.unit.voice.telephone import Caller, Line

FRESH = Transfer("reference", "acc_1", "acc_2")


@pytest.fixture
def verified(line: Line) -> Line:
    line.calls.count_attempt("s")
    assert line.calls.verify("s", "cus_ana")
    return line


def test_a_call_that_is_not_known(line: Line) -> None:
    assert line.calls.find("s") == Call()
    with pytest.raises(UnavailableError):
        line.calls.find("")


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
    assert verified.calls.find("s").transfers == {}


class TestTransfers:
    def test_prepared_begun_settled(self, verified: Line) -> None:
        assert verified.calls.prepare("s", "cus_ana", "print", FRESH)
        assert verified.calls.find("s").transfers == {"print": FRESH}
        assert verified.calls.begin("s", "cus_ana", "print", FRESH)
        verified.calls.settle("s", "print", "reference", "refused", "insufficient_funds")

        kept = verified.calls.find("s").transfers["print"]
        assert (kept.tries, kept.status, kept.code) == (1, "refused", "insufficient_funds")

    def test_one_that_is_on_its_way_is_not_replaced(self, verified: Line) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)
        verified.calls.begin("s", "cus_ana", "print", FRESH)
        verified.calls.settle("s", "print", "reference", "pending", None)

        assert not verified.calls.prepare("s", "cus_ana", "print", Transfer("other", "acc_1", "acc_2"))

    def test_one_that_has_ended_is(self, verified: Line) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)
        verified.calls.begin("s", "cus_ana", "print", FRESH)
        verified.calls.settle("s", "print", "reference", "completed", None)

        assert verified.calls.prepare("s", "cus_ana", "print", Transfer("other", "acc_1", "acc_2"))

    def test_of_two_who_begin_at_once_one_is_first(self, verified: Line) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)

        assert verified.calls.begin("s", "cus_ana", "print", FRESH)
        assert not verified.calls.begin("s", "cus_ana", "print", FRESH)
        assert not verified.calls.drop("s", "cus_ana", "print", FRESH)

    def test_an_end_is_not_forgotten_for_a_doubt(self, verified: Line) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)
        verified.calls.settle("s", "print", "reference", "completed", None)
        verified.calls.settle("s", "print", "reference", "pending", None)

        assert verified.calls.find("s").transfers["print"].status == "completed"

    def test_what_was_dropped_cannot_begin(self, verified: Line) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)
        assert verified.calls.drop("s", "cus_ana", "print", FRESH)

        assert not verified.calls.begin("s", "cus_ana", "print", FRESH)

    @pytest.mark.parametrize("change", ["locked", "another", "expired"])
    def test_none_without_the_call_as_it_was(self, verified: Line, change: str) -> None:
        verified.calls.prepare("s", "cus_ana", "print", FRESH)
        if change == "locked":
            verified.calls.lock("s")
        if change == "expired":
            verified.clock.now += LIFE_SECONDS

        customer = "cus_luis" if change == "another" else "cus_ana"
        assert not verified.calls.begin("s", customer, "print", FRESH)
        assert not verified.calls.prepare("s", customer, "other", FRESH)


@dataclass
class _Interrupted(FakeBank):
    """A bank that is asked for a transfer while the same is being delivered once more."""

    caller: list[Caller] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def transfer(self, reference: str, *others: Any) -> TransferOutcome:
        if self.caller:
            self.heard.append(self.caller.pop().again().heard)
        return super().transfer(reference, *others)


def test_two_deliveries_of_one_fulfilment_at_once(line: Line) -> None:
    bank = _Interrupted()
    line = Line(line.client, line.table, bank)
    caller = line.call().say("VerifyCaller").prove()
    caller.say("TransferFunds", FromAccount="checking", ToAccount="savings", TransferAmount="250")
    bank.caller.append(caller)

    caller.confirm()

    assert bank.moved == [("reference1", "acc_1", "acc_2", Decimal("250.00"))]
    assert [caller.heard] == bank.heard
    assert "Done" in caller.heard
