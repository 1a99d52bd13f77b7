"""The application in one process on moto's AWS, and what it consumes: each of its clients is watched.

Everything goes through ``app.py`` and all of its own code. Stood in for are the model, PostgreSQL and the bank.
"""

import contextlib
import io
import itertools
import json
import os
import random
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import boto3
from moto import mock_aws

import app
from benchmarks.payloads import make_sized_event
from benchmarks.stand_ins import LambdaContext, wired
from benchmarks.tables import Meter, item_bytes
from chalicelib import telemetry, wiring
from chalicelib.aws import clients
from chalicelib.chat.misses import Misses
from chalicelib.chat.model import ModelEvent, Stop, Text, ToolUse
from chalicelib.chat.orders import OrderFunction
from chalicelib.chat.prompt import estimate_request
from chalicelib.chat.turns import estimate_tokens
from chalicelib.webhooks.processing import Processor
from localcloud.samples import sign
from ops.capacity.consumption import ANSWER_CHARACTERS, BODY_BYTES, QUESTION_CHARACTERS, Use
from tests.builders import rest_event, sqs_event
from tests.fakes import FakeClock, FakeStore
from tests.forgetting import forget
from tests.unit.voice.memory_bank import MemoryBank, client_of
from tests.unit.voice.telephone import Caller

_TABLES = {"sessions": ("PK", "SK"), "calls": ("sessionId",)}
_CONNECTIONS = "https://abcdefghij.execute-api.us-east-1.amazonaws.com/api"
_SECRET = "a signing secret of thirty-two bytes"
_ENVIRONMENT = {
    "STAGE": "dev",
    "SESSIONS_TABLE": "sessions",
    "CALLS_TABLE": "calls",
    "WEBSOCKET_URL": "wss://chat.example.com",
    "CONNECTIONS_URL": _CONNECTIONS,
    "WEBHOOK_BODIES_BUCKET": "bodies",
    "MODEL_DAILY_TOKENS": "1000000000",
    "MODEL_ID": "model",
    "BANK_URL": "https://bank.example.com",
    "BANK_API_KEY_PARAMETER": "/frontdesk/dev/bank-api-key",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
}
_QUEUES = {
    "WEBHOOK_EVENTS_QUEUE_URL": "webhook-events",
    "CHAT_MESSAGES_QUEUE_URL": "chat-messages.fifo",
    "FAILED_TURNS_QUEUE_URL": "failed-turns",
}
_WORDS = ["the", "a", "of", "to", "and", "in", "is", "you", "it", "for", "on", "we", "with", "are", "this", "your"]
_WORDS += ["that", "be", "as", "will", "at", "from", "or", "have", "by", "if", "can", "not", "when", "one", "parcel"]
_WORDS += [
    "order",
    "shop",
    "volume",
    "manga",
    "courier",
    "Lisbon",
    "Europe",
    "working",
    "days",
    "three",
    "five",
    "cost",
]
_WORDS += ["price", "wrapped", "gift", "paid", "sent", "arrives", "leaves", "tracking", "number", "address", "edition"]
_WORDS += ["signed", "stock", "next", "week", "return", "refund", "card", "account", "help", "anything"]
_ORDER = {
    "number": 1001,
    "status": "fulfilled",
    "items": [{"title": "Moonlit Courier 3", "quantity": 1}],
    "total": "12.50",
    "currency": "EUR",
    "tracking": [{"company": "Post", "number": "RR123456789PT", "url": None, "status": "in_transit"}],
    "updated_at": "2026-11-20T12:00:00+00:00",
}
_CHUNK, _CHUNK_SECONDS = 20, 0.05
"""Characters and seconds between what the model says: four hundred characters a second."""


