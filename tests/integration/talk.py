"""Customers of the local cloud's chat: sessions, sockets and what they hear, from tests that need no event loop."""

import asyncio
import json
import threading
import time
import uuid
import warnings
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlencode, urlsplit

import aiohttp
import jwt
import requests

from chalicelib.chat.turns import Turn
from tests.integration.cloud import Cloud, eventually

T = TypeVar("T")
Frame = dict[str, Any]

TABLE = "frontdesk-local-sessions"


class Loop:
    """An event loop in a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(60)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()


class Socket:
    """An open socket; ``frames`` is what it heard so far, ``closed`` the code with which the server closed it."""

    def __init__(self, loop: Loop, client: aiohttp.ClientSession, url: str) -> None:
        self._loop = loop
        self.frames: list[Frame] = []
        self.closed: int | None = None
        self._socket = loop.run(self._open(client, url))
        loop.start(self._listen())

    async def _open(self, client: aiohttp.ClientSession, url: str) -> aiohttp.ClientWebSocketResponse:
        return await client.ws_connect(url, timeout=aiohttp.ClientWSTimeout(ws_close=1))

    async def _listen(self) -> None:
        async for message in self._socket:
            self.frames.append(message.json())
        self.closed = self._socket.close_code

    def send(self, **frame: Any) -> None:
        self._loop.run(self._socket.send_json(frame))

    def say(self, content: str, message_id: str | None = None) -> str:
        """Send a message; its id."""
        message_id = message_id or uuid.uuid4().hex
        self.send(action="message", message_id=message_id, content=content)
        return message_id

    def heard(self, kind: str, **fields: Any) -> list[Frame]:
        """The frames of a type, with these fields."""
        wanted = {"type": kind, **fields}
        return [frame for frame in list(self.frames) if wanted.items() <= frame.items()]

    def wait(self, kind: str, *, times: int = 1, seconds: float = 20, **fields: Any) -> Frame:
        """The first frame of a type with these fields; the second, when it has to be heard two times."""
        return eventually(lambda: self.heard(kind, **fields)[times - 1 :], seconds=seconds)[0]

    def ask(self, content: str, *, seconds: float = 20) -> str:
        """Say something, and wait for the answer's text."""
        message_id = self.say(content)
        return str(self.wait("message", message_id=message_id, seconds=seconds)["content"])

    def close(self) -> None:
        self._loop.run(self._close())

    async def _close(self) -> None:
        await self._socket.close()


class Chat:
    """The chat of a local cloud."""

    def __init__(self, cloud: Cloud) -> None:
        self.cloud = cloud
        self.loop = Loop()
        self._client = self.loop.run(self._make_client())
        self._open: list[Socket] = []

    async def _make_client(self) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))

    def stop(self) -> None:
        with ThreadPoolExecutor(20) as pool:
            list(pool.map(Socket.close, self._open))
        self.loop.run(self._client.close())
        self.loop.stop()

    def post(self, **document: Any) -> requests.Response:
        return requests.post(f"{self.cloud.endpoints.http}/chat/sessions", json=document, timeout=30)

    def open(self, **document: Any) -> dict[str, Any]:
        answer = self.post(**document)
        assert answer.status_code == 201, answer.text
        opened: dict[str, Any] = answer.json()
        return opened

    def connect(self, opened: dict[str, Any]) -> Socket:
        socket = Socket(self.loop, self._client, opened["websocket_url"])
        self._open.append(socket)
        return socket

    def begin(self, **document: Any) -> tuple[str, Socket]:
        """A new session with an open socket."""
        opened = self.open(**document)
        return opened["session_id"], self.connect(opened)

    def refusal(self, url: str) -> int:
        """The status with which a socket is refused."""
        try:
            Socket(self.loop, self._client, url).close()
        except aiohttp.WSServerHandshakeError as refused:
            return refused.status
        return 101

    def sign(self, **claims: Any) -> str:
        """A token as Frontdesk's own; signed with ``key`` by ``algorithm`` in place of its own, if they are given."""
        key, algorithm = claims.pop("key", None) or self.secret("chat-signing"), claims.pop("algorithm", "HS256")
        now = int(time.time())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # PyJWT warns of a key that is short for an algorithm
            return str(jwt.encode({"iat": now, "exp": now + 60} | claims, key, algorithm=algorithm))

    def agent_token(self, name: str, **claims: Any) -> str:
        """A token as operators make it."""
        return self.sign(**{"use": "agent", "sub": name, "exp": int(time.time()) + 600} | claims)

    def with_ticket(self, ticket: str) -> str:
        """The address of a socket with this ticket."""
        return f"{self.cloud.endpoints.websocket}?{urlencode({'ticket': ticket})}"

    def secret(self, name: str) -> str:
        text = self.cloud.client("secretsmanager").get_secret_value(SecretId=f"frontdesk/local/{name}")
        return str(json.loads(text["SecretString"])["secrets"][0])

    def identity(self, customer_id: str, *, seconds: int = 300, **claims: Any) -> str:
        """What the shop's backend signs."""
        now = int(time.time())
        claims = {"sub": customer_id, "iat": now, "exp": now + seconds} | claims
        return str(jwt.encode(claims, self.secret("chat-identity"), algorithm="HS256"))

    def turns(self, session_id: str) -> list[Turn]:
        """The turns of a session, from the table."""
        from chalicelib.aws.tables import Table
        from chalicelib.chat.sessions import Sessions

        table = Table(self.cloud.client("dynamodb"), TABLE)
        return Sessions(table, time.time, lambda: "").turns_from(session_id, 0)

    def said(self, session_id: str) -> list[tuple[str, str]]:
        return [(turn.author, turn.content) for turn in self.turns(session_id)]

    def set_meta(self, session_id: str, **values: int | str) -> None:
        """Change META from outside."""
        names = {f"#{name}": name for name in values}
        self.cloud.client("dynamodb").update_item(
            TableName=TABLE,
            Key={"PK": {"S": f"SESSION#{session_id}"}, "SK": {"S": "META"}},
            UpdateExpression="SET " + ", ".join(f"#{name} = :{name}" for name in values),
            ExpressionAttributeNames=names,
            ExpressionAttributeValues={
                f":{name}": {"N": str(value)} if isinstance(value, int) else {"S": value}
                for name, value in values.items()
            },
        )

    @contextmanager
    def model(self, fault: str, **how: Any) -> Iterator[None]:
        """Let the model fail for a while, without pauses."""
        self.control("instant")
        self.control(fault, **how)
        try:
            yield
        finally:
            self.control("normal")
            self.control("instant")

    def control(self, fault: str, **how: Any) -> None:
        answer = requests.post(f"{self.cloud.endpoints.model}/control", json={"fault": fault, **how}, timeout=10)
        answer.raise_for_status()


def ticket_of(opened: dict[str, Any]) -> str:
    return parse_qs(urlsplit(str(opened["websocket_url"])).query)["ticket"][0]


def at_once(work: Callable[[int], Any], times: int) -> None:
    """Do something so many times at the same moment."""
    start = threading.Barrier(times)

    def run(number: int) -> None:
        start.wait(30)
        work(number)

    threads = [threading.Thread(target=run, args=[number]) for number in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
