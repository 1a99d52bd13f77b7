"""Transfers in the calls table: kept, begun and settled once, also when calls and turns meet."""

from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.voice.bank import TransferOutcome
from chalicelib.voice.transfers import LIFE_SECONDS, Transfer, fingerprint
from tests.unit.voice.fake_bank import FakeBank
from tests.unit.voice.telephone import Caller, Line

FRESH = Transfer("reference", "acc_1", "acc_2")
OTHER = Transfer("other", "acc_1", "acc_2")


def test_prepared_begun_settled(line: Line) -> None:
    assert line.transfers.find("print") is None
    assert line.transfers.prepare("print", FRESH)
    assert line.transfers.find("print") == FRESH
    assert line.transfers.begin("print", FRESH)
    line.transfers.settle("print", "reference", "refused", "insufficient_funds")

    assert line.transfers.find("print") == replace(FRESH, tries=1, status="refused", code="insufficient_funds")


def test_one_that_is_on_its_way_is_not_replaced(line: Line) -> None:
    line.transfers.prepare("print", FRESH)
    line.transfers.begin("print", FRESH)
    line.transfers.settle("print", "reference", "pending", None)

    assert not line.transfers.prepare("print", OTHER)


@pytest.mark.parametrize("status", ["completed", "refused"])
def test_one_that_has_ended_is(line: Line, status: str) -> None:
    line.transfers.prepare("print", FRESH)
    line.transfers.begin("print", FRESH)
    line.transfers.settle("print", "reference", status, None)

    assert line.transfers.prepare("print", OTHER)
    assert line.transfers.find("print") == OTHER


def test_one_that_waits_is_replaced_between_other_accounts_alone(line: Line) -> None:
    line.transfers.prepare("print", FRESH)

    assert not line.transfers.prepare("print", OTHER)
    assert line.transfers.prepare("print", replace(OTHER, target_id="acc_9"))


def test_of_two_who_begin_at_once_one_is_first(line: Line) -> None:
    line.transfers.prepare("print", FRESH)

    assert line.transfers.begin("print", FRESH)
    assert not line.transfers.begin("print", FRESH)
    assert not line.transfers.drop("print", FRESH)


def test_an_end_is_not_forgotten_for_a_doubt(line: Line) -> None:
    line.transfers.prepare("print", FRESH)
    line.transfers.settle("print", "reference", "completed", None)
    line.transfers.settle("print", "reference", "pending", None)

    found = line.transfers.find("print")
    assert found is not None
    assert found.status == "completed"


def test_what_was_dropped_cannot_begin(line: Line) -> None:
    line.transfers.prepare("print", FRESH)
    assert line.transfers.drop("print", FRESH)

    assert line.transfers.find("print") is None
    assert not line.transfers.begin("print", FRESH)
    assert line.transfers.prepare("print", OTHER)


def test_it_lives_two_hours_after_its_last_use(line: Line) -> None:
    line.transfers.prepare("print", FRESH)
    line.clock.now += LIFE_SECONDS - 1
    assert line.transfers.begin("print", FRESH)
    sent = line.transfers.find("print")
    assert sent is not None
    assert line.stored()[0]["ttl"]["N"] == str(int(line.clock.now) + LIFE_SECONDS)

    line.clock.now += LIFE_SECONDS
    assert line.transfers.find("print") is None
    assert not line.transfers.begin("print", sent)
    assert line.transfers.prepare("print", OTHER)


def test_its_key_can_be_no_call_of_lex(line: Line) -> None:
    line.transfers.prepare("print", FRESH)

    assert line.stored()[0]["sessionId"]["S"] == "transfer#print"


def test_what_makes_two_the_same() -> None:
    one = fingerprint("cus_ana", "checking", "savings", Decimal(250))

    assert one == fingerprint("cus_ana", "checking", "savings", Decimal("250.00"))
    assert one != fingerprint("cus_luis", "checking", "savings", Decimal(250))
    assert one != fingerprint("cus_ana", "savings", "checking", Decimal(250))
    assert one != fingerprint("cus_ana", "checking", "savings", Decimal("250.01"))


@dataclass
class _Interrupted(FakeBank):
    """A bank that is asked for a transfer while somebody else has their turn."""

    others: list[Any] = field(default_factory=list)
    heard: list[str] = field(default_factory=list)

    def transfer(self, reference: str, *others: Any) -> TransferOutcome:
        if self.others:
            self.heard.append(self.others.pop()().heard)
        return super().transfer(reference, *others)


def reading_back(line: Line) -> Caller:
    caller = line.call().say("VerifyCaller").prove()
    return caller.say("TransferFunds", FromAccount="checking", ToAccount="savings", TransferAmount="250")


def test_two_deliveries_of_one_fulfilment_at_once(line: Line) -> None:
    bank = _Interrupted()
    line = Line(line.client, line.table, bank)
    caller = reading_back(line)
    bank.others.append(caller.again)

    caller.confirm()

    assert bank.moved == [("reference1", "acc_1", "acc_2", Decimal("250.00"))]
    assert [caller.heard] == bank.heard
    assert "Done" in caller.heard


def test_two_calls_of_one_customer_that_confirm_at_once(line: Line) -> None:
    bank = _Interrupted()
    line = Line(line.client, line.table, bank)
    caller, other = reading_back(line), reading_back(line)
    bank.others.append(other.confirm)

    caller.confirm()

    assert bank.moved == [("reference1", "acc_1", "acc_2", Decimal("250.00"))]
    assert "Done" in caller.heard
    assert "Done" in other.heard
