"""The bank's wire format: what requests must look like, and what the answers do."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from localcloud import guard
from localcloud.bank.callers import Verdict
from localcloud.bank.ledger import Account, Card, Order, Transfer

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
_KEY = re.compile(r"[!-~]{1,255}")
_WORD = re.compile(r"[!-~]{1,64}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_AMOUNT = re.compile(r"([0-9]{1,9})\.([0-9]{2})")

REFUSALS: Mapping[str, tuple[int, str]] = {
    "not_found": (404, "There is no such account."),
    "same_account": (422, "Both accounts are the same."),
    "limit_exceeded": (422, "One transfer moves at most 10000.00."),
    "insufficient_funds": (422, "The account does not hold that much."),
}
"""Status and message of the codes of transfers that are refused."""


class MalformedError(Exception):
    """A request is not as it should be; the message names the place and repeats nothing of what stands there."""


def read_object(body: bytes) -> Mapping[str, Any]:
    value = guard.read_object(body)
    if value is None:
        raise MalformedError("The body must be a JSON object.")
    return value


def read_credentials(body: bytes) -> tuple[str, str]:
    """Customer number and PIN."""
    fields = read_object(body)
    return _text(fields, "customer_number", _WORD), _text(fields, "pin", _WORD)


def read_order(body: bytes, key: str | None) -> Order:
    if key is None or not _KEY.fullmatch(key):
        raise MalformedError("The header Idempotency-Key must hold 1 to 255 visible ASCII characters.")
    fields = read_object(body)
    digits = _AMOUNT.fullmatch(_text(fields, "amount", _AMOUNT))
    assert digits
    cents = int(digits[1]) * 100 + int(digits[2])
    if cents == 0:
        raise MalformedError("amount must be more than nothing.")
    source, target = _text(fields, "from", _ID), _text(fields, "to", _ID)
    return Order(key, source, target, cents, _text(fields, "currency", _CURRENCY))


def _text(fields: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise MalformedError(f"{name} must be a text of the form {pattern.pattern}")
    return value


def amount_text(cents: int) -> str:
    """Cents as a decimal with two digits: ``-230.10``."""
    sign = "-" if cents < 0 else ""
    return f"{sign}{abs(cents) // 100}.{abs(cents) % 100:02}"


def time_text(seconds: float) -> str:
    """Seconds since 1970 as ISO 8601, UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def show_verdict(verdict: Verdict) -> dict[str, Any]:
    if verdict.customer_id:
        return {"verified": True, "customer_id": verdict.customer_id}
    return {"verified": False, "locked": verdict.locked, "attempts_left": verdict.attempts_left}


def show_account(account: Account) -> dict[str, Any]:
    fields = {name: getattr(account, name) for name in ("id", "type", "last4", "currency")}
    return {**fields, "card": show_card(account.card) if account.card else None}


def show_card(card: Card) -> dict[str, str]:
    return {"id": card.id, "last4": card.last4, "status": "blocked" if card.blocked else "active"}


def show_balance(account: Account, now: float) -> dict[str, str]:
    return {
        "account_id": account.id,
        "balance": amount_text(account.cents),
        "currency": account.currency,
        "as_of": time_text(now),
    }


def show_transfer(transfer: Transfer) -> dict[str, str]:
    """With ``code`` where it is refused."""
    order = transfer.order
    shown = {
        "key": order.key,
        "status": transfer.status,
        "from": order.source,
        "to": order.target,
        "amount": amount_text(order.cents),
        "currency": order.currency,
        "created_at": time_text(transfer.created_at),
    }
    return shown | ({"code": transfer.code} if transfer.code else {})
