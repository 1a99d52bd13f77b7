"""Finding stored events, for operators: newest first, a page at a time, whatever arrives meanwhile.

A page begins where the last one ended, at a position and not at a number of rows: rows that arrive or go in between
neither repeat nor hide others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import TYPE_CHECKING, Any, Self

from psycopg.errors import QueryCanceled
from psycopg.rows import dict_row

from chalicelib.errors import NotFoundError, RequestError
from chalicelib.webhooks.cursors import from_cursor, to_cursor
from chalicelib.webhooks.database import Database
from chalicelib.webhooks.event_store import Outcome
from chalicelib.webhooks.retention import last_heard
from chalicelib.webhooks.sources import SOURCES

if TYPE_CHECKING:
    from psycopg import Connection

SUMMARY = (
    "source, external_id, event_type, state, reason, received_at, stored_at, erased_at, content_type,"
    " octet_length(body) as size, body_sha256, correlation_id"
)

MATCHES = """
(%(source)s::text is null or source = %(source)s)
and (%(external_id)s::text is null or external_id = %(external_id)s)
and (%(event_type)s::text is null or event_type = %(event_type)s)
and (%(state)s::text is null or state = %(state)s)
and (%(since)s::timestamptz is null or received_at >= %(since)s)
and (%(until)s::timestamptz is null or received_at < %(until)s)
"""

_LIST = f"""
select {SUMMARY}
  from webhook_events
 where {MATCHES}
   and (%(at)s::timestamptz is null or (received_at, source, external_id) < (%(at)s, %(at_source)s, %(at_id)s))
 order by received_at desc, source desc, external_id desc
 limit %(limit)s
"""  # noqa: S608 - made of constants

_COUNT = f"select count(*) as count from webhook_events where {MATCHES}"  # noqa: S608

_SHOW = f"""
select {SUMMARY}, headers, body
  from webhook_events
 where source = %(source)s and external_id = %(external_id)s
"""  # noqa: S608

_CONFLICTS = """
select body_sha256, received_at, correlation_id
  from webhook_conflicts
 where source = %(source)s and external_id = %(external_id)s
 order by received_at
"""

_PARK = f"""
update webhook_events
   set state = '{Outcome.PARKED}', reason = %(reason)s
 where source = %(source)s and external_id = %(external_id)s
"""  # noqa: S608

_COUNTS = """
select source, max(received_at) as last_heard,
       count(*) filter (where state = 'stored') as stored, count(*) filter (where state = 'parked') as parked
  from webhook_events
 group by source
 order by source
"""


@dataclass(frozen=True)
class EventFilter:
    """Which events; None allows all. ``since`` belongs to the time that is asked for, ``until`` does not."""

    source: str | None = None
    external_id: str | None = None
    event_type: str | None = None
    state: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def parameters(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True)
class Position:
    """An event's place among all of them."""

    received_at: datetime
    source: str
    external_id: str

    def to_cursor(self) -> str:
        return to_cursor(self.received_at.isoformat(), self.source, self.external_id)

    @staticmethod
    def parameters(after: "Position | None") -> dict[str, Any]:
        """``at``, ``at_source`` and ``at_id`` of a statement that goes on behind a place, or begins."""
        if after is None:
            return {"at": None, "at_source": None, "at_id": None}
        return {"at": after.received_at, "at_source": after.source, "at_id": after.external_id}

    @classmethod
    def from_cursor(cls, cursor: str) -> Self:
        received_at, source, external_id = from_cursor(cursor, 3)
        try:
            return cls(datetime.fromisoformat(received_at), source, external_id)
        except ValueError:
            raise RequestError("`cursor` does not begin with a time; leave it out to begin anew.") from None


@dataclass(frozen=True)
class EventSearch:
    """Reads, and parks, events of the event store. Rows are dictionaries by column. ``patience`` is in seconds."""

    database: Database
    patience: float = 5.0

    def page(self, which: EventFilter, limit: int, after: Position | None) -> Sequence[Mapping[str, Any]]:
        """Up to ``limit`` events behind ``after``, newest first, without their bodies."""
        return self._rows(_LIST, which.parameters() | Position.parameters(after) | {"limit": limit})

    def count(self, which: EventFilter) -> int:
        return int(self._rows(_COUNT, which.parameters())[0]["count"])

    def show(self, source: str, external_id: str) -> Mapping[str, Any]:
        """One event with ``headers``, ``body`` and ``conflicts``; ``NotFoundError`` when there is none."""
        key = {"source": source, "external_id": external_id}
        rows = self._rows(_SHOW, key)
        if not rows:
            raise _no_such_event(source, external_id)
        return {**rows[0], "conflicts": self._rows(_CONFLICTS, key)}

    def park(self, source: str, external_id: str, reason: str) -> None:
        """Park an event with a reason; ``NotFoundError`` when there is none. Its bytes stay, for a replay."""
        parameters = {"source": source, "external_id": external_id, "reason": reason}
        if not self.database.run(lambda connection: connection.execute(_PARK, parameters).rowcount):
            raise _no_such_event(source, external_id)

    def server_version(self) -> str:
        """PostgreSQL's own version."""
        return str(self._rows("show server_version", {})[0]["server_version"])

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """``source``, ``last_heard``, ``stored`` and ``parked`` of each source that was ever heard.

        The two counts are None where there is too much to count within ``patience``.
        """
        try:
            return self._rows(_COUNTS, {}, patience=self.patience)
        except RequestError:
            heard = self.database.run(lambda connection: last_heard(connection, list(SOURCES)))
        unknown = {"stored": None, "parked": None}
        return [{"source": source, "last_heard": time} | unknown for source, time in heard.items()]

    def _rows(self, statement: str, parameters: Mapping[str, Any], patience: float = 15.0) -> list[dict[str, Any]]:
        """Rows by column; ``RequestError`` when the database needs more than ``patience`` seconds to find them."""

        def read(connection: "Connection[Any]") -> list[dict[str, Any]]:
            with connection.transaction():
                connection.execute("select set_config('statement_timeout', %s, true)", [f"{patience * 1000:.0f}ms"])
                return connection.cursor(row_factory=dict_row).execute(statement.encode(), parameters).fetchall()

        try:
            return self.database.run(read)
        except QueryCanceled:
            raise RequestError("There are too many events to look through at once: narrow the times.") from None


def _no_such_event(source: str, external_id: str) -> NotFoundError:
    known = "" if source in SOURCES else f" That source is not known either; those are: {', '.join(sorted(SOURCES))}."
    return NotFoundError(f"There is no event {external_id!r} of the source {source!r}.{known}")