@dataclass
class SteadyModel:
    """Says an answer of the usual length at a steady pace, on a clock of its own; keeps what each request cost."""

    clock: FakeClock
    tokens: list[tuple[int, int]] = field(default_factory=list)
    looks_up: bool = False

    def stream(self, system: str, messages: Any, tools: Any = ()) -> Iterator[ModelEvent]:
        text = _prose(ANSWER_CHARACTERS, len(self.tokens))
        tokens = estimate_request(system, messages, "") + estimate_tokens(json.dumps(list(tools)))
        if self.looks_up:
            self.looks_up = False
            arguments = {"number": "1001", "email": "aiko@example.com"}
            self.tokens.append((tokens, estimate_tokens(json.dumps(arguments))))
            yield ToolUse("use-1", "look_up_order", arguments)
            yield Stop("tool_use", tokens)
            return
        self.tokens.append((tokens, estimate_tokens(text)))
        for start in range(0, len(text), _CHUNK):
            self.clock.now += _CHUNK_SECONDS
            yield Text(text[start : start + _CHUNK])
        yield Stop("end_turn", tokens + estimate_tokens(text))


@dataclass(frozen=True)
class OrderLookUp:
    """The function ``look_up_order``, which finds an order."""

    invocations: dict[str, int]

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.invocations["look_up_order"] = self.invocations.get("look_up_order", 0) + 1
        return dict(_ORDER)


