"""Processing: a batch from the queue becomes rows in the event store.

What can never be processed is parked with its reason, at once. What failed goes back to the queue, message by message,
and after its last receive to the dead-letter queue.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.batches import QueueMessage
from chalicelib.errors import EnvelopeError, InvalidBodyError, NotFoundError, UnavailableError
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.event_store import Event, Outcome, Written
from chalicelib.webhooks.payloads import Document
from chalicelib.webhooks.people import find_subjects
from chalicelib.webhooks.shopify import Origin
from chalicelib.webhooks.sources import Message, Source, find_source


class Bucket(Protocol):
    """Where bodies lie that are too large for a message."""

    def get(self, key: str) -> bytes | None:
        """An object's bytes, None when there is no such object."""

    def delete(self, key: str) -> None:
        """Delete an object."""


class Store(Protocol):
    def write(self, events: Sequence[Event]) -> list[Written]:
        """Store events, and say what became of each."""


@dataclass(frozen=True)
class Processor:
    """Processes batches. ``clock`` gives seconds since the epoch."""

    store: Store
    bucket: Bucket
    clock: Callable[[], float]

    def process(self, messages: Sequence[QueueMessage]) -> list[str]:
        """Store the events of a batch and return the ids of the messages that must be delivered again."""
        failed: list[str] = []
        readable: list[tuple[QueueMessage, Event]] = []
        for message in messages:
            try:
                readable.append((message, read_event(Envelope.from_message(message.body, self.bucket.get))))
            except UnavailableError as error:
                telemetry.logger.error("body cannot be fetched", message_id=message.message_id, detail=str(error))
                telemetry.count("WebhooksFailed", source="unknown")
                failed.append(message.message_id)
            except EnvelopeError as error:
                telemetry.logger.error("message is no envelope", message_id=message.message_id, detail=str(error))
                telemetry.count("WebhooksFailed", source="unknown")
                failed.append(message.message_id)
            except Exception:  # noqa: BLE001 - the boundary of one message
                telemetry.logger.exception("message cannot be read", message_id=message.message_id)
                telemetry.count("WebhooksFailed", source="unknown")
                failed.append(message.message_id)
        return failed + self._store(readable)

    def _store(self, readable: Sequence[tuple[QueueMessage, Event]]) -> list[str]:
        events = [event for _, event in readable]
        try:
            results = self.store.write(events) if events else []
        except UnavailableError as error:
            ids = [event.envelope.external_id for event in events]
            telemetry.logger.error("events not stored", detail=str(error), count=len(events), event_ids=ids)
            results = [Written(Outcome.FAILED)] * len(events)
        self._report(events, results)
        self._delete_bodies(events, results)
        return [
            message.message_id
            for (message, _), written in zip(readable, results, strict=True)
            if written.outcome is Outcome.FAILED
        ]

    def _delete_bodies(self, events: Sequence[Event], results: Sequence[Written]) -> None:
        """Delete from the bucket what is stored now. What stays behind by mistake expires there by itself."""
        for event, written in zip(events, results, strict=True):
            key = event.envelope.body_key
            if key is None or written.outcome is Outcome.FAILED:
                continue
            try:
                self.bucket.delete(key)
            except UnavailableError as error:
                telemetry.logger.warning("body not deleted", key=key, detail=str(error))

    def _report(self, events: Sequence[Event], results: Sequence[Written]) -> None:
        """Log and count, a line for each outcome and not for each event: lines are what logs cost.

        What failed without a detail of its own failed with its whole batch, which has its line already.
        """
        described: dict[Outcome, list[dict[str, str]]] = defaultdict(list)
        counts: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        ages: dict[str, list[float]] = defaultdict(list)
        now = datetime.fromtimestamp(self.clock(), UTC)
        for event, written in zip(events, results, strict=True):
            source = event.envelope.source
            if written.outcome is not Outcome.FAILED or written.detail:
                described[written.outcome].append(_describe(event, written))
            counts[source][f"Webhooks{written.outcome.capitalize()}"] += 1
            if written.outcome in (Outcome.STORED, Outcome.PARKED):
                ages[source].append((now - event.envelope.received_at).total_seconds() * 1000)
        for outcome, those in described.items():
            log = telemetry.logger.error if outcome is Outcome.FAILED else telemetry.logger.info
            log(f"webhooks {outcome}", events=those)
        for source, numbers in counts.items():
            telemetry.emit(numbers, {"WebhookAgeAtStoring": ages[source]}, source=source)


def _describe(event: Event, written: Written) -> dict[str, str]:
    envelope = event.envelope
    described = {
        "source": envelope.source,
        "event_id": envelope.external_id,
        "correlation_id": envelope.correlation_id,
    }
    return described | {"detail": written.detail} if written.detail else described


def read_event(envelope: Envelope) -> Event:
    """An event ready to be stored; parked when it is not what its source promises, whether in shape or in effect."""
    if envelope.body is None:
        return Event(envelope)
    try:
        source = find_source(envelope.source)
    except NotFoundError:
        reason = "Its source is no longer known."
        return Event(envelope, reason=reason, subjects=find_subjects(None, envelope.body))
    headers = {**envelope.headers, "content-type": envelope.content_type}
    message = Message(headers, envelope.body)
    origin = Origin(envelope.source, envelope.external_id, envelope.event_type, headers, envelope.received_at)
    if isinstance(message.document, InvalidBodyError):
        reason = " ".join(message.document.reasons)
        return Event(envelope, reason=reason, subjects=find_subjects(None, envelope.body))
    document = message.document
    subjects = [*find_subjects(document.text, envelope.body), *_subjects(source, origin, document)]
    try:
        source.check(message)
        effect = source.effect(origin, document.value) if source.effect else None
    except InvalidBodyError as error:
        return Event(envelope, document.text, " ".join(error.reasons), subjects=subjects)
    return Event(envelope, document.text, effect=effect, subjects=subjects)


def _subjects(source: Source, origin: Origin, document: Document) -> Sequence[str]:
    return source.subjects(origin, document.value) if source.subjects else ()
