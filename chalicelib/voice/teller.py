"""What an intent works with in one turn: the bank, the call as it is now, and the time."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

from chalicelib.voice.bank import Account, Balance, TransferOutcome, Verdict
from chalicelib.voice.bot import SLOT_TYPES
from chalicelib.voice.calls import Call, Calls
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.speech import Accounts
from chalicelib.voice.transfers import Transfers

KINDS = SLOT_TYPES["AccountType"]


class Bank(Protocol):
    """The bank's API, as ``bank.BankClient`` has it. ``BankUnavailableError`` from any method."""

    def verify(self, number: str, pin: str, deadline: Deadline) -> Verdict: ...

    def accounts(self, customer_id: str, deadline: Deadline) -> Sequence[Account]: ...

    def balance(self, account_id: str, deadline: Deadline) -> Balance: ...

    def transfer(
        self, reference: str, source_id: str, target_id: str, amount: Decimal, deadline: Deadline
    ) -> TransferOutcome:
        """Move money once for a reference, however often it is sent; ``pending`` unless it is certain.

        ``BankUnavailableError`` only when this call has certainly sent nothing.
        """

    def block_card(self, card_id: str, deadline: Deadline) -> None: ...


@dataclass(frozen=True)
class Teller:
    """``clock`` gives seconds since the epoch, ``deadline`` ends what this turn may wait for."""

    bank: Bank
    calls: Calls
    call: Call
    deadline: Deadline
    clock: Callable[[], float]
    make_id: Callable[[], str]

    @property
    def transfers(self) -> Transfers:
        """The customers' transfers, in the same table and time as the calls."""
        return Transfers(self.calls.table, self.calls.clock)


def known_accounts(teller: Teller, customer_id: str) -> Sequence[Account]:
    """A customer's accounts of the kinds that can be asked for, in the order of the keypad."""
    accounts = [one for one in teller.bank.accounts(customer_id, teller.deadline) if one.type in KINDS]
    return sorted(accounts, key=lambda account: KINDS.index(account.type))


def of_kind(accounts: Sequence[Account], kind: str) -> Sequence[Account]:
    return [account for account in accounts if account.type == kind]


def offer(accounts: Sequence[Account]) -> Accounts:
    """The kinds a customer has, with their keys."""
    kinds = tuple(dict.fromkeys(account.type for account in accounts))
    return Accounts(kinds, tuple(KINDS.index(kind) + 1 for kind in kinds))
