"""The event store: verified webhooks become rows of ``webhook_events``, once for each source and id.

A batch is one statement with a row for each event, and so one transaction of one round trip; what the new events change
beyond that (orders, persons to forget) is written in the same transaction. When the database refuses anything in it,
the batch is written again, in a pipeline with a savepoint for each event, so that only those come back that cannot be
stored.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

import psycopg

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.order_store import lock_orders, project
from chalicelib.webhooks.orders import OrderChange, without_customer
from chalicelib.webhooks.people import erase, erase_late, wait_for_erasures
from chalicelib.webhooks.shopify import Effect, Redaction

if TYPE_CHECKING:
    from psycopg import Connection

_INSERT = """
insert into webhook_events (source, external_id, event_type, state, reason, received_at, content_type, headers, body,
                            body_sha256, payload, correlation_id, subjects)
values {rows}
on conflict (source, external_id) do nothing
returning source, external_id
"""

_COLUMNS = 13

_INSERT_CONFLICT = """
insert into webhook_conflicts (source, external_id, body_sha256, received_at, correlation_id)
select source, external_id, %(body_sha256)s, %(received_at)s, %(correlation_id)s
  from webhook_events
 where source = %(source)s and external_id = %(external_id)s and body_sha256 <> %(body_sha256)s
on conflict do nothing
returning 1
"""

_DELETE = "delete from webhook_events where source = %s and external_id = %s"

_PARK = """
update webhook_events set state = 'parked', reason = %(reason)s
 where source = %(source)s and external_id = %(external_id)s
