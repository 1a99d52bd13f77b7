"""Stored events, read again: replayed with the present code, or projected anew.

Both work on a page of events in one transaction, and may be repeated: an order joins what it already knows. Orders are
locked before events, as they are when a person is erased, so that neither waits for the other for ever; and what is
erased meanwhile is left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import psycopg

from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.event_store import Event, Outcome, Written, apply_effects, refusal
from chalicelib.webhooks.order_store import lock_orders, project
from chalicelib.webhooks.orders import OrderChange
from chalicelib.webhooks.pages import fitting
from chalicelib.webhooks.people import wait_for_erasures
from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.shopify import Redaction
from chalicelib.webhooks.sources import SOURCES

if TYPE_CHECKING:
    from psycopg import Connection

Key: TypeAlias = tuple[str, str]
"""A source, and the id of one of its events."""

MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A page ends before its bodies are longer than this: a function has 512 MB for all it reads."""

_LOAD = """
select source, external_id, event_type, received_at, content_type, headers, body_sha256, body, correlation_id
  from webhook_events
 where (source, external_id) in (select * from unnest(%s::text[], %s::text[])) and erased_at is null
 order by received_at, source, external_id
"""

_HOLD = """
select source, external_id
  from webhook_events
 where (source, external_id) in (select * from unnest(%s::text[], %s::text[])) and erased_at is null
 order by source, external_id
   for update
"""

_UPDATE = """
update webhook_events
   set state = %(state)s, reason = %(reason)s, payload = %(payload)s, subjects = %(subjects)s
 where source = %(source)s and external_id = %(external_id)s
"""

_PROJECTED = """
select source, external_id, octet_length(body) as size
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
        return _write(connection, events)
    except psycopg.Error:
        if connection.broken:
            raise
        return [written for event in events for written in _write_alone(connection, event)]


def rebuild_orders(connection: "Connection[Any]", after: Key | None, limit: int) -> tuple[int, int, Key | None]:
    """Project a page of up to ``limit`` stored events again; nothing is ever removed from an order.

    Returns how many events and orders those were, and the key to go on after; None when that was the last page.
    """
    source, external_id = after or ("", "")
    sources = [name for name, known in SOURCES.items() if known.effect is not None]
    parameters = {"sources": sources, "source": source, "external_id": external_id, "limit": limit + 1}
    rows = connection.execute(_PROJECTED, parameters).fetchall()
    keys = [(name, key) for name, key, _ in rows[: fitting((size for *_, size in rows[:limit]), MAX_PAGE_BYTES)]]
    events = [read_event(envelope) for envelope in load(connection, keys)]
    with connection.transaction():
        orders = project(connection, _changes(_hold(connection, events)))
    return len(keys), orders, keys[-1] if len(keys) < len(rows) else None


def _write(connection: "Connection[Any]", events: Sequence[Event]) -> list[Written]:
    with connection.transaction():
        held = _hold(connection, events)
        connection.cursor().executemany(_UPDATE, [_parameters(event) for event in held])
        apply_effects(connection, held)
    return [_written(event) for event in held]


def _write_alone(connection: "Connection[Any]", event: Event) -> list[Written]:
    try:
        return _write(connection, [event])
    except psycopg.Error as error:
        reason = refusal(error)
        if reason is None or connection.broken:
            raise
    return _write(connection, [replace(event, payload=None, reason=reason, effect=None)])


def _hold(connection: "Connection[Any]", events: Sequence[Event]) -> list[Event]:
    """Lock the orders that events change, and then the events; those are left out that were erased meanwhile."""
    wait_for_erasures(connection, alone=any(isinstance(event.effect, Redaction) for event in events))
    lock_orders(connection, [change.order_id for change in _changes(events)])
    keys = [(event.envelope.source, event.envelope.external_id) for event in events]
    held = connection.execute(_HOLD, [[source for source, _ in keys], [name for _, name in keys]])
    there = set(held.fetchall())
    return [event for key, event in zip(keys, events, strict=True) if key in there]


def _changes(events: Iterable[Event]) -> list[OrderChange]:
    return [event.effect for event in events if isinstance(event.effect, OrderChange)]


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
