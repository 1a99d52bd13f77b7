"""Misses: how often customers nobody knows may ask for an order and find none.

A number and an e-mail address together show an order. So that neither is found by trying, misses are counted for each
session and, since sessions cost nothing, for each address in each hour. An address is counted under its hash.
"""

import unicodedata
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from chalicelib import telemetry
from chalicelib.aws.tables import ConditionFailedError, Item, Table, update
from chalicelib.chat.sessions import LONGEST_SECONDS
from chalicelib.errors import UnavailableError

SESSION_MISSES = 10
ADDRESS_MISSES = 30
"""In an hour, by the clock."""

_HOUR = 3_600


@dataclass(frozen=True)
class Misses:
    """Counts misses in the table of the sessions. ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]

    def begin(self, session_id: str, email: str) -> Sequence[Item] | None:
        """Count a look-up as a miss before it is made; the keys of what counts it, None when it may not be made.

        ``UnavailableError`` when that cannot be known.
        """
        now = int(self.clock())
        session = {"PK": f"SESSION#{session_id}", "SK": "MISSES"}
        address = {"PK": f"MISSES#{_hashed(email)}", "SK": f"HOUR#{now // _HOUR}"}
        counts = ((session, SESSION_MISSES, LONGEST_SECONDS), (address, ADDRESS_MISSES, 2 * _HOUR))
        writes = [
            update(
                key,
                "SET #ttl = :ttl ADD misses :one",
                "attribute_not_exists(misses) OR misses < :most",
                names={"ttl": "ttl"},
                ttl=now + seconds,
                one=1,
                most=most,
            )
            for key, most, seconds in counts
        ]
        try:
            self.table.transact(*writes)
        except ConditionFailedError as refused:
            telemetry.count("OrderLookupsRefused", by="session" if refused.failed[0] else "address")
            return None
        return (session, address)

    def take_back(self, keys: Sequence[Item]) -> None:
        """It was no miss. When the table fails it stays one, which the next ones have room for."""
        writes = [update(key, "ADD misses :less", less=-1) for key in keys]
        with suppress(ConditionFailedError, UnavailableError):
            self.table.transact(*writes)


def _hashed(email: str) -> str:
    plain = unicodedata.normalize("NFKC", email.casefold()).strip()
    return sha256(plain.encode("utf-8", "replace")).hexdigest()
