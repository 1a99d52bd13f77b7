"""A dead-letter queue: looking at its messages, sending them on, and discarding them, without losing any.

SQS shows a message only by delivering it. So each walk through the queue takes the messages for a few minutes, acts on
those that match, and gives back the rest. A walk that is killed gives nothing back, and the messages reappear by
themselves when their minutes are over. A FIFO queue shows ten messages of one group at the most, as long as those are
taken: run a command again where a session has more.
"""

import base64
import json
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Self
from uuid import uuid4

import click

from chalicelib.webhooks.sources import SOURCES
from ops.output import counted
from ops.stage import Stage
from ops.times import in_utc

QUEUES = ("webhook-events", "chat-messages.fifo", "failed-turns")
"""The queues whose dead letters are looked after."""

VISIBILITY_SECONDS = 300
_LONGEST_VISIBILITY = 43_200
_PATIENCE_SECONDS = 2
"""Asked without waiting, SQS looks at some of its servers only and may show none of a few messages."""

_BATCH_BYTES = 1_048_576
UNKNOWN = "unknown"
"""The source of a message that names none of ours."""


@dataclass(frozen=True)
class DeadLetter:
    """A message. What its body does not tell, because it is no envelope, is None; so is a source that is not ours."""

    message_id: str
    receipt: str
    body: str
    group: str | None
    sent_at: datetime
    source: str | None
    external_id: str | None
    event_type: str | None
    received_at: datetime
    size: int

    @classmethod
    def from_message(cls, message: Mapping[str, Any]) -> Self:
        sent_at = datetime.fromtimestamp(int(message["Attributes"]["SentTimestamp"]) / 1000, UTC)
        envelope = _envelope(message["Body"])
        source = _text(envelope.get("source"))
        return cls(
            message_id=message["MessageId"],
            receipt=message["ReceiptHandle"],
            body=message["Body"],
            group=message["Attributes"].get("MessageGroupId"),
            sent_at=sent_at,
            source=source if source in SOURCES else None,
            external_id=_text(envelope.get("external_id")),
            event_type=_text(envelope.get("event_type")),
            received_at=_time(envelope.get("received_at")) or sent_at,
            size=len(message["Body"].encode()),
        )

    def payload(self) -> bytes | None:
        """The webhook's body, None where the message does not carry it."""
        try:
            return base64.b64decode(_envelope(self.body)["body"], validate=True)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class LetterFilter:
    """Which messages. ``since`` belongs to the time that is asked for, ``until`` does not."""

    source: str | None = None
    event_type: str | None = None
    external_id: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def matches(self, letter: DeadLetter) -> bool:
        """``external_id`` may also be the id of the message or of its session, for those that are no envelope."""
        return (
            self.source in (None, letter.source or UNKNOWN)
            and self.event_type in (None, letter.event_type)
            and self.external_id in (None, letter.external_id, letter.message_id, letter.group)
            and (self.since is None or letter.received_at >= self.since)
            and (self.until is None or letter.received_at < self.until)
        )