"""

_REFUSED_VALUE = ("22", "54")
"""SQLSTATE classes "data exception" and "program limit exceeded": the payload does not fit ``jsonb`` after all."""


class Outcome(StrEnum):
    """What became of an event."""

    STORED = "stored"
    PARKED = "parked"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"
    FAILED = "failed"


@dataclass(frozen=True)
class Event:
    """An envelope with what was made of its body.

    ``payload`` is the text of its JSON; ``reason`` says why it is parked; ``effect`` is what it changes beyond being
    stored; ``subjects`` are whom it is about (``people.py``).
    """

    envelope: Envelope
    payload: str | None = None
    reason: str | None = None
    effect: Effect | None = None
    subjects: Sequence[str] = ()


@dataclass(frozen=True)
class Written:
    """The outcome for one event; ``detail`` says why it failed or was parked."""

    outcome: Outcome
    detail: str | None = None


@dataclass(frozen=True)
class EventStore:
    database: Database

    def write(self, events: Sequence[Event]) -> list[Written]:
        """Store events and say what became of each, in their order.

        Raises ``UnavailableError`` when the database is out of reach; then nothing is stored.
        """
        # Two writers that insert the same keys in different orders would wait for each other for ever.
        order = sorted(range(len(events)), key=lambda index: _key(events[index]))
        results = self.database.run(lambda connection: _write(connection, [events[index] for index in order]))
        by_index = dict(zip(order, results, strict=True))
        return [by_index[index] for index in range(len(events))]


def _write(connection: "Connection[Any]", events: Sequence[Event]) -> list[Written]:
    whole = [event for event in events if event.envelope.body is not None]
    results = iter(_write_whole(connection, whole) if whole else [])
    return [_find(connection, event) if event.envelope.body is None else next(results) for event in events]


def _write_whole(connection: "Connection[Any]", events: Sequence[Event]) -> list[Written]:
    try:
        if any(event.subjects or event.effect for event in events):
            inserted = _insert_with_effects(connection, events)
        else:
            inserted = set(_insert(connection, events).fetchall())
    except psycopg.Error:
        if connection.broken:
            raise
        return _write_one_by_one(connection, events)
    results = []
    for event in events:
        is_new = _key(event) in inserted
        inserted.discard(_key(event))  # of the same event twice in a batch, the second is a redelivery
        results.append(_written(event) if is_new else _seen_before(connection, event))
    return results


def _insert_with_effects(connection: "Connection[Any]", events: Sequence[Event]) -> set[tuple[str, str]]:
    """Insert events, empty those whose person was erased meanwhile, and carry out the effects of those that are new."""
    with connection.pipeline(), connection.transaction():
        wait_for_erasures(connection, alone=any(isinstance(event.effect, Redaction) for event in events))
        cursor = _insert(connection, events)
        late = erase_late(connection, [_key(event) for event in events])
        inserted = set(cursor.fetchall())
        first = {_key(event): event for event in reversed(events)}
        apply_effects(connection, [_without_person(first[key], late) for key in inserted])
    return inserted


def _without_person(event: Event, late: set[tuple[str, str]]) -> Event:
    """An event whose person was erased before it came changes an order, and leaves out whose it is."""
    if _key(event) in late and isinstance(event.effect, OrderChange):
        return replace(event, effect=OrderChange(event.effect.order_id, without_customer(event.effect.parts)))
    return event


def apply_effects(connection: "Connection[Any]", events: Sequence[Event]) -> int:
    """Carry out what events change beyond being stored, inside a transaction; returns how many orders that touched.

    Persons are forgotten last, so that no order of the same batch remembers them.
    """
    orders = project(connection, [event.effect for event in events if isinstance(event.effect, OrderChange)])
    for event in events:
        if isinstance(event.effect, Redaction):
            erase(connection, event.effect)
    return orders


def _write_one_by_one(connection: "Connection[Any]", events: Sequence[Event]) -> list[Written]:
    results: list[Written] = []
    with connection.transaction():
        wait_for_erasures(connection, alone=any(isinstance(event.effect, Redaction) for event in events))
        while rest := events[len(results) :]:
            inserted, error = _insert_until_refused(connection, rest)
            results += [
                _written(event) if is_new else _seen_before(connection, event)
                for event, is_new in zip(rest, inserted, strict=False)
            ]
            if error is not None:
                results.append(_write_without_payload(connection, rest[len(inserted)], error))
        # Effects come after all inserts: whoever waits for an order's lock here holds none that an insert waits for.
        effective = [index for index, written in enumerate(results) if written.outcome is Outcome.STORED]
        changes = [events[index].effect for index in effective]
        # All orders at once, in one sequence: one after the other, two batches could wait for each other.
        if orders := [change.order_id for change in changes if isinstance(change, OrderChange)]:
            lock_orders(connection, orders)
        late = erase_late(connection, [_key(event) for event in events])
        # Persons are forgotten last, so that no order of the same batch remembers them.
        for index in sorted(effective, key=lambda index: isinstance(events[index].effect, Redaction)):
            if events[index].effect:
                results[index] = _apply_effect(connection, _without_person(events[index], late))
    return results


def _apply_effect(connection: "Connection[Any]", event: Event) -> Written:
    """Carry out the effect of an event that was just inserted; without it the event is not stored either.

    A value that PostgreSQL refuses will be refused for ever, so that such an event is parked.
    """
    try:
        with connection.transaction():
            apply_effects(connection, [event])
    except psycopg.Error as error:
        if connection.broken:
            raise
        if reason := refusal(error):
            connection.execute(_PARK, {"source": _key(event)[0], "external_id": _key(event)[1], "reason": reason})
            return Written(Outcome.PARKED, reason)
        connection.execute(_DELETE, _key(event))
        return Written(Outcome.FAILED, f"{type(error).__name__} ({error.sqlstate})")
    return _written(event)


def _insert_until_refused(
    connection: "Connection[Any]", events: Sequence[Event]
) -> tuple[list[bool], psycopg.Error | None]:
    """Insert events one by one in one pipeline, each behind a savepoint.

    Returns of each whether it was new, up to the first that was refused, and the error that refused it.
    """
    cursors: list[psycopg.RawCursor[Any]] = []
    error = None
    try:
        with connection.pipeline():
            for event in events:
                connection.execute("savepoint event")
                cursors.append(_insert(connection, [event]))
                connection.execute("release savepoint event")
    except psycopg.Error as first:
        if connection.broken:
            raise
        error = first
        connection.execute("rollback to savepoint event")
    return [cursor.rowcount == 1 for cursor in cursors if cursor.rowcount >= 0], error


def _write_without_payload(connection: "Connection[Any]", event: Event, error: psycopg.Error) -> Written:
    """Park an event whose payload PostgreSQL refuses as jsonb after all; any other refusal is a failure."""
    reason = refusal(error)
    if event.payload is None or reason is None:
        return Written(Outcome.FAILED, f"{type(error).__name__} ({error.sqlstate})")
    parked = replace(event, payload=None, reason=reason)
    inserted, error_again = _insert_until_refused(connection, [parked])
    if error_again is not None:
        return _write_without_payload(connection, parked, error_again)
    return _written(parked) if inserted[0] else _seen_before(connection, parked)


def refusal(error: psycopg.Error) -> str | None:
    """Why what an event says can never be kept; None when the error is of another kind, which may pass."""
    if not (error.sqlstate or "").startswith(_REFUSED_VALUE):
        return None
    return f"PostgreSQL cannot keep the payload, or what follows from it: {error.diag.message_primary}."


def _insert(connection: "Connection[Any]", events: Sequence[Event]) -> "psycopg.RawCursor[Any]":
    parameters = [value for event in events for value in _row(event)]
    # A raw cursor, since psycopg would parse a statement of this length for its placeholders each time.
    return psycopg.RawCursor(connection).execute(_statement(len(events)), parameters)


@cache
def _statement(rows: int) -> bytes:
    return _INSERT.format(rows=", ".join(_placeholders(row * _COLUMNS + 1) for row in range(rows))).encode()


def _placeholders(first: int) -> str:
    return "(" + ", ".join(f"${number}" for number in range(first, first + _COLUMNS)) + ")"


def _written(event: Event) -> Written:
    return Written(Outcome.PARKED if event.reason else Outcome.STORED, event.reason)


def _seen_before(connection: "Connection[Any]", event: Event) -> Written:
    """A redelivery; with other bytes than the first time it is a conflict, which is kept as key and hash."""
    envelope = event.envelope
    parameters = {
        "source": envelope.source,
        "external_id": envelope.external_id,
        "body_sha256": envelope.body_sha256,
        "received_at": envelope.received_at,
        "correlation_id": envelope.correlation_id,
    }
    conflicting = connection.execute(_INSERT_CONFLICT, parameters).fetchone() is not None
    return Written(Outcome.CONFLICT if conflicting else Outcome.DUPLICATE)


def _find(connection: "Connection[Any]", event: Event) -> Written:
    """What became of an event whose body is gone from the bucket: it was stored before, or nothing can be done."""
    known = connection.execute("select 1 from webhook_events where source = %s and external_id = %s", _key(event))
    if known.fetchone() is None:
        return Written(Outcome.FAILED, "The body is no longer in the bucket, and the event was never stored.")
    return _seen_before(connection, event)


def _key(event: Event) -> tuple[str, str]:
    return event.envelope.source, event.envelope.external_id


def _row(event: Event) -> tuple[Any, ...]:
    envelope = event.envelope
    return (
        envelope.source,
        envelope.external_id,
        envelope.event_type,
        Outcome.PARKED if event.reason else Outcome.STORED,
        event.reason,
        envelope.received_at,
        envelope.content_type,
        json.dumps(dict(envelope.headers)),
        envelope.body,
        envelope.body_sha256,
        event.payload,
        envelope.correlation_id,
        list(event.subjects) or None,
    )
