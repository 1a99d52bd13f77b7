"""Replaying: stored events are read again with the present code, and orders are made of them again.

Everything here is safe to repeat. Orders are locked before events, as they are when a person is forgotten, so that the
two wait for each other and never for ever; and what was erased stays erased, also when that happens meanwhile.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import psycopg

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.event_search import MATCHES, EventFilter, Position
from chalicelib.webhooks.event_store import REFUSED_VALUE, Event, Outcome, apply_effects
from chalicelib.webhooks.order_store import lock_orders, project
from chalicelib.webhooks.orders import OrderChange
from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.shopify import Redaction
from chalicelib.webhooks.sources import SOURCES

if TYPE_CHECKING:
    from psycopg import Connection

MAX_PAGE_BYTES = 16 * 1024 * 1024
"""A page ends with the body that makes it longer than this: a function has 512 MB for all it reads."""

_PLACES = f"""
select received_at, source, external_id, octet_length(body) as size
  from webhook_events
 where erased_at is null and {MATCHES}
   and (%(sources)s::text[] is null or source = any(%(sources)s))
   and (%(at)s::timestamptz is null or (received_at, source, external_id) > (%(at)s, %(at_source)s, %(at_id)s))
 order by received_at, source, external_id
 limit %(limit)s
"""  # noqa: S608 - made of constants

_READ = """
select source, external_id, event_type, state, received_at, content_type, headers, body, body_sha256, correlation_id
  from webhook_events
 where (source, external_id) in (select * from unnest(%(sources)s::text[], %(external_ids)s::text[]))
   and erased_at is null
 order by received_at, source, external_id
"""

_UPDATE = """
update webhook_events
   set state = %(state)s, reason = %(reason)s, payload = %(payload)s, subjects = %(subjects)s
 where source = %(source)s and external_id = %(external_id)s and erased_at is null
"""

_HOLD = """
select source, external_id
  from webhook_events
 where (source, external_id) in (select * from unnest(%(sources)s::text[], %(external_ids)s::text[]))
   and erased_at is null
 order by source, external_id
   for share
"""


@dataclass(frozen=True)
class Replayed:
    """What a page of replayed events became; ``last`` is where it ended, None when nothing is left."""

    stored: int
    parked: int
    last: Position | None


@dataclass(frozen=True)
class Rebuilt:
    """How many events a page read, and how many orders they touched; ``last`` as above."""

    events: int
    orders: int
    last: Position | None


@dataclass(frozen=True)
class Replay:
    """Reads stored events again, oldest first, a page and a transaction at a time."""

    database: Database

    def replay(self, which: EventFilter, limit: int, after: Position | None) -> Replayed:
        """Give up to ``limit`` events behind ``after`` the state, reason and payload they would get today.

        Orders follow. A request to forget a person is carried out only where it was parked before: it was about the
        past, and the person may have come back since.
        """

        def work(connection: "Connection[Any]") -> Replayed:
            with connection.transaction():
                places, last = _page(connection, which, None, limit, after)
                read = _read(connection, places)
                _lock(connection, [event for event, _ in read])
                states = [_replay(connection, event, was_parked=was_parked) for event, was_parked in read]
            return Replayed(states.count(Outcome.STORED), states.count(Outcome.PARKED), last)

        return self.database.run(work)

    def rebuild_orders(self, limit: int, after: Position | None) -> Rebuilt:
        """Tell the orders again what up to ``limit`` events behind ``after`` say."""
        which = EventFilter(state=Outcome.STORED)
        sources = [source.name for source in SOURCES.values() if source.has_effects]

        def work(connection: "Connection[Any]") -> Rebuilt:
            with connection.transaction():
                places, last = _page(connection, which, sources, limit, after)
                events = [event for event, _ in _read(connection, places)]
                _lock(connection, events)
                held = set(connection.execute(_HOLD, _keys(places)).fetchall())
                changes = [event.effect for event in events if _key(event) in held]
                orders = project(connection, [change for change in changes if isinstance(change, OrderChange)])
            return Rebuilt(len(events), orders, last)

        return self.database.run(work)


def _page(
    connection: "Connection[Any]", which: EventFilter, sources: Sequence[str] | None, limit: int, after: Position | None
) -> tuple[list[Position], Position | None]:
    """The places of the next events, and the last of them, None where no more come after."""
    parameters = which.parameters() | Position.parameters(after) | {"sources": sources, "limit": limit + 1}
    rows = connection.execute(_PLACES.encode(), parameters).fetchall()
    places: list[Position] = []
    size = 0
    for *place, length in rows[:limit]:
        places.append(Position(*place))
        size += length
        if size > MAX_PAGE_BYTES:
            break
    return places, places[-1] if len(places) < len(rows) else None


def _read(connection: "Connection[Any]", places: Sequence[Position]) -> list[tuple[Event, bool]]:
    """The events at some places as the present code reads them, and whether each was parked."""
    rows = connection.execute(_READ, _keys(places)).fetchall()
    return [(_read_row(row), row[3] == Outcome.PARKED) for row in rows]


def _read_row(row: Sequence[Any]) -> Event:
    source, external_id, event_type, _, received_at, content_type, headers, body, body_sha256, correlation_id = row
    return read_event(
        Envelope(
            source=source,
            external_id=external_id,
            event_type=event_type,
            received_at=received_at,
            content_type=content_type,
            headers=headers,
            body_sha256=body_sha256,
            body=bytes(body),
            correlation_id=correlation_id,
        )
    )


def _lock(connection: "Connection[Any]", events: Sequence[Event]) -> None:
    """Lock all orders of a page at once: one after the other, two pages could wait for each other."""
    changes = (event.effect for event in events)
    lock_orders(connection, sorted({change.order_id for change in changes if isinstance(change, OrderChange)}))


def _replay(connection: "Connection[Any]", event: Event, *, was_parked: bool) -> Outcome | None:
    """What an event is from now on, None when it was erased meanwhile. What PostgreSQL refuses is parked."""
    try:
        with connection.transaction():
            return _update(connection, event, was_parked=was_parked)
    except psycopg.Error as error:
        if connection.broken or not (error.sqlstate or "").startswith(REFUSED_VALUE):
            raise
        reason = f"PostgreSQL cannot keep what the event says: {error.diag.message_primary}."
    return _update(connection, replace(event, payload=None, reason=reason, effect=None), was_parked=was_parked)


def _update(connection: "Connection[Any]", event: Event, *, was_parked: bool) -> Outcome | None:
    state = Outcome.PARKED if event.reason else Outcome.STORED
    parameters = {
        "state": state,
        "reason": event.reason,
        "payload": event.payload,
        "subjects": list(event.subjects) or None,
        "source": event.envelope.source,
        "external_id": event.envelope.external_id,
    }
    if not connection.execute(_UPDATE, parameters).rowcount:
        return None
    if state is Outcome.STORED and (was_parked or not isinstance(event.effect, Redaction)):
        apply_effects(connection, [event])
    return state


def _key(event: Event) -> tuple[str, str]:
    return event.envelope.source, event.envelope.external_id


def _keys(places: Sequence[Position]) -> Mapping[str, list[str]]:
    return {
        "sources": [place.source for place in places],
        "external_ids": [place.external_id for place in places],
    }
