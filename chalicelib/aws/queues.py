"""SQS: sending messages."""

from dataclasses import dataclass
from typing import Any
from uuid import uuid4

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
class FifoQueue:
    """A FIFO queue, in which each group keeps its order and has one message under way at a time."""

    client: Any
    url: str

    def send(self, body: str, *, group: str, once: str | None = None) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``.

        Of those that are sent ``once`` under the same name within five minutes, it holds the first.
        """
        try:
            self.client.send_message(
                QueueUrl=self.url, MessageBody=body, MessageGroupId=group, MessageDeduplicationId=once or uuid4().hex
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError("The message cannot be queued at the moment; send it again.") from error

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        """Let a message that failed come back after so long; otherwise it does so after the visibility timeout."""
        try:
            self.client.change_message_visibility(
                QueueUrl=self.url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
            )
        except (ClientError, BotoCoreError):
            return  # it comes back later
