"""The queue of sessions that have work, one message at a time and one session a group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.batches import QueueMessage

LAST_RECEIVE = 4
"""The queue's redrive policy counts to this; the last time an apology is stored first."""

RETRY_SECONDS = 3


class Answering(Protocol):
    def answer(self, session_id: str, *, receives: int, queued_at: float) -> bool:
        """Answer what is unanswered; whether that was all of it."""

    def apologise(self, session_id: str) -> bool:
        """Store an apology for the first that is unanswered; whether that was all of it."""


class Queue(Protocol):
    def send(self, body: str, *, group: str) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``."""

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        """Let a message come back after so long."""


@dataclass(frozen=True)
class SessionQueue:
    answering: Answering
    queue: Queue

    def process(self, messages: Sequence[QueueMessage]) -> list[str]:
        """Answer the sessions of a batch; returns the first that failed and all behind it, for their order's sake."""
        for index, message in enumerate(messages):
            try:
                self._process(message)
            except Exception:  # noqa: BLE001 - the boundary of one session
                telemetry.logger.exception("session not answered", session_id=message.body, receives=message.receives)
                self.queue.retry_in(message.receipt_handle, RETRY_SECONDS)
                return [later.message_id for later in messages[index:]]
        return []

    def _process(self, message: QueueMessage) -> None:
        """Answer a session; what there was no time for is queued again, so that it has all its attempts."""
        telemetry.about(session_id=message.body)
        if message.receives >= LAST_RECEIVE:
            done = self.answering.apologise(message.body)
        else:
            queued_at = message.sent_at.timestamp()
            done = self.answering.answer(message.body, receives=message.receives, queued_at=queued_at)
        if not done:
            self.queue.send(message.body, group=message.body)
