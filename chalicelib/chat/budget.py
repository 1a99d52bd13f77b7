"""The budget: how many tokens the model may cost in a day, all sessions together, and in one session.

The day's sum is one item of the table, to which every answer adds, after it was shown, and every summary; what that
returns is known to the process from then on. The ceiling is therefore passed by one of them in each process at most.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from chalicelib import telemetry
from chalicelib.aws.tables import Item, Table, Write
from chalicelib.chat import persona
from chalicelib.errors import UnavailableError

KEPT_SECONDS = 7 * 86_400

SESSION_TOKENS = 200_000
"""What the model may charge for one session, before it is asked no more."""


@dataclass
class Budget:
    """Counts tokens. ``daily`` and ``per_session`` are the ceilings; ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]
    daily: int
    per_session: int = SESSION_TOKENS
    _known: tuple[str, int] = field(default=("", 0), init=False)

    def refusal(self, session_tokens: int) -> str | None:
        """What to say in place of another answer, in a session that has cost so many tokens; None when it may come.

        A process that has not answered today lets the first one pass, and then knows.
        """
        if session_tokens >= self.per_session:
            return persona.TIRED
        day, tokens = self._known
        return persona.EXHAUSTED if day == self._today() and tokens >= self.daily else None

    def add(self, tokens: int) -> None:
        """Note what an answer has cost."""
        telemetry.count("ModelTokens", tokens)
        day = self._today()
        write = Write(
            "Update",
            _key(day),
            update="ADD tokens :tokens SET #ttl = :ttl",
            names={"ttl": "ttl"},
            values={"tokens": tokens, "ttl": int(self.clock()) + KEPT_SECONDS},
        )
        try:
            self._known = (day, self.table.write(write)["tokens"])
        except UnavailableError as error:
            telemetry.logger.warning("tokens not counted", tokens=tokens, detail=str(error))
            return
        telemetry.gauge("DailyTokensUsed", self._share(), "Percent")

    def _share(self) -> float:
        """How much of the day's ceiling is used, in percent."""
        return 100 * self._known[1] / self.daily if self.daily else 100.0

    def _today(self) -> str:
        return datetime.fromtimestamp(self.clock(), UTC).date().isoformat()


def _key(day: str) -> Item:
    return {"PK": "BUDGET", "SK": f"DAY#{day}"}
