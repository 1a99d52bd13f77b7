"""SQS: sending a message, and the batches a queue delivers."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError


@dataclass(frozen=True)
class SqsQueue:
    """A standard queue. ``client`` is an SQS client."""

    client: Any
    url: str

    def send(self, body: str, *, group: str) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``.

        ``group`` makes the queue fair: a group with a backlog does not delay the messages of the others.
        """
        try:
            self.client.send_message(QueueUrl=self.url, MessageBody=body, MessageGroupId=group)
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("The event cannot be queued at the moment; send it again.") from error


@dataclass(frozen=True)
class QueueMessage:
    """One message of a batch. ``receives`` counts the deliveries, this one included."""

    message_id: str
    body: str
    sent_at: datetime
    receives: int


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
    )
