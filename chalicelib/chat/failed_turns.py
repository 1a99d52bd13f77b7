"""Failed turns: answers that the table refused, kept in a queue until it takes them, their keys already fixed.

The wire format of a message is a JSON object with ``session_id`` and the fields of the turn.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.batches import QueueMessage
from chalicelib.aws.tables import ConditionFailedError, Table, Write, put, update
from chalicelib.chat.sessions import Session, session_key
from chalicelib.chat.summaries import count_answer
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError

ATTEMPTS = 5


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
    """Stores turns whose first write failed. ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]

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
        """Store a turn and note it on its session, which must be there, unless that was done before.

        Whose conversation it is by now does not matter: the answer was finished while it was the assistant's.
        """
        telemetry.count("FailedTurns", outcome=self._store(failed))

    def _store(self, failed: FailedTurn) -> str:
        item = failed.turn.to_item(failed.session_id)
        for _ in range(ATTEMPTS):
            meta = self.table.get(session_key(failed.session_id))
            if meta is None or meta["ttl"] <= self.clock():
                telemetry.logger.warning("failed turn dropped", session_id=failed.session_id, seq=failed.turn.seq)
                return "dropped"
            try:
                self.table.transact(put(item), _note(Session.from_item(meta), failed.turn))
            except ConditionFailedError as refused:
                if refused.failed[0]:
                    return "duplicate"
                continue
            return "stored"
        raise UnavailableError("The conversation moves too fast at the moment.")


def _note(session: Session, turn: Turn) -> Write:
    changes = {"answered": max(session.answered, turn.seq - 1), **count_answer(session)}
    return update(
        session_key(session.session_id),
        "SET " + ", ".join(f"{name} = :{name}" for name in changes),
        "answered = :was_answered AND unsummarised = :was_unsummarised",
        was_answered=session.answered,
        was_unsummarised=session.unsummarised,
        **changes,
    )
