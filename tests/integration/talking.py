"""Clients of the chat, as a page and a desk are: sessions over HTTP, frames over sockets."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import requests

from chalicelib.aws.secret_lists import active_secrets
from chalicelib.chat.tokens import Tokens
from tests.integration.conftest import Cloud

Frame = dict[str, Any]


def open_session(cloud: Cloud, **body: str) -> dict[str, Any]:
    """A session, new or resumed, as ``POST /chat/sessions`` answers it."""
    answer = requests.post(f"{cloud.endpoints.http}/chat/sessions", json=body, timeout=30)
    assert answer.status_code == 201, answer.text
    document = answer.json()
    assert isinstance(document, dict)
    return document


@dataclass(frozen=True)
class Keys:
    """The secrets of a running local cloud that sign tokens."""

    cloud: Cloud
    clock: Callable[[], float]

    def active(self, name: str) -> list[str]:
        text = self.cloud.client("secretsmanager").get_secret_value(SecretId=f"frontdesk/local/{name}")["SecretString"]
        return list(active_secrets(text, self.clock()))

    def refreshed(self, name: str) -> list[str]:
        return self.active(name)


def agent_token(cloud: Cloud, name: str, clock: Callable[[], float]) -> str:
    return Tokens(Keys(cloud, clock), clock).agent_token(name, 3_600)[0]


@dataclass
class Talker:
    """One open socket, and every frame that came over it."""

    socket: aiohttp.ClientWebSocketResponse
    heard: list[Frame] = field(default_factory=list)

    async def send(self, action: str, **fields: Any) -> None:
        await self.socket.send_json({"action": action, **fields})

    async def say(self, content: str, **fields: Any) -> str:
        """Send a message; its id."""
        message_id = uuid.uuid4().hex
        await self.send("message", message_id=message_id, content=content, **fields)
        return message_id

    async def hear(self, kind: str, seconds: float = 20, **fields: Any) -> Frame:
        """The next frame of a type that has these fields; those before it are kept in ``heard``."""
        async with asyncio.timeout(seconds):
            while True:
                frame = await self.socket.receive_json()
                self.heard.append(frame)
                if frame["type"] == kind and all(frame.get(name) == value for name, value in fields.items()):
                    assert isinstance(frame, dict)
                    return frame


@asynccontextmanager
async def talking(url: str) -> AsyncIterator[Talker]:
    async with aiohttp.ClientSession() as session, session.ws_connect(url) as socket:
        yield Talker(socket)


def converse(cloud: Cloud, conversation: Callable[[Talker], Awaitable[None]], **body: str) -> list[Frame]:
    """Hold a conversation over a socket of a new session; every frame that came."""

    async def run() -> list[Frame]:
        async with talking(open_session(cloud, **body)["websocket_url"]) as talker:
            await conversation(talker)
            return talker.heard

    return asyncio.run(run())