class Application:
    """The application; ``used`` is what it has consumed since the last time it was asked."""

    def __init__(self, stack: ExitStack) -> None:
        self._requests: list[str] = []
        self._callback_bytes = 0
        self.metrics: set[tuple[str, ...]] = set()
        self._meter = Meter(boto3.client("dynamodb"))
        self._output = stack.enter_context(_written())
        self._invocations: dict[str, int] = {}
        self.clock = FakeClock(time.time())
        self.model = SteadyModel(self.clock)
        self._watch()
        misses = Misses(wiring.sessions_table(), time.time)
        orders = OrderFunction(OrderLookUp(self._invocations), misses)
        stack.enter_context(wired(model=self.model, bank=client_of(MemoryBank()), orders=orders))
        answering = replace(wiring.answering(), clock=self.clock, sleep=lambda _: None)
        processor = Processor(FakeStore(), wiring.bodies(), time.time)
        stack.enter_context(wired(answering=answering, processor=processor))
        self._sqs = boto3.client("sqs")
        self._numbers = itertools.count(1)

    def used(self) -> Use:
        lines = self._output.getvalue().splitlines()
        self._output.seek(0)
        self._output.truncate()
        asked = self._meter.take()
        use = Use(
            reads=sum(request.read_units for request in asked),
            writes=sum(request.write_units for request in asked),
            sent=self._requests.count("SendMessage"),
            callbacks=self._requests.count("PostToConnection"),
            log_bytes=sum(len(line.encode()) + 1 for line in lines),
            callback_bytes=self._callback_bytes,
            tokens_in=sum(tokens for tokens, _ in self.model.tokens),
            tokens_out=sum(tokens for _, tokens in self.model.tokens),
            invocations=dict(self._invocations),
        )
        self.metrics |= set().union(*map(_metrics, lines))
        self._requests.clear()
        self._callback_bytes = 0
        self._invocations.clear()
        self.model.tokens.clear()
        return use

    def webhooks(self, count: int) -> None:
        """So many webhooks of one source, processed as one batch."""
        url = os.environ["WEBHOOK_EVENTS_QUEUE_URL"]
        for number in range(count):
            event = make_sized_event("github", BODY_BYTES, random.Random(next(self._numbers)))
            headers = sign("github", event, _SECRET, time.time(), "https://example.com/webhooks/github")
            answer = self._run("api_handler", app.app, rest_event("github", event.body, headers))
            assert answer["statusCode"] == 202, (number, answer)
        bodies = [message["Body"] for message in self._receive(url, count)]
        assert self._run("process_webhooks", app.process_webhooks, sqs_event(bodies)) == {"batchItemFailures": []}

    def open(self, connection_id: str, **document: str) -> str:
        """A session or a place at the desk, with an open socket that was greeted; a session's id."""
        event = rest_event("", json.dumps(document).encode(), {})
        event |= {"path": "/chat/sessions", "resource": "/chat/sessions", "pathParameters": None}
        event["requestContext"] |= {"path": "/api/chat/sessions", "resourcePath": "/chat/sessions"}
        answer = self._run("api_handler", app.app, event)
        assert answer["statusCode"] == 201, answer
        body = answer["body"]
        opened = json.loads(body)
        query = {name: values[0] for name, values in parse_qs(urlsplit(opened["websocket_url"]).query).items()}
        connect = _socket_event("$connect", connection_id) | {"queryStringParameters": query}
        assert self._run("websocket_connect", app.websocket_connect, connect)["statusCode"] == 200
        self.send(connection_id, action="hello")
        return str(opened["session_id"])

    def close(self, connection_id: str) -> None:
        self._run("websocket_disconnect", app.websocket_disconnect, _socket_event("$disconnect", connection_id))

    def send(self, connection_id: str, **frame: str) -> None:
        event = _socket_event("$default", connection_id) | {"body": json.dumps(frame)}
        self._run("websocket_message", app.websocket_message, event)

    def say(self, connection_id: str, *, about_an_order: bool = False) -> None:
        """One message, and its answer, for which the model may look up an order."""
        self.model.looks_up = about_an_order
        number = next(self._numbers)
        question = _prose(QUESTION_CHARACTERS, -number)
        self.send(connection_id, action="message", message_id=f"message-{number:06}", content=question)
        url = os.environ["CHAT_MESSAGES_QUEUE_URL"]
        bodies = [message["Body"] for message in self._receive(url, 1)]
        assert self._run("answer_messages", app.answer_messages, sqs_event(bodies)) == {"batchItemFailures": []}

    def summarise(self, session_id: str) -> None:
        event = _stream_event("MODIFY", session_id)
        assert self._run("summarize_sessions", app.summarize_sessions, event) == {"batchItemFailures": []}

    def stored_bytes(self) -> int:
        """Bytes of all items in the table of the sessions."""
        return sum(map(item_bytes, self._meter.untouched.scan(TableName="sessions")["Items"]))

    def wants_summary(self, session_id: str) -> bool:
        key = {"PK": {"S": f"SESSION#{session_id}"}, "SK": {"S": "META"}}
        return "summarise" in self._meter.untouched.get_item(TableName="sessions", Key=key)["Item"]

    def expire(self, session_id: str) -> None:
        """The end of a session: DynamoDB deletes META at no cost, and its stream has the rest deleted."""
        key = {"PK": {"S": f"SESSION#{session_id}"}, "SK": {"S": "META"}}
        self._meter.untouched.delete_item(TableName="sessions", Key=key)
        event = _stream_event("REMOVE", session_id)
        assert self._run("delete_expired_sessions", app.delete_expired_sessions, event) == {"batchItemFailures": []}

    def agent(self, connection_id: str) -> None:
        """An agent comes to the desk."""
        token, _ = wiring.tokens().agent_token("Anna", 3_600)
        self.open(connection_id, token=token)

    def caller(self) -> Caller:
        """A new call; the bank knows the customer."""
        return Caller(self, f"call-{next(self._numbers):06}", mode="Speech")  # type: ignore[arg-type]

    @property
    def codehook(self) -> Any:
        return self

    def handle(self, event: dict[str, Any]) -> dict[str, Any]:
        """Serve a turn of a call, as Lex would have it done."""
        answer: dict[str, Any] = self._run("lex_codehook", app.lex_codehook, event)
        return answer

    def check_waiting(self) -> None:
        event = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}, "resources": [], "time": ""}
        event |= {"version": "0", "id": "1", "account": "1", "region": "us-east-1"}
        self._run("check_waiting", app.check_waiting, event)

    def _run(self, name: str, function: Any, event: Mapping[str, Any]) -> Any:
        self._invocations[name] = self._invocations.get(name, 0) + 1
        with contextlib.redirect_stdout(self._output):
            return function(event, LambdaContext(f"frontdesk-dev-{name}"))

    def _receive(self, url: str, count: int) -> list[dict[str, Any]]:
        """What a poller takes from a queue; its requests are not the application's."""
        found = self._sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=count)["Messages"]
        assert len(found) == count
        for message in found:
            self._sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return list(found)

    def _watch(self) -> None:
        clients._session().register("before-call", self._note)
        self._meter.watch(clients.client("dynamodb"))
        self._meter.watch(clients.client("dynamodb", None, clients.CALLER))

    def _note(self, model: Any, params: Mapping[str, Any], **_: Any) -> None:
        self._requests.append(model.name)
        if model.name == "PostToConnection":
            self._callback_bytes += len(params["body"])


