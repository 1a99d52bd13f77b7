"""The event store: verified webhooks become rows of ``webhook_events``, once for each source and id.

A batch is one transaction of one round trip. When the database refuses anything in it, the batch is written again with
a savepoint for each event, so that only those come back that cannot be stored.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg.types.json import Jsonb

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.envelope import Envelope

if TYPE_CHECKING:
    from psycopg import Connection

_INSERT = """
insert into webhook_events (source, external_id, event_type, state, reason, received_at, content_type, headers, body,
                            body_sha256, payload, correlation_id)
values (%s, %s, %s, %s, %s, %s, %s, %s, %b, %s, %s::jsonb, %s)
on conflict (source, external_id) do nothing
"""

_INSERT_CONFLICT = """
insert into webhook_conflicts (source, external_id, body_sha256, received_at, correlation_id)
select source, external_id, %(body_sha256)s, %(received_at)s, %(correlation_id)s
  from webhook_events
 where source = %(source)s and external_id = %(external_id)s and body_sha256 <> %(body_sha256)s
on conflict do nothing
returning 1
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
    """An envelope with what was made of its body: the text of its JSON, or the reason why it is parked."""

    envelope: Envelope
    payload: str | None
    reason: str | None = None


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
    try:
        with connection.pipeline(), connection.transaction():
            return _insert(connection, events)
    except psycopg.Error:
        if connection.broken:
            raise
    with connection.transaction():
        return [_insert_alone(connection, event) for event in events]


def _insert_alone(connection: "Connection[Any]", event: Event) -> Written:
    try:
        with connection.transaction():
            return _insert(connection, [event])[0]
    except psycopg.Error as error:
        if connection.broken:
            raise
        sqlstate = error.sqlstate or ""
        if event.payload is None or not sqlstate.startswith(_REFUSED_VALUE):
            return Written(Outcome.FAILED, f"{type(error).__name__} ({sqlstate})")
        reason = f"PostgreSQL cannot keep the payload as jsonb: {error.diag.message_primary}."
    return _insert_alone(connection, replace(event, payload=None, reason=reason))


def _insert(connection: "Connection[Any]", events: Sequence[Event]) -> list[Written]:
    with connection.cursor() as cursor:
        cursor.executemany(_INSERT, map(_row, events), returning=True)
        inserted = [result.rowcount == 1 for result in cursor.results()]
    return [
        _written(event) if is_new else _seen_before(connection, event)
        for event, is_new in zip(events, inserted, strict=True)
    ]


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
        Jsonb(dict(envelope.headers)),
        envelope.body,
        envelope.body_sha256,
        event.payload,
        envelope.correlation_id,
    )