@dataclass
class DeadLetterQueue:
    """The queue ``dead``, whose messages were meant for ``alive``. ``client`` is an SQS client, the names are URLs."""

    client: Any
    alive: str
    dead: str
    visibility: int = VISIBILITY_SECONDS
    patience: int = _PATIENCE_SECONDS
    _held: dict[str, str] = field(default_factory=dict)

    def depth(self) -> int:
        """About how many messages there are, those included that somebody holds."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        attributes = self.client.get_queue_attributes(QueueUrl=self.dead, AttributeNames=names)["Attributes"]
        return sum(int(attributes[name]) for name in names)

    def look(self) -> Generator[DeadLetter, None, None]:
        """Every message, once; all of them are given back when the walk ends, however it ends."""
        for letters in self._walk():
            yield from letters

    def redrive(self, which: LetterFilter, before: datetime) -> Generator[int, None, None]:
        """Send what matches to the living queue again; yields how many, batch by batch.

        A message is deleted here only after it is there, so that a walk that is killed makes a duplicate at the worst.
        What was sent after ``before`` stays: it may be what was redriven a moment ago, and failed again.
        """

        def move(letters: Sequence[DeadLetter]) -> int:
            for chunk in _chunks(letters):
                self._send(chunk)
                self._delete(chunk)
            return len(letters)

        return self._each_match(which, before, move)

    def discard(self, which: LetterFilter, before: datetime) -> Generator[int, None, None]:
        """Delete what matches; yields how many, batch by batch."""

        def drop(letters: Sequence[DeadLetter]) -> int:
            self._delete(letters)
            return len(letters)

        return self._each_match(which, before, drop)

    def _each_match(
        self, which: LetterFilter, before: datetime, act: Callable[[Sequence[DeadLetter]], int]
    ) -> Generator[int, None, None]:
        for letters in self._walk():
            matching = [letter for letter in letters if letter.sent_at <= before and which.matches(letter)]
            if matching:
                yield act(matching)

    def _walk(self) -> Iterator[Sequence[DeadLetter]]:
        """Batches of messages not seen before in this walk, up to the first that brings nothing new."""
        seen: set[str] = set()
        visibility = min(_LONGEST_VISIBILITY, max(self.visibility, self.depth() // 20))
        with self._holding():
            while True:
                letters = self._receive(visibility)
                self._held |= {letter.message_id: letter.receipt for letter in letters}
                fresh = [letter for letter in letters if letter.message_id not in seen]
                if not fresh:
                    return
                seen |= {letter.message_id for letter in fresh}
                yield fresh

    @contextmanager
    def _holding(self) -> Iterator[None]:
        try:
            yield
        finally:
            receipts = list(self._held.values())
            self._held.clear()
            for start in range(0, len(receipts), 10):
                entries = [
                    {"Id": str(index), "ReceiptHandle": receipt, "VisibilityTimeout": 0}
                    for index, receipt in enumerate(receipts[start : start + 10])
                ]
                self.client.change_message_visibility_batch(QueueUrl=self.dead, Entries=entries)

    def _receive(self, visibility: int) -> list[DeadLetter]:
        answer = self.client.receive_message(
            QueueUrl=self.dead,
            MaxNumberOfMessages=10,
            VisibilityTimeout=visibility,
            WaitTimeSeconds=self.patience,
            AttributeNames=["SentTimestamp", "MessageGroupId"],
        )
        return [DeadLetter.from_message(message) for message in answer.get("Messages", [])]

    def _send(self, letters: Sequence[DeadLetter]) -> None:
        fifo = self.alive.endswith(".fifo")
        entries = [
            {"Id": str(index), "MessageBody": letter.body, "MessageGroupId": letter.group or letter.source or UNKNOWN}
            | ({"MessageDeduplicationId": uuid4().hex} if fifo else {})
            for index, letter in enumerate(letters)
        ]
        _require_success(self.client.send_message_batch(QueueUrl=self.alive, Entries=entries), "sent")

    def _delete(self, letters: Sequence[DeadLetter]) -> None:
        entries = [{"Id": str(index), "ReceiptHandle": letter.receipt} for index, letter in enumerate(letters)]
        _require_success(self.client.delete_message_batch(QueueUrl=self.dead, Entries=entries), "deleted")
        for letter in letters:
            self._held.pop(letter.message_id, None)


def open_queue(stage: Stage, queue: str, visibility: int = VISIBILITY_SECONDS) -> DeadLetterQueue:
    """The dead-letter queue of one of ``QUEUES``; one that is not there ends the command."""
    return _open(stage, queue, dead_letters_of(queue), visibility)


def open_stream_failures(stage: Stage) -> DeadLetterQueue:
    """What the functions behind the sessions' stream gave up; nothing can be sent from there."""
    return _open(stage, "stream-failures", "stream-failures", VISIBILITY_SECONDS)


def _open(stage: Stage, alive: str, dead: str, visibility: int) -> DeadLetterQueue:
    client = stage.client("sqs")

    def url(name: str) -> str:
        deployed = stage.deployed_name(name)
        try:
            return str(client.get_queue_url(QueueName=deployed)["QueueUrl"])
        except client.exceptions.QueueDoesNotExist:
            raise click.ClickException(f"There is no queue {deployed}: deploy the data stack first.") from None

    patience = 0 if stage.name == "local" else _PATIENCE_SECONDS  # the local cloud has one server
    return DeadLetterQueue(client, url(alive), url(dead), visibility, patience)


def dead_letters_of(queue: str) -> str:
    """The name of a queue's dead-letter queue; that of a FIFO queue must end as one."""
    return queue.removesuffix(".fifo") + "-dlq" + (".fifo" if queue.endswith(".fifo") else "")


def _chunks(letters: Sequence[DeadLetter]) -> Iterator[list[DeadLetter]]:
    """The messages in their order, as few requests as SQS allows: it counts the bytes of all in one."""
    chunk: list[DeadLetter] = []
    for letter in letters:
        if chunk and sum(other.size for other in chunk) + letter.size > _BATCH_BYTES:
            yield chunk
            chunk = []
        chunk.append(letter)
    if chunk:
        yield chunk


def _require_success(answer: Mapping[str, Any], what: str) -> None:
    if failed := answer.get("Failed"):
        reason = failed[0].get("Message") or failed[0]["Code"]
        raise click.ClickException(
            f"{counted(len(failed), 'message')} could not be {what}: {reason} Nothing is lost; run the command again."
        )


def _envelope(body: str) -> Mapping[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) and "version" in value else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _time(value: Any) -> datetime | None:
    try:
        return in_utc(datetime.fromisoformat(value))
    except (TypeError, ValueError, OverflowError):
        return None