@contextmanager
def metered() -> Iterator[Application]:
    kept = dict(os.environ)
    os.environ |= _ENVIRONMENT
    forget()
    try:
        with ExitStack() as stack:
            stack.enter_context(mock_aws())
            _create()
            yield Application(stack)
    finally:
        os.environ.clear()
        os.environ.update(kept)
        forget()


def _create() -> None:
    """What the data stack has, as far as the application asks for it."""
    dynamodb, sqs, secrets = (boto3.client(service) for service in ("dynamodb", "sqs", "secretsmanager"))
    for table, keys in _TABLES.items():
        dynamodb.create_table(
            TableName=table,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
            KeySchema=[
                {"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, ("HASH", "RANGE"), strict=False)
            ],
        )
    for variable, queue in _QUEUES.items():
        kind = {"FifoQueue": "true"} if queue.endswith(".fifo") else {}
        os.environ[variable] = sqs.create_queue(QueueName=queue, Attributes=kind)["QueueUrl"]
    for name in ("chat-signing", "chat-identity", "webhooks/github"):
        secrets.create_secret(Name=f"frontdesk/dev/{name}", SecretString=json.dumps({"secrets": [_SECRET]}))


@contextmanager
def _written() -> Iterator[io.StringIO]:
    """What is logged meanwhile, line by line; metrics go to standard output."""
    output = io.StringIO()
    handler = telemetry.logger.registered_handler
    before = handler.setStream(output)  # type: ignore[attr-defined]
    try:
        yield output
    finally:
        handler.setStream(before)  # type: ignore[attr-defined]


def _prose(characters: int, seed: int) -> str:
    """Words in no order, which zlib presses to about half."""
    chance = random.Random(seed)
    return " ".join(chance.choices(_WORDS, k=characters))[:characters]


def _metrics(line: str) -> set[tuple[str, ...]]:
    """The custom metrics of a line, each a name with its dimensions' values."""
    found = json.loads(line)
    return {
        (metric["Name"], *(f"{dimension}={found[dimension]}" for dimension in sorted(dimensions)))
        for directive in found.get("_aws", {}).get("CloudWatchMetrics", ())
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    }


def _socket_event(route: str, connection_id: str) -> dict[str, Any]:
    kind = {"$connect": "CONNECT", "$default": "MESSAGE", "$disconnect": "DISCONNECT"}[route]
    context = {
        "connectionId": connection_id,
        "routeKey": route,
        "eventType": kind,
        "stage": "api",
        "domainName": "abcdefghij.execute-api.us-east-1.amazonaws.com",
        "apiId": "abcdefghij",
    }
    return {"requestContext": context, "body": None, "isBase64Encoded": False}


def _stream_event(kind: str, session_id: str) -> dict[str, Any]:
    keys = {"PK": {"S": f"SESSION#{session_id}"}, "SK": {"S": "META"}}
    change = {"SequenceNumber": "1", "Keys": keys, "StreamViewType": "NEW_IMAGE"}
    return {"Records": [{"eventName": kind, "eventSource": "aws:dynamodb", "dynamodb": change, "eventSourceARN": "a"}]}
