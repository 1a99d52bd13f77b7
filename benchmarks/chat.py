"""Chat: what one message asks of the table, and how soon its answer begins.

Frontdesk goes through Chalice and all of its own code, first ``websocket_message`` and then ``answer_messages``. Stood
in for are the sockets, the queue and the model, which answers at once. The plain design does all of it in one function.
"""

import json
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import boto3
import botocore.session
import click
from moto import mock_aws

import app
from benchmarks.plain import conversation
from benchmarks.report import NotMeasuredError, Row, Section, Target
from benchmarks.stand_ins import LambdaContext, discarded_output, wired
from benchmarks.tables import Meter, Request, round_trips
from chalicelib import wiring
from chalicelib.aws.tables import Table, put, update
from chalicelib.chat.model import ModelEvent, Stop, Text
from chalicelib.chat.sessions import Sessions, connection_key, session_key
from chalicelib.chat.summaries import summary_key
from chalicelib.chat.turns import Turn, compress

_CONTEXT = LambdaContext("frontdesk-dev-answer_messages")
_QUESTION = "How long does a parcel to Lisbon take, and what does it cost?"
_WORDS = [f"word{number} " for number in range(100)]
_TURN = "Something that was said earlier in this conversation, of an ordinary length. " * 3
_TURNS = 20
_SUMMARY = "What was said before, in about a hundred words. " * 12

_ENVIRONMENT = {
    "STAGE": "dev",
    "SESSIONS_TABLE": "frontdesk",
    "WEBSOCKET_URL": "wss://chat.example.com",
    "CONNECTIONS_URL": "https://connections.example.com/api",
    "CHAT_MESSAGES_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/chat-messages.fifo",
    "FAILED_TURNS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/failed-turns",
    "MODEL_DAILY_TOKENS": "1000000000",
    "MODEL_ID": "model",
    "AWS_DEFAULT_REGION": "us-east-1",
}

_BEFORE_ACK = Target("value", "at most", 3)
_BEFORE_MODEL = Target("value", "at most", 2)
_IN_ALL = Target("value", "at most", 8)
_FIRST_DELTA = Target("ratio", "at most", 0.6)


@dataclass
class Sockets:
    """Connections that take every frame at once, and note when."""

    sent: list[tuple[float, str]] = field(default_factory=list)

    def send(self, connection_id: str, frame: Mapping[str, Any]) -> bool:
        self.sent.append((time.perf_counter(), str(frame["type"])))
        return True

    def close(self, connection_id: str) -> bool:
        return True

    def first(self, kind: str) -> float:
        """When the first frame of a type was sent."""
        for at, sent in self.sent:
            if sent == kind:
                return at
        raise NotMeasuredError(f"no {kind} was sent, only {[sent for _, sent in self.sent]}")


@dataclass
class Queue:
    """A queue that takes every message at once and keeps the last."""

    last_body: str = ""

    def send(self, body: str, *, group: str, once: str | None = None) -> None:
        self.last_body = body

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        raise NotMeasuredError("a session was not answered at once")


@dataclass
class InstantModel:
    """A model that answers at once, and notes when it was asked."""

    asked_at: float = 0.0

    def stream(self, *_: Any, **__: Any) -> Iterator[ModelEvent]:
        self.asked_at = time.perf_counter()
        yield from map(Text, _WORDS)
        yield Stop("end_turn")


@dataclass(frozen=True)
class Taken:
    """One message: its requests before the ack, before the model and in all, and seconds to the first of the answer."""

    before_ack: int
    before_model: int
    requests: Sequence[Request]
    first_seconds: float


