"""A whole chat in one process: the real parts on a table of moto's, with fakes where they meet the outside."""

import itertools
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from chalicelib.aws.rest import HttpRequest
from chalicelib.aws.tables import Table
from chalicelib.chat.answers import Answering
from chalicelib.chat.budget import Budget
from chalicelib.chat.desk import Desk
from chalicelib.chat.handoff import Handoffs
from chalicelib.chat.messages import Messages
from chalicelib.chat.opening import Opening
from chalicelib.chat.queue import SessionQueue
from chalicelib.chat.reception import Reception
from chalicelib.chat.sessions import Session, Sessions
from chalicelib.chat.summaries import Summaries
from chalicelib.chat.tokens import Tokens
from chalicelib.chat.turns import Turn
from tests.builders import NOW
from tests.fakes import (
    FakeClock,
    FakeFailedTurns,
    FakeFifoQueue,
    FakeModel,
    FakeOrders,
    FakeSecrets,
    FakeSockets,
    Requests,
)
from tests.tables import TABLE

SIGNING, IDENTITY = "signing secret of thirty-two bytes", "identity secret of thirty-two bytes"


@dataclass
class World:
    """``client`` is a DynamoDB client; ``requests`` stands between it and the chat."""

    client: Any
    clock: FakeClock = field(default_factory=lambda: FakeClock(NOW))
    sockets: FakeSockets = field(default_factory=FakeSockets)
    model: FakeModel = field(default_factory=FakeModel)
    orders: FakeOrders = field(default_factory=FakeOrders)
    failed_turns: FakeFailedTurns = field(default_factory=FakeFailedTurns)
    queue: FakeFifoQueue = field(default_factory=FakeFifoQueue)

    def __post_init__(self) -> None:
        self.requests = Requests(self.client)
        self.table = Table(self.requests, TABLE, self.sleep)
        ids = (f"session-{number}" for number in itertools.count(1))
        secrets = FakeSecrets({"chat-signing": [SIGNING], "chat-identity": [IDENTITY]})
        self.tokens = Tokens(secrets, self.clock)
        self.sessions = Sessions(self.table, self.clock, lambda: next(ids))
        self.handoffs = Handoffs(self.table, self.clock)
        self.desk = Desk(self.table, self.handoffs, self.sockets, self.clock)
        self.opening = Opening(self.sessions, self.tokens, "wss://chat.example.com")
        summaries = Summaries(self.table)
        messages = Messages(self.table, self.clock)
        self.reception = Reception(
            self.tokens,
            self.sessions,
            messages,
            self.handoffs,
            summaries,
            self.desk,
            self.sockets,
            self.queue,
            self.clock,
        )
        self.budget = Budget(self.table, self.clock, daily=1_000_000)
        self.answering = Answering(
            self.sessions,
            self.handoffs,
            self.desk,
            summaries,
            self.model,
            self.orders,
            self.sockets,
            self.failed_turns,
            self.budget,
            self.clock,
            self.sleep,
        )
        self.session_queue = SessionQueue(self.answering, self.queue)

    def sleep(self, seconds: float) -> None:
        self.clock.now += seconds

    def post(self, **document: str) -> dict[str, Any]:
        """What ``POST /chat/sessions`` answers."""
        body = json.dumps(document).encode()
        answer: dict[str, Any] = self.opening.open(HttpRequest(body, {}, None, "request")).body
        return answer

    def connect(self, opened: dict[str, Any], connection_id: str) -> int:
        """Open a socket to a session; the status that it gets."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(opened["websocket_url"]).query).items()}
        return self.reception.connect(connection_id, query)

    def begin(self, connection_id: str = "c1", **document: str) -> str:
        """A session with an open socket; its id."""
        opened = self.post(**document)
        assert self.connect(opened, connection_id) == 200
        return str(opened["session_id"])

    def send(self, connection_id: str = "c1", **frame: Any) -> None:
        self.reception.receive(connection_id, json.dumps(frame))

    def say(self, content: str, message_id: str = "m1", connection_id: str = "c1") -> None:
        self.send(connection_id, action="message", message_id=message_id, content=content)

    def session(self, session_id: str) -> Session:
        found = self.sessions.find(session_id)
        assert found
        return found

    def turns(self, session_id: str) -> list[Turn]:
        return self.sessions.turns_from(session_id, 0)

    def said(self, session_id: str) -> list[tuple[str, str]]:
        """Author and text of all turns."""
        return [(turn.author, turn.content) for turn in self.turns(session_id)]

    def set_meta(self, session_id: str, **values: Any) -> None:
        """Change META from outside, as time, operators or another process do."""
        item = self.client.get_item(TableName=TABLE, Key=_key(session_id))["Item"]
        for name, value in values.items():
            item[name] = {"N": str(value)} if isinstance(value, int) else {"S": value}
        self.client.put_item(TableName=TABLE, Item=item)

    def forget(self, session_id: str) -> None:
        """Delete META, as the end of its time does."""
        self.client.delete_item(TableName=TABLE, Key=_key(session_id))


def _key(session_id: str) -> dict[str, Any]:
    return {"PK": {"S": f"SESSION#{session_id}"}, "SK": {"S": "META"}}
