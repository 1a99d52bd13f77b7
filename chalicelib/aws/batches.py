"""Batches that SQS delivers: what arrives in one, and the answer that sends single messages back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True)
class QueueMessage:
    """One message of a batch. ``receives`` counts the deliveries, this one included."""

    message_id: str
    body: str
    sent_at: datetime
    receives: int
    receipt_handle: str = ""


def read_batch(event: Mapping[str, Any]) -> list[QueueMessage]:
    """The messages of a Lambda event that SQS sent."""
    return [_read_record(record) for record in event["Records"]]


def answer_batch(failed: Iterable[str]) -> dict[str, Sequence[dict[str, str]]]:
    """The partial batch response: ``failed`` message ids come back, the rest is deleted."""
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def _read_record(record: Mapping[str, Any]) -> QueueMessage:
    attributes = record.get("attributes") or {}
    return QueueMessage(
        message_id=record["messageId"],
        body=record["body"],
        sent_at=datetime.fromtimestamp(int(attributes.get("SentTimestamp", 0)) / 1000, UTC),
        receives=int(attributes.get("ApproximateReceiveCount", 1)),
        receipt_handle=record.get("receiptHandle", ""),
    )
