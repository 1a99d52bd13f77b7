"""What the bank tells of customers, accounts and cards, read from its JSON.

Amounts arrive as decimal strings with two digits. Members that are not known mean nothing.
"""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NoReturn

from chalicelib.voice.exchange import Answer

_AMOUNT = re.compile(r"-?[0-9]{1,15}\.[0-9]{2}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_LAST4 = re.compile(r"[0-9]{4}")
_WORD = re.compile(r"[a-z][a-z_]{0,39}")


class MalformedAnswerError(Exception):
    """An answer is not what the bank promised. The message never quotes it."""


@dataclass(frozen=True)
class Card:
    """A card; ``last4`` are the digits a caller knows it by."""

    id: str
    last4: str
    blocked: bool


@dataclass(frozen=True)
class Account:
    """An account; ``type`` is ``checking``, ``savings``, ``credit``, or one that is not known yet."""

    id: str
    type: str
    last4: str
    currency: str
    card: Card | None


@dataclass(frozen=True)
class Balance:
    """What an account held at ``as_of`` (UTC); below zero is owed."""

    amount: Decimal
    currency: str
    as_of: datetime


@dataclass(frozen=True)
class Verdict:
    """Who has proven to be a customer, if anybody; ``locked`` when there are no more attempts."""

    customer_id: str | None
    locked: bool


def read_json(answer: Answer) -> Any:
    """The JSON of an answer, without the numbers that JSON does not have."""
    try:
        return json.loads(answer.body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise MalformedAnswerError("It is not JSON.") from None


def _refuse(_: str) -> NoReturn:
    raise ValueError


def read_verdict(answer: Answer) -> Verdict:
    match read_json(answer):
        case {"verified": True, "customer_id": str(customer_id)} if _is_id(customer_id):
            return Verdict(customer_id, locked=False)
        case {"verified": False, "locked": bool(locked)}:
            return Verdict(None, locked)
    raise MalformedAnswerError("It is no verdict.")


def read_accounts(answer: Answer) -> Sequence[Account]:
    match read_json(answer):
        case {"accounts": list(entries)}:
            return tuple(_read_account(entry) for entry in entries)
    raise MalformedAnswerError("It is no list of accounts.")


def _read_account(entry: Any) -> Account:
    match entry:
        case {
            "id": str(account_id),
            "type": str(account_type),
            "last4": str(last4),
            "currency": str(currency),
            "card": card,
        } if (
            _is_id(account_id)
            and _WORD.fullmatch(account_type)
            and _LAST4.fullmatch(last4)
            and _CURRENCY.fullmatch(currency)
        ):
            return Account(account_id, account_type, last4, currency, None if card is None else _read_card(card))
    raise MalformedAnswerError("An account is not of the form agreed on.")


def _read_card(entry: Any) -> Card:
    match entry:
        case {"id": str(card_id), "last4": str(last4), "status": str(status)} if (
            _is_id(card_id) and _LAST4.fullmatch(last4) and _WORD.fullmatch(status)
        ):
            return Card(card_id, last4, status == "blocked")
    raise MalformedAnswerError("A card is not of the form agreed on.")


def read_balance(answer: Answer, account_id: str) -> Balance:
    """The balance of an account; that of another one is malformed."""
    match read_json(answer):
        case {"account_id": str(found), "balance": str(amount), "currency": str(currency), "as_of": str(as_of)} if (
            found == account_id and _CURRENCY.fullmatch(currency)
        ):
            return Balance(read_amount(amount), currency, _read_time(as_of))
    raise MalformedAnswerError("It is no balance of this account.")


def read_block(answer: Answer, card_id: str) -> None:
    """Return if the card is blocked now."""
    match read_json(answer):
        case {"id": str(found), "status": "blocked"} if found == card_id:
            return
    raise MalformedAnswerError("It does not say that the card is blocked.")


def read_amount(text: str) -> Decimal:
    if not _AMOUNT.fullmatch(text):
        raise MalformedAnswerError("An amount is no decimal with two digits.")
    return Decimal(text)


def is_code(value: Any) -> bool:
    """Whether a value is a word such as the bank's codes are, which may be logged."""
    return isinstance(value, str) and _WORD.fullmatch(value) is not None


def _read_time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise MalformedAnswerError("A time is not ISO 8601 with an offset.")


def _is_id(text: str) -> bool:
    """Ids go into paths: they are short, visible, and no step to another path."""
    return 0 < len(text) <= 128 and text.isascii() and text.isprintable() and text not in (".", "..")
