"""Transfers that a customer asked for: an item each in the calls table, whichever call it was, gone in two hours.

An item stands under a fingerprint of what was read back, so that who asks for the same once more, in this call or in
another, meets the transfer there is, with its reference, the bank's idempotency key. Its key has a ``#``, which no
Lex session id can have.

The fingerprint keeps what it is made of out of sight and no more: whoever may read the table can try amounts until one
fits. A key beside it would be read as well.

Every write is conditional on what it relies on: calls at the same time, and turns delivered twice, find out that they
were second. So does a write that is sent again because its answer was lost. ``UnavailableError`` from any method.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from chalicelib.aws.tables import ConditionFailedError, Item, Write
from chalicelib.voice.calls import CallsTable

LIFE_SECONDS = 2 * 3600
"""Callers are promised an hour: who asks at its end still has time to prove who they are and to say yes."""

_IS_MEANT = "#reference = :reference AND tries = :tries AND #ttl > :now"


@dataclass(frozen=True)
class Transfer:
    """A transfer that was asked for. ``reference`` is the bank's idempotency key.

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
class Transfers:
    """``clock`` gives seconds since the epoch."""

    table: CallsTable
    clock: Callable[[], float]

    def find(self, fingerprint: str) -> Transfer | None:
        item = self.table.get(_key(fingerprint))
        return _transfer(item) if item and item["ttl"] > self.clock() else None

    def prepare(self, fingerprint: str, transfer: Transfer) -> bool:
        """Keep a transfer that is about to be confirmed.

        False where there is one like it that has not ended: on its way, or read back between the same accounts.
        """
        return self._update(
            fingerprint,
            "SET #reference = :reference, source_id = :source, target_id = :target, tries = :none, #status = :unknown, "
            "code = :no_code, #ttl = :ttl",
            "attribute_not_exists(sessionId) OR #ttl <= :now OR #status IN (:completed, :refused) "
            "OR (tries = :none AND (source_id <> :source OR target_id <> :target))",
            {"status": "status", "reference": "reference"},
            reference=transfer.reference,
            source=transfer.source_id,
            target=transfer.target_id,
            none=0,
            unknown="",
            no_code=None,
            completed="completed",
            refused="refused",
            now=int(self.clock()),
            ttl=self._ttl(),
        )

    def begin(self, fingerprint: str, transfer: Transfer) -> bool:
        """Note that a transfer is sent now, once more than its record had it; False when something else came first."""
        return self._update(
            fingerprint,
            "SET tries = :more, #ttl = :ttl",
            _IS_MEANT,
            {"reference": "reference"},
            more=transfer.tries + 1,
            ttl=self._ttl(),
            **self._as_it_is(transfer),
        )

    def settle(self, fingerprint: str, reference: str, status: str, code: str | None) -> None:
        """Note what the bank said of a transfer; what is settled stays so."""
        self._update(
            fingerprint,
            "SET #status = :status, code = :code, #ttl = :ttl",
            "#reference = :reference AND NOT #status IN (:completed, :refused)",
            {"status": "status", "reference": "reference"},
            reference=reference,
            status=status,
            code=code,
            completed="completed",
            refused="refused",
            ttl=self._ttl(),
        )

    def drop(self, fingerprint: str, transfer: Transfer) -> bool:
        """Forget a transfer that was certainly not sent; False when somebody sends it meanwhile."""
        return self._update(
            fingerprint,
            "SET #ttl = :ttl",
            _IS_MEANT,
            {"reference": "reference"},
            ttl=int(self.clock()) - LIFE_SECONDS,  # over by whosever clock
            **self._as_it_is(transfer),
        )

    def _as_it_is(self, transfer: Transfer) -> dict[str, Any]:
        return {"reference": transfer.reference, "tries": transfer.tries, "now": int(self.clock())}

    def _ttl(self) -> int:
        return int(self.clock()) + LIFE_SECONDS

    def _update(
        self, fingerprint: str, expression: str, condition: str, names: Mapping[str, str], **values: Any
    ) -> bool:
        names = {**names, "ttl": "ttl"}
        write = Write("Update", _key(fingerprint), update=expression, condition=condition, names=names, values=values)
        try:
            self.table.write(write)
        except ConditionFailedError:
            return False
        return True


def fingerprint(customer_id: str, source: str, target: str, amount: Decimal) -> str:
    """What makes two transfers the same: whose, between which kinds of accounts, how much."""
    return hashlib.sha256(f"{customer_id}|{source}|{target}|{amount:.2f}".encode()).hexdigest()


def _key(fingerprint: str) -> Item:
    return {"sessionId": f"transfer#{fingerprint}"}


def _transfer(item: Item) -> Transfer:
    return Transfer(
        item["reference"], item["source_id"], item["target_id"], int(item["tries"]), item["status"], item["code"]
    )