def measure(*, quick: bool) -> Section:
    """Requests, capacity units and milliseconds of a message in a session of twenty turns."""
    rounds = 3 if quick else 60
    with ExitStack() as stack, click.progressbar(length=2 * rounds, label="chat", file=sys.stderr) as bar:
        stack.enter_context(_environment())
        stack.enter_context(mock_aws())
        place = _Place()
        taken: dict[str, list[tuple[Taken, Taken]]] = {"": [], _SUMMARY: []}
        stack.enter_context(discarded_output())
        stack.enter_context(place.wired())
        for number in range(-2, rounds):  # those below 0 warm up
            place.empty()
            for summary, pairs in taken.items():
                pair = place.frontdesk(f"f{number}{bool(summary)}", summary), place.plain(f"p{number}", summary)
                if number >= 0:
                    pairs.append(pair)
                    bar.update(1)
    frontdesk, plain = taken[_SUMMARY][-1]
    rows = (
        Row("one after the other before the ack", "requests", frontdesk.before_ack, plain.before_ack, _BEFORE_ACK),
        Row(
            "one after the other before the model",
            "requests",
            frontdesk.before_model,
            plain.before_model,
            _BEFORE_MODEL,
        ),
        Row("in all", "requests", len(frontdesk.requests), len(plain.requests), _IN_ALL),
        Row("read units", "units", _sum(frontdesk, "read_units"), _sum(plain, "read_units")),
        Row("write units", "units", _sum(frontdesk, "write_units"), _sum(plain, "write_units")),
        _first_delta("to the first delta", taken[""]),
        _first_delta("to the first delta, with a summary", taken[_SUMMARY]),
    )
    notes = (
        f"A message in a session of {_TURNS} turns; moto's table in this process, 5 ms added to each request,",
        "and moto's own CPU time taken off.",
        "Plain: two queries, the question put, the model, the answer put, META updated, one after the other.",
        "It has no ack: its first row is what it takes to store the question. Both models answer at once.",
        "To the first delta: from the start of answer_messages, and from the start of plain's only function.",
        "What lies between ack and answer_messages, the queue, is part of the section `conversations`.",
        "Units: strong reads cost twice those that may be stale, and transactions twice a plain write. They buy that",
        "no turn is lost or doubled, that a repeated message is known, and that nothing is answered from stale turns.",
    )
    return Section("chat", rows, notes)


def _first_delta(name: str, pairs: Sequence[tuple[Taken, Taken]]) -> Row:
    ours, theirs = (median(pair[side].first_seconds * 1000 for pair in pairs) for side in (0, 1))
    return Row(name, "ms", ours, theirs, _FIRST_DELTA)


def _sum(taken: Taken, unit: str) -> float:
    return float(sum(getattr(request, unit) for request in taken.requests))


