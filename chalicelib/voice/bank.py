"""What the bank tells: accounts, balances, verdicts on callers and what became of transfers."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from chalicelib.errors import UnavailableError


class BankUnavailableError(UnavailableError):
    """The bank is down, late or makes no sense; whatever was asked for was certainly not sent, or only read."""


@dataclass(frozen=True)
class Card:
    id: str
    last4: str
    blocked: bool


@dataclass(frozen=True)
class Account:
    """``type`` is ``checking``, ``savings`` or ``credit``."""

    id: str
    type: str
    last4: str
    currency: str
    card: Card | None


@dataclass(frozen=True)
class Balance:
    amount: Decimal
    currency: str
    as_of: datetime


@dataclass(frozen=True)
class Verdict:
    """``customer_id`` is None when number and PIN do not belong together."""

    customer_id: str | None
    locked: bool


@dataclass(frozen=True)
class TransferOutcome:
    """``pending`` is all that is not certain; ``code`` says why one was refused."""

    status: Literal["completed", "pending", "refused"]
    code: str | None
