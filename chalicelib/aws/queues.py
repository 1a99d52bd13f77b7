"""SQS: sending messages."""

from dataclasses import dataclass
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