class _Place:
    """A table of each design's, and the application wired to its own."""

    def __init__(self) -> None:
        make = botocore.session.get_session().create_client
        self._untouched = make("dynamodb", region_name="us-east-1")
        self._create_tables()
        self._meter = Meter(self._untouched)
        watched = make("dynamodb", region_name="us-east-1")
        self._meter.watch(watched)
        self._table = Table(watched, "frontdesk")
        self._plain = boto3.resource("dynamodb", region_name="us-east-1").Table("plain")
        self._plain_untouched = boto3.resource("dynamodb", region_name="us-east-1").Table("plain")
        self._meter.watch(self._plain.meta.client)
        self._sockets, self._queue, self._model = Sockets(), Queue(), InstantModel()

    def _create_tables(self) -> None:
        for name in ("frontdesk", "plain"):
            self._untouched.create_table(
                TableName=name,
                BillingMode="PAY_PER_REQUEST",
                AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("PK", "SK")],
                KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
            )

    def empty(self) -> None:
        """Begin with empty tables: moto takes longer the more there is in one."""
        for name in ("frontdesk", "plain"):
            self._untouched.delete_table(TableName=name)
        self._create_tables()

    @contextmanager
    def wired(self) -> Iterator[None]:
        """Let the application use the stand-ins in place of what wiring would build."""
        stand_ins = {
            "sessions_table": self._table,
            "sockets": self._sockets,
            "chat_messages": self._queue,
            "model": self._model,
        }
        _forget()
        try:
            with wired(**stand_ins):
                yield
        finally:
            _forget()

    def frontdesk(self, session_id: str, summary: str) -> Taken:
        """One message, from its frame to its stored answer."""
        self._make_session(session_id, summary)
        frame = json.dumps({"action": "message", "message_id": f"m-{session_id}", "content": _QUESTION})
        self._sockets.sent.clear()
        app.websocket_message(_socket_event(session_id, frame), _CONTEXT)
        acked, before = self._sockets.first("ack"), self._meter.take()
        self._sockets.sent.clear()
        started = time.perf_counter()
        answer = app.answer_messages(_queue_event(self._queue.last_body), _CONTEXT)
        if answer != {"batchItemFailures": []}:
            raise NotMeasuredError(f"a session was not answered: {answer}")
        first, after = self._sockets.first("delta"), self._meter.take()
        self._sockets.first("message")
        asked = [request for request in after if request.end <= self._model.asked_at]
        until_ack = round_trips([request for request in before if request.end <= acked])
        seconds = first - started - sum(request.emulated for request in after if request.end <= first)
        return Taken(until_ack, round_trips(asked), [*before, *after], seconds)

    def plain(self, session_id: str, summary: str) -> Taken:
        conversation.make_session(self._plain_untouched, session_id, [_TURN] * _TURNS, summary)
        asked: list[float] = []
        sent: list[float] = []

        def model(_: list[dict[str, str]]) -> Iterator[str]:
            asked.append(time.perf_counter())
            yield from _WORDS

        started = time.perf_counter()
        message = {"session_id": session_id, "content": _QUESTION}
        conversation.answer(message, self._plain, model, lambda _: sent.append(time.perf_counter()))
        requests = self._meter.take()
        before = round_trips([request for request in requests if request.end <= asked[0]])
        seconds = sent[0] - started - sum(request.emulated for request in requests if request.end <= sent[0])
        return Taken(before, before, requests, seconds)

    def _make_session(self, session_id: str, summary: str) -> None:
        table = Table(self._untouched, "frontdesk")
        Sessions(table, time.time, lambda: session_id).open(session_id, None, "ticket")
        now = int(time.time())
        for seq in range(1, _TURNS + 1):
            turn = Turn(seq, "customer" if seq % 2 else "bot", _TURN, now, f"old-{seq}")
            table.write(put(turn.to_item(session_id)))
        covered = _TURNS // 2 if summary else 0
        if summary:
            item = {"PK": f"SESSION#{session_id}", "SK": summary_key(covered), "at": now, "ttl": now + 1000}
            table.write(put(item | {"content": compress(summary), "encoding": "zlib"}))
        table.write(put({**connection_key(session_id), "session_id": session_id, "ends_at": now + 86_400, "ttl": now}))
        table.write(
            update(
                session_key(session_id),
                "SET seq = :seq, answered = :answered, summary_upto = :upto, connection_id = :connection REMOVE ticket",
                seq=_TURNS,
                answered=_TURNS - 1,
                upto=covered,
                connection=session_id,
            )
        )


def _socket_event(connection_id: str, body: str) -> dict[str, Any]:
    context = {
        "connectionId": connection_id,
        "routeKey": "$default",
        "eventType": "MESSAGE",
        "stage": "api",
        "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "apiId": "abcdefghij",
    }
    return {"requestContext": context, "body": body, "isBase64Encoded": False}


def _queue_event(body: str) -> dict[str, Any]:
    attributes = {"ApproximateReceiveCount": "1", "SentTimestamp": str(int(time.time() * 1000))}
    return {"Records": [{"messageId": "1", "receiptHandle": "1", "body": body, "attributes": attributes}]}


def _forget() -> None:
    """Let wiring build everything anew."""
    for made in vars(wiring).values():
        if hasattr(made, "cache_clear"):
            made.cache_clear()


@contextmanager
def _environment() -> Iterator[None]:
    kept = dict(os.environ)
    os.environ |= _ENVIRONMENT
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(kept)
