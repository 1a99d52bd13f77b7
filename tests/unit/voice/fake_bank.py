"""A bank in memory, with the accounts of the sample customers, a ledger, and faults as a test wants them."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal

from chalicelib.voice.bank import Account, Balance, BankUnavailableError, Card, TransferOutcome, Verdict
from chalicelib.voice.deadline import Deadline
from tests.builders import NOW

ANA, LUIS, RICH = "10020030", "10020031", "10020032"
PINS = {ANA: "1234", LUIS: "0042", RICH: "9999"}

FAULTS = ("down", "lost_before", "lost_after")
"""Nothing is sent; nothing arrives, and nobody knows; it is done, and nobody knows."""


def sample_accounts() -> dict[str, list[Account]]:
    """The accounts of each customer."""
    return {
        "cus_ana": [
            Account("acc_1", "checking", "4321", "USD", Card("card_1", "9876", blocked=False)),
            Account("acc_2", "savings", "8765", "USD", None),
            Account("acc_3", "credit", "5566", "USD", Card("card_3", "7788", blocked=False)),
        ],
        "cus_luis": [
            Account("acc_4", "checking", "2468", "USD", Card("card_4", "1357", blocked=False)),
            Account("acc_5", "savings", "9753", "USD", None),
        ],
        "cus_rich": [
            Account("acc_6", "checking", "1111", "USD", None),
            Account("acc_7", "savings", "2222", "USD", None),
        ],
    }


def sample_balances() -> dict[str, Decimal]:
    amounts = ("1204.50", "15300.00", "-230.10", "87.05", "640.00", "50000.00", "50000.00")
    return {f"acc_{number}": Decimal(amount) for number, amount in enumerate(amounts, 1)}


@dataclass
class FakeBank:
    """``faults`` are used up one a call of any kind; an empty text is none. ``asked`` names the calls there were."""

    accounts_of: dict[str, list[Account]] = field(default_factory=sample_accounts)
    balances: dict[str, Decimal] = field(default_factory=sample_balances)
    ledger: dict[str, TransferOutcome] = field(default_factory=dict)
    moved: list[tuple[str, str, str, Decimal]] = field(default_factory=list)
    wrong_pins: dict[str, int] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    is_down: bool = False

    def verify(self, number: str, pin: str, deadline: Deadline) -> Verdict:
        if self._meet("verify", "lost"):
            raise BankUnavailableError("The bank did not answer.", is_sent=True)
        if self.wrong_pins.get(number, 0) >= 3:
            return Verdict(None, locked=True)
        if PINS.get(number) == pin:
            self.wrong_pins.pop(number, None)
            return Verdict(dict(zip(PINS, self.accounts_of, strict=True))[number], locked=False)
        self.wrong_pins[number] = self.wrong_pins.get(number, 0) + 1
        return Verdict(None, locked=self.wrong_pins[number] >= 3)

    def accounts(self, customer_id: str, deadline: Deadline) -> Sequence[Account]:
        self._meet("accounts")
        return list(self.accounts_of[customer_id])

    def balance(self, account_id: str, deadline: Deadline) -> Balance:
        self._meet("balance")
        return Balance(self.balances[account_id], "USD", datetime.fromtimestamp(NOW, UTC))

    def transfer(
        self, reference: str, source_id: str, target_id: str, amount: Decimal, deadline: Deadline
    ) -> TransferOutcome:
        fault = self._meet("transfer", "lost_before", "lost_after")
        if fault == "lost_before":
            return TransferOutcome("pending", None)
        if reference not in self.ledger:
            self.ledger[reference] = self._book(reference, source_id, target_id, amount)
        return TransferOutcome("pending", None) if fault == "lost_after" else self.ledger[reference]

    def block_card(self, card_id: str, deadline: Deadline) -> None:
        fault = self._meet("block_card", "lost_after")
        for accounts in self.accounts_of.values():
            for place, account in enumerate(accounts):
                if account.card and account.card.id == card_id:
                    accounts[place] = replace(account, card=replace(account.card, blocked=True))
        if fault:
            raise BankUnavailableError("The bank did not answer.", is_sent=True)

    def is_blocked(self, card_id: str) -> bool:
        cards = [account.card for accounts in self.accounts_of.values() for account in accounts if account.card]
        return next(card.blocked for card in cards if card.id == card_id)

    @property
    def total(self) -> Decimal:
        return sum(self.balances.values(), Decimal(0))

    def _book(self, reference: str, source_id: str, target_id: str, amount: Decimal) -> TransferOutcome:
        if self.balances[source_id] < amount:
            return TransferOutcome("refused", "insufficient_funds")
        self.balances[source_id] -= amount
        self.balances[target_id] += amount
        self.moved.append((reference, source_id, target_id, amount))
        return TransferOutcome("completed", None)

    def _meet(self, call: str, *possible: str) -> str:
        """The next fault; one that is not ``possible`` for this call has the bank down instead."""
        self.asked.append(call)
        fault = self.faults.pop(0) if self.faults else ""
        if self.is_down or (fault and fault not in possible):
            raise BankUnavailableError("The bank cannot be reached.")
        return fault
