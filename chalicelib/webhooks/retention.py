"""Retention: events beyond their age are deleted, in bounded batches, and each source's silence is measured.

Orders stay: they are what the events amounted to.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib import telemetry
from chalicelib.webhooks.database import Database

if TYPE_CHECKING:
    from psycopg import Connection

BATCH = 1_000
"""Rows of one transaction: few enough that no lock is held for long."""

STOP_BEFORE_MS = 20_000
"""With less time left than a slow batch takes, the rest waits for the next run."""

_DELETE = {
    "events": """
        delete from webhook_events
         where ctid in (select ctid from webhook_events where received_at < %s order by received_at limit %s)
    """,
    "conflicts": """
        delete from webhook_conflicts
         where ctid in (select ctid from webhook_conflicts where received_at < %s limit %s)
    """,
    "erasures": """
        delete from erasures
         where ctid in (select ctid from erasures where erased_at < %s limit %s)
    """,
}

_LAST_HEARD = """
select name, (select max(received_at) from webhook_events where source = name) from unnest(%s::text[]) as name
"""


@dataclass(frozen=True)
class Retention:
    """Keeps events for ``days``. ``clock`` gives seconds since the epoch."""

    database: Database
    days: int
    clock: Callable[[], float]

    def purge(self, time_left: Callable[[], float]) -> dict[str, Any]:
        """Delete what is too old, as much of it as ``time_left`` (in milliseconds) allows.

        The answer counts what was deleted, and ``finished`` says whether that was all.
        """
        before = datetime.fromtimestamp(self.clock(), UTC) - timedelta(days=self.days)
        deleted = dict.fromkeys(_DELETE, 0)
        finished = True
        for what, statement in _DELETE.items():
            while finished:
                count = self.database.run(partial(_delete, statement=statement, before=before))
                deleted[what] += count
                if count < BATCH:
                    break
                finished = time_left() > STOP_BEFORE_MS
        telemetry.logger.info("old events purged", deleted=deleted, finished=finished)
        return {**deleted, "finished": finished}

    def report_silence(self, sources: Sequence[str]) -> None:
        """Emit for each source that was ever heard how long ago that was.

        It takes a clock to notice silence, which is why this stands beside the other thing that runs by the clock.
        """
        now = datetime.fromtimestamp(self.clock(), UTC)
        for source, heard_at in self.database.run(lambda connection: last_heard(connection, sources)).items():
            silence = max((now - heard_at).total_seconds(), 0.0)
            telemetry.gauge("SecondsSinceLastHeard", silence, source=source)


def last_heard(connection: "Connection[Any]", sources: Sequence[str]) -> dict[str, datetime]:
    """When the newest event of each source was received; sources without any are left out."""
    return {name: time for name, time in connection.execute(_LAST_HEARD, [list(sources)]).fetchall() if time}


def _delete(connection: "Connection[Any]", *, statement: str, before: datetime) -> int:
    return connection.execute(statement.encode(), [before, BATCH]).rowcount
