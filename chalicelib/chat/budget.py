"""The budget: how many tokens the model may cost in a day, all sessions together, and in one session.

The day's sum is one item of the table, to which every answer adds; what that returns is known to the process until the
next answer, or for a minute. The ceiling is therefore passed by a few answers at most, and costs one request each.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib import telemetry
from chalicelib.aws.tables import Item, Table, Write
from chalicelib.errors import UnavailableError

KNOWN_SECONDS = 60.0
KEPT_SECONDS = 7 * 86_400


@dataclass
class Budget:
    """Counts tokens. ``daily`` and ``per_session`` are the ceilings; ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]
    daily: int
    per_session: int
    _known: tuple[str, int, float] = field(default=("", 0, 0.0), init=False)

    def allows(self, session_tokens: int) -> bool:
        """Whether another answer may be asked for, in a session that has cost so many tokens already.

        When the table does not say, it may: the budget protects from surprises, not from outages.
        """
        return session_tokens < self.per_session and self._spent_today() < self.daily

    def add(self, tokens: int) -> None:
        """Note what an answer has cost."""
        telemetry.count("ModelTokens", tokens)
        now, day = self.clock(), self._today()
        write = Write(
            "Update",
            _key(day),
            update="ADD tokens :tokens SET #ttl = :ttl",
            names={"ttl": "ttl"},
            values={"tokens": tokens, "ttl": int(now) + KEPT_SECONDS},
        )
        try:
            self._known = (day, self.table.write(write)["tokens"], now)
        except UnavailableError as error:
            telemetry.logger.warning("tokens not counted", tokens=tokens, detail=str(error))

    def _spent_today(self) -> int:
        day, tokens, at = self._known
        now, today = self.clock(), self._today()
        if day == today and now - at < KNOWN_SECONDS:
            return tokens
        try:
            item = self.table.get(_key(today))
        except UnavailableError:
            return 0
        self._known = (today, item["tokens"] if item else 0, now)
        return self._known[1]

    def _today(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).date().isoformat()


def _key(day: str) -> Item:
    return {"PK": "BUDGET", "SK": f"DAY#{day}"}
