"""Stored events, read again: replayed with the present code, or projected anew.

Both work on a page of events in one transaction, and may be repeated: an order joins what it already knows.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.event_store import Event, Outcome, Written, apply_effects, refusal
from chalicelib.webhooks.order_store import project
from chalicelib.webhooks.orders import OrderChange
from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.sources import SOURCES

if TYPE_CHECKING:
    from psycopg import Connection

Key: TypeAlias = tuple[str, str]
"""A source, and the id of one of its events."""

_LOAD = """
select source, external_id, event_type, received_at, content_type, headers, body_sha256, body, correlation_id
  from webhook_events
 where (source, external_id) in (select * from unnest(%s::text[], %s::text[])) and erased_at is null
 order by received_at, source, external_id
"""

_UPDATE = """
update webhook_events
   set state = %(state)s, reason = %(reason)s, payload = %(payload)s, subjects = %(subjects)s
 where source = %(source)s and external_id = %(external_id)s and erased_at is null
"""

_PROJECTED = """
select source, external_id
  from webhook_events
 where source = any(%(sources)s) and state = 'stored' and erased_at is null
   and (source, external_id) > (%(source)s, %(external_id)s)
 order by source, external_id
 limit %(limit)s
"""


def load(connection: "Connection[Any]", keys: Sequence[Key]) -> list[Envelope]:
    """Events as they were received, oldest first. Those of persons who were erased are left out."""
    rows = connection.execute(_LOAD, [[source for source, _ in keys], [name for _, name in keys]])
    return [Envelope(*row) for row in rows.fetchall()]


def replay(connection: "Connection[Any]", keys: Sequence[Key]) -> list[Written]:
    """Read events again with the present code, and do all that it makes of them: they end up stored or parked."""
    events = [read_event(envelope) for envelope in load(connection, keys)]
    try:
        _write(connection, events)
    except psycopg.Error:
        if connection.broken:
            raise
        return [_write_alone(connection, event) for event in events]
    return [_written(event) for event in events]


def rebuild_orders(connection: "Connection[Any]", after: Key | None, limit: int) -> tuple[int, int, Key | None]:
    """Project a page of stored events again; nothing is ever removed from an order.

    Returns how many events and orders those were, and the key to go on after; None when that was the last page.
    """
    source, external_id = after or ("", "")
    sources = [name for name, known in SOURCES.items() if known.effect is not None]
    parameters = {"sources": sources, "source": source, "external_id": external_id, "limit": limit}
    keys = connection.execute(_PROJECTED, parameters).fetchall()
    changes = [event.effect for event in map(read_event, load(connection, keys))]
    with connection.transaction():
        orders = project(connection, [change for change in changes if isinstance(change, OrderChange)])
    return len(keys), orders, keys[-1] if len(keys) == limit else None


def _write(connection: "Connection[Any]", events: Iterable[Event]) -> None:
    rows = list(events)
    with connection.transaction():
        connection.cursor().executemany(_UPDATE, [_parameters(event) for event in rows])
        apply_effects(connection, rows)


def _write_alone(connection: "Connection[Any]", event: Event) -> Written:
    try:
        _write(connection, [event])
    except psycopg.Error as error:
        reason = refusal(error)
        if reason is None or connection.broken:
            raise
        parked = replace(event, payload=None, reason=reason, effect=None)
        _write(connection, [parked])
        return _written(parked)
    return _written(event)


def _written(event: Event) -> Written:
    return Written(Outcome.PARKED if event.reason else Outcome.STORED, event.reason)


def _parameters(event: Event) -> dict[str, Any]:
    return {
        "source": event.envelope.source,
        "external_id": event.envelope.external_id,
        "state": Outcome.PARKED if event.reason else Outcome.STORED,
        "reason": event.reason,
        "payload": event.payload,
        "subjects": list(event.subjects) or None,
    }
