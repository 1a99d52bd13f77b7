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
    def answer(self, session_id: str, *, again: bool) -> None:
        """Answer what is unanswered."""

    def apologise(self, session_id: str) -> None:
        """Store an apology for it."""


class Retries(Protocol):
    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        """Let a message come back after so long."""


@dataclass(frozen=True)
class SessionQueue:
    answering: Answering
    retries: Retries

    def process(self, messages: Sequence[QueueMessage]) -> list[str]:
        """Answer the sessions of a batch; returns the first that failed and all behind it, for their order's sake."""
        for index, message in enumerate(messages):
            try:
                self._process(message)
            except Exception:  # noqa: BLE001 - the boundary of one session
                telemetry.logger.exception("session not answered", session_id=message.body, receives=message.receives)
                self.retries.retry_in(message.receipt_handle, RETRY_SECONDS)
                return [later.message_id for later in messages[index:]]
        return []

    def _process(self, message: QueueMessage) -> None:
        if message.receives >= LAST_RECEIVE:
            self.answering.apologise(message.body)
            return
        self.answering.answer(message.body, again=message.receives > 1)
