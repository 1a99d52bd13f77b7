"""The calls table: what a call has proven and begun, an item for each Lex session, gone an hour after its last use.

It holds opaque ids and fingerprints, never a number, a PIN or what a slot held. Every write is conditional on what it
relies on, so that a turn which is delivered twice, or two at once, cannot undo a count or begin a transfer twice.
``UnavailableError`` from any method means that the call can prove nothing now.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib.aws.tables import ConditionFailedError, Item, Write
from chalicelib.errors import UnavailableError

LIFE_SECONDS = 3600
MAX_ATTEMPTS = 3
VERIFIED_SECONDS = 15 * 60
STEP_UP_SECONDS = 120
"""Before money moves, the PIN must have been proven this recently."""

_LIVES = "attribute_exists(sessionId) AND #ttl > :now"
_IS_OPEN = f"{_LIVES} AND attribute_not_exists(locked)"


class CallsTable(Protocol):
    """What the calls need of ``aws.tables.Table``."""

    def get(self, key: Item) -> Item | None: ...

    def write(self, write: Write, *, returning: str | None = None) -> Item: ...


@dataclass(frozen=True)
class Transfer:
    """A transfer that a call asked to be confirmed. ``reference`` is the bank's idempotency key.

    ``tries`` counts how often it was begun to be sent; ``status`` is what the bank said last, empty if that is unknown.
    """

    reference: str
    source_id: str
    target_id: str
    tries: int = 0
    status: str = ""
    code: str | None = None

    @property
    def is_sent(self) -> bool:
        return self.tries > 0

    @property
    def is_settled(self) -> bool:
        return self.status in ("completed", "refused")


@dataclass(frozen=True)
class Call:
    """A call as it is now. ``transfers`` are by fingerprint; ``verified_at`` is when the PIN was last proven."""

    customer_id: str | None = None
    verified_at: int = 0
    attempts: int = 0
    is_locked: bool = False
    transfers: Mapping[str, Transfer] = field(default_factory=dict)

    def is_verified(self, now: float, within: int = VERIFIED_SECONDS) -> bool:
        """Whether the caller proved who they are in the last ``within`` seconds."""
        return not self.is_locked and self.customer_id is not None and now - self.verified_at < within


@dataclass(frozen=True)
class Calls:
    """``clock`` gives seconds since the epoch."""

    table: CallsTable
    clock: Callable[[], float]

    def find(self, session_id: str) -> Call:
        """The call, a fresh one where there is no record or its time is over."""
        if not session_id:
            raise UnavailableError("An event without a session id leaves nothing to be found again.")
        item = self.table.get({"sessionId": session_id})
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
            self._delete_expired(session_id)
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
            "transfers = if_not_exists(transfers, :empty)"
        )
        values: dict[str, Any] = {"customer": customer_id, "at": int(self.clock()), "one": 1, "none": 0, "empty": {}}
        try:
            return _call(self._update(session_id, expression, f"{_IS_OPEN} AND attempts > :none", **values))
        except ConditionFailedError:
            return None

    def lock(self, session_id: str) -> None:
        """End the call's dealings with the bank, whatever it had proven."""
        self._update(session_id, "SET locked = :yes REMOVE customer_id, verified_at", "", yes=True)

    def prepare(self, session_id: str, customer_id: str, fingerprint: str, transfer: Transfer) -> bool:
        """Keep a transfer that is about to be confirmed; False where one like it is on its way, or the call changed."""
        free = (
            "(attribute_not_exists(transfers.#print) OR transfers.#print.tries = :none "
            "OR transfers.#print.#status IN (:completed, :refused))"
        )
        return self._change_transfer(
            session_id,
            customer_id,
            fingerprint,
            "SET transfers.#print = :transfer",
            free,
            names={"status": "status"},
            transfer=_transfer_item(transfer),
            none=0,
            completed="completed",
            refused="refused",
        )

    def begin(self, session_id: str, customer_id: str, fingerprint: str, transfer: Transfer) -> bool:
        """Note that a transfer is sent now, once more than its record had it; False when something else came first."""
        return self._change_transfer(
            session_id,
            customer_id,
            fingerprint,
            "SET transfers.#print.tries = :more",
            "transfers.#print.#reference = :reference AND transfers.#print.tries = :tries",
            names={"reference": "reference"},
            more=transfer.tries + 1,
            tries=transfer.tries,
            reference=transfer.reference,
        )

    def settle(self, session_id: str, fingerprint: str, reference: str, status: str, code: str | None) -> None:
        """Note what the bank said of a transfer; what is settled stays so."""
        try:
            self._update(
                session_id,
                "SET transfers.#print.#status = :status, transfers.#print.code = :code",
                "transfers.#print.#reference = :reference AND NOT transfers.#print.#status IN (:completed, :refused)",
                names={"print": fingerprint, "status": "status", "reference": "reference"},
                status=status,
                code=code,
                reference=reference,
                completed="completed",
                refused="refused",
            )
        except ConditionFailedError:
            return

    def drop(self, session_id: str, customer_id: str, fingerprint: str, transfer: Transfer) -> bool:
        """Forget a transfer that was certainly not sent; False when somebody sends it meanwhile."""
        return self._change_transfer(
            session_id,
            customer_id,
            fingerprint,
            "REMOVE transfers.#print",
            "transfers.#print.#reference = :reference AND transfers.#print.tries = :tries",
            names={"reference": "reference"},
            tries=transfer.tries,
            reference=transfer.reference,
        )

    def _change_transfer(
        self,
        session_id: str,
        customer_id: str,
        fingerprint: str,
        expression: str,
        condition: str,
        names: Mapping[str, str],
        **values: Any,
    ) -> bool:
        try:
            self._update(
                session_id,
                expression,
                f"{_IS_OPEN} AND customer_id = :customer AND {condition}",
                names={**names, "print": fingerprint},
                customer=customer_id,
                **values,
            )
        except ConditionFailedError:
            return False
        return True

    def _update(
        self, session_id: str, expression: str, condition: str, names: Mapping[str, str] | None = None, **values: Any
    ) -> Item:
        now = int(self.clock())
        set_part, remove, rest = expression.partition("REMOVE ")
        life = "#ttl = :ttl"
        set_part = f"{set_part.rstrip()}, {life}" if set_part else f"SET {life}"
        if ":now" in condition:
            values["now"] = now
        return self.table.write(
            Write(
                "Update",
                {"sessionId": session_id},
                update=f"{set_part} {remove}{rest}".rstrip(),
                condition=condition or None,
                names={**(names or {}), "ttl": "ttl"},
                values={**values, "ttl": now + LIFE_SECONDS},
            )
        )

    def _delete_expired(self, session_id: str) -> None:
        key, names = {"sessionId": session_id}, {"ttl": "ttl"}
        try:
            self.table.write(
                Write("Delete", key, condition="#ttl <= :now", names=names, values={"now": int(self.clock())})
            )
        except ConditionFailedError:
            return


def _call(item: Item) -> Call:
    attempts = int(item.get("attempts", 0))
    return Call(
        customer_id=item.get("customer_id"),
        verified_at=int(item.get("verified_at", 0)),
        attempts=attempts,
        is_locked=bool(item.get("locked")),
        transfers={name: _transfer(one) for name, one in item.get("transfers", {}).items()},
    )


def _transfer(item: Item) -> Transfer:
    return Transfer(
        item["reference"], item["source_id"], item["target_id"], int(item["tries"]), item["status"], item["code"]
    )


def _transfer_item(transfer: Transfer) -> Item:
    return {
        "reference": transfer.reference,
        "source_id": transfer.source_id,
        "target_id": transfer.target_id,
        "tries": transfer.tries,
        "status": transfer.status,
        "code": transfer.code,
    }
