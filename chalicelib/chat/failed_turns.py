"""Failed turns: answers that the table refused, kept in a queue until it takes them, their keys already fixed.

The wire format of a message is a JSON object with ``session_id`` and the fields of the turn.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.batches import QueueMessage
from chalicelib.aws.tables import ConditionFailedError, Table, put, update
from chalicelib.chat.sessions import session_key
from chalicelib.chat.turns import Turn


class Queue(Protocol):
    def send(self, body: str, *, group: str) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``."""


@dataclass(frozen=True)
class FailedTurn:
    """An answer that could not be stored."""

    session_id: str
    turn: Turn

    def to_message(self) -> str:
        return json.dumps({"session_id": self.session_id, **asdict(self.turn)})

    @classmethod
    def from_message(cls, text: str) -> "FailedTurn":
        """Read what ``to_message`` wrote; ``ValueError`` or ``TypeError`` for anything else."""
        fields = json.loads(text)
        return cls(fields.pop("session_id"), Turn(**fields))


@dataclass(frozen=True)
class FailedTurnQueue:
    queue: Queue

    def keep(self, failed: FailedTurn) -> None:
        """Return once the turn is safe, else raise ``UnavailableError``."""
        self.queue.send(failed.to_message(), group=failed.session_id)


@dataclass(frozen=True)
class TurnWriter:
    """Stores turns whose first write failed."""

    table: Table

    def write(self, messages: Sequence[QueueMessage]) -> list[str]:
        """Store the turns of a batch; returns the ids of the messages that must be delivered again."""
        failed = []
        for message in messages:
            try:
                self._write(FailedTurn.from_message(message.body))
            except Exception:  # noqa: BLE001 - the boundary of one message
                telemetry.logger.exception("failed turn not stored", message_id=message.message_id)
                telemetry.count("FailedTurns", outcome="failed")
                failed.append(message.message_id)
        return failed

    def _write(self, failed: FailedTurn) -> None:
        """Store a turn and note it on its session, on condition that the session is there and the turn is not."""
        item = failed.turn.to_item(failed.session_id)
        note = update(
            session_key(failed.session_id),
            "SET answered = :answered, unsummarised = unsummarised + :two",
            "attribute_exists(PK) AND answered < :answered",
            answered=failed.turn.seq - 1,
            two=2,
        )
        try:
            self.table.transact(put(item), note)
        except ConditionFailedError:
            telemetry.count("FailedTurns", outcome="duplicate")
            return
        telemetry.count("FailedTurns", outcome="stored")
