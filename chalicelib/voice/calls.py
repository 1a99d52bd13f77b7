"""The calls table: what a call has proven, an item for each Lex session, gone an hour after its last use.

It holds opaque ids, never a number, a PIN or what a slot held. Every write is conditional on what it relies on, so that
a turn which is delivered twice, or two at once, cannot undo a count. ``UnavailableError`` from any method means that
the call can prove nothing now. The same table holds what ``transfers.py`` keeps.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Protocol

from chalicelib.aws.tables import ConditionFailedError, Item, Write
from chalicelib.errors import UnavailableError

LIFE_SECONDS = 3600
MAX_ATTEMPTS = 3
VERIFIED_SECONDS = 15 * 60
STEP_UP_SECONDS = 120
"""Before money moves, the PIN must have been proven this recently."""

_SESSION_ID = re.compile(r"[0-9a-zA-Z._:-]{1,100}")
"""Lex allows no others: https://docs.aws.amazon.com/lexv2/latest/APIReference/API_runtime_RecognizeText.html"""

_LIVES = "attribute_exists(sessionId) AND #ttl > :now"
_IS_OPEN = f"{_LIVES} AND attribute_not_exists(locked)"


class CallsTable(Protocol):
    """What the calls need of ``aws.tables.Table``."""

    def get(self, key: Item) -> Item | None: ...

    def write(self, write: Write, *, returning: str | None = None) -> Item: ...


@dataclass(frozen=True)
class Call:
    """A call as it is now. ``verified_at`` is when the PIN was last proven.

    ``key`` is random, known to the table alone, and there since the first proof. ``has_sent`` is True once the call may
    have sent the bank a transfer.
    """

    customer_id: str | None = None
    verified_at: int = 0
    attempts: int = 0
    is_locked: bool = False
    key: str = field(default="", repr=False)
    has_sent: bool = False

    def is_verified(self, now: float, within: int = VERIFIED_SECONDS) -> bool:
        """Whether the caller proved who they are in the last ``within`` seconds."""
        return not self.is_locked and self.customer_id is not None and now - self.verified_at < within


@dataclass(frozen=True)
class Calls:
    """``clock`` gives seconds since the epoch, ``make_key`` a call's key."""

    table: CallsTable
    clock: Callable[[], float]
    make_key: Callable[[], str] = token_hex

    def find(self, session_id: str) -> Call:
        """The call, a fresh one where there is no record or its time is over."""
        item = self.table.get(_key(session_id))
        return _call(item) if item and item["ttl"] > self.clock() else Call()

    def count_attempt(self, session_id: str) -> int | None:
        """Count an attempt to prove a PIN before it is made; how many there were, None when no more are allowed."""
        expression = "SET attempts = if_not_exists(attempts, :none) + :one"
        condition = (
            "(attribute_not_exists(sessionId) OR #ttl > :now) AND attribute_not_exists(locked) "
            "AND (attribute_not_exists(attempts) OR attempts < :most)"
        )
        try:
            item = self._update(session_id, expression, condition, none=0, one=1, most=MAX_ATTEMPTS)
        except ConditionFailedError as refused:
            (found,) = refused.items
            if found is None or found["ttl"] > self.clock():
                return None
            self._begin_anew(session_id)
            return self.count_attempt(session_id)
        return int(item["attempts"])

    def take_back_attempt(self, session_id: str) -> None:
        """Uncount an attempt that was certainly not made; nothing where the call is locked by now."""
        with suppress(ConditionFailedError):
            self._update(
                session_id, "SET attempts = attempts - :one", f"{_IS_OPEN} AND attempts > :none", one=1, none=0
            )

    def verify(self, session_id: str, customer_id: str) -> Call | None:
        """Note that the attempt just counted was right, which takes it back; None when the call is locked by now."""
        expression = (
            "SET customer_id = :customer, verified_at = :at, attempts = attempts - :one, "
            "call_key = if_not_exists(call_key, :key)"
        )
        values: dict[str, Any] = {"customer": customer_id, "at": int(self.clock()), "one": 1, "none": 0}
        values["key"] = self.make_key()
        try:
            return _call(self._update(session_id, expression, f"{_IS_OPEN} AND attempts > :none", **values))
        except ConditionFailedError:
            return None

    def lock(self, session_id: str) -> None:
        """End the call's dealings with the bank, whatever it had proven."""
        self._update(session_id, "SET locked = :yes REMOVE customer_id, verified_at, call_key", "", yes=True)

    def note_sending(self, session_id: str, customer_id: str) -> bool:
        """Note that the call is about to send a transfer of the customer's; False when it may not any more."""
        condition = f"{_IS_OPEN} AND customer_id = :customer"
        try:
            self._update(session_id, "SET has_sent = :yes", condition, yes=True, customer=customer_id)
        except ConditionFailedError:
            return False
        return True

    def _begin_anew(self, session_id: str) -> None:
        """Empty the record of a call whose time is over."""
        expression = "SET attempts = :none REMOVE customer_id, verified_at, locked, call_key, has_sent"
        with suppress(ConditionFailedError):
            self._update(session_id, expression, "#ttl <= :now", none=0)

    def _update(self, session_id: str, expression: str, condition: str, **values: Any) -> Item:
        now = int(self.clock())
        set_part, remove, rest = expression.partition("REMOVE ")
        life = "#ttl = :ttl"
        set_part = f"{set_part.rstrip()}, {life}" if set_part else f"SET {life}"
        if ":now" in condition:
            values["now"] = now
        return self.table.write(
            Write(
                "Update",
                _key(session_id),
                update=f"{set_part} {remove}{rest}".rstrip(),
                condition=condition or None,
                names={"ttl": "ttl"},
                values={**values, "ttl": now + LIFE_SECONDS},
            )
        )


def _key(session_id: str) -> Item:
    if not _SESSION_ID.fullmatch(session_id):
        raise UnavailableError("An event without a session id of Lex's leaves nothing to be found again.")
    return {"sessionId": session_id}


def _call(item: Item) -> Call:
    attempts = int(item.get("attempts", 0))
    return Call(
        customer_id=item.get("customer_id"),
        verified_at=int(item.get("verified_at", 0)),
        attempts=attempts,
        is_locked=bool(item.get("locked")),
        key=item.get("call_key", ""),
        has_sent=bool(item.get("has_sent")),
    )
