"""The local address for WebSockets, before a MiniStack with a scratch API behind it."""

import asyncio
import contextlib
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import aiohttp
import pytest
from aiohttp import WSCloseCode, WSMsgType
from botocore.exceptions import ClientError

from localcloud.ministack import client
from localcloud.patches import MAX_MESSAGE_BYTES
from localcloud.processes import raise_file_limit
from localcloud.proxy import Proxy
from tests.integration.cloud import eventually
from tests.integration.scratch import Scratch, scratch_cloud

CONNECT = """
show(query=event.get("queryStringParameters"), origin=event["headers"].get("Origin") or event["headers"].get("origin"))
if event["queryStringParameters"] == {"ticket": "bad"}:
    return {"statusCode": 401}
return {"statusCode": 200, "headers": {"Sec-WebSocket-Protocol": "v2"}}
"""
ANSWER = """
import boto3
show(connection=event["requestContext"]["connectionId"], length=len(event["body"]))
api = boto3.client("apigatewaymanagementapi", endpoint_url="ENDPOINT")
api.post_to_connection(ConnectionId=event["requestContext"]["connectionId"], Data=event["body"][:100].encode())
"""
GONE = "context = event['requestContext']\nshow(code=context['disconnectStatusCode'], why=context['disconnectReason'])"


class Api:
    """A WebSocket API behind a proxy: it answers each message with its first 100 characters."""

    def __init__(self, scratch: Scratch) -> None:
        self.scratch = scratch
        self.connect, self.gone = scratch.function(CONNECT), scratch.function(GONE)
        path = scratch.socket_api(connect=self.connect, disconnect=self.gone)
        self.target = scratch.socket_url(path)
        self.answer = scratch.function(ANSWER.replace("ENDPOINT", self.target))
        scratch.add_route(path, "default", self.answer)

    @contextlib.asynccontextmanager
    async def proxy(self) -> AsyncIterator[tuple[str, Proxy]]:
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
            proxy = Proxy(listener, self.scratch.ministack.url, self.target)
            await proxy.start()
            try:
                yield f"ws://127.0.0.1:{listener.getsockname()[1]}/socket", proxy
            finally:
                await proxy.stop()

    def run(self, conversation: Callable[[str, aiohttp.ClientSession, Proxy], Awaitable[None]]) -> None:
        async def main() -> None:
            unlimited = aiohttp.TCPConnector(limit=0)
            async with self.proxy() as (url, proxy), aiohttp.ClientSession(connector=unlimited) as session:
                await conversation(url, session, proxy)

        asyncio.run(main())


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scratch]:
    raise_file_limit()
    with scratch_cloud(tmp_path_factory.mktemp("scratch")) as running:
        yield running


@pytest.fixture(scope="module")
def api(scratch: Scratch) -> Api:
    return Api(scratch)


def test_text_goes_both_ways(api: Api) -> None:
    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        async with session.ws_connect(f"{url}?ticket=a%2Fb&x=", protocols=["v1", "v2"], origin="http://shop") as one:
            assert one.protocol == "v2"
            for text in ('{"action": "hello"}', "Grüße, 日本", "x" * MAX_MESSAGE_BYTES):
                await one.send_str(text)
                assert (await one.receive_str(timeout=20)) == text[:100]

    api.run(talk)

    shown = api.scratch.shown(api.connect)[-1]
    assert (shown["query"], shown["origin"]) == ({"ticket": "a/b", "x": ""}, "http://shop")


def test_a_refusal_keeps_its_status(api: Api) -> None:
    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{url}?ticket=bad")
        assert refused.value.status == 401

    api.run(talk)


@pytest.mark.parametrize(
    ("kind", "data", "code"),
    [
        (WSMsgType.TEXT, b"x" * (MAX_MESSAGE_BYTES + 1), WSCloseCode.MESSAGE_TOO_BIG),
        (WSMsgType.BINARY, b"\x00", WSCloseCode.UNSUPPORTED_DATA),
    ],
)
def test_the_gateway_s_limits(api: Api, kind: WSMsgType, data: bytes, code: int) -> None:
    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        async with session.ws_connect(url) as one:
            await one.send_frame(data, kind)
            message = await one.receive(20)
            assert (message.type, message.data) == (WSMsgType.CLOSE, code)

    api.run(talk)


@pytest.mark.parametrize(("code", "reason"), [(1000, "done"), (4001, "bye"), (1005, ""), (1006, "")])
def test_the_client_s_close_is_told(api: Api, code: int, reason: str) -> None:
    before = len(api.scratch.shown(api.gone))

    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        one = await session.ws_connect(url)
        if code == 1005:
            await one.send_frame(b"", WSMsgType.CLOSE)
            await one.receive(10)
        elif code == 1006:
            one._response.connection.transport.abort()  # type: ignore[union-attr]
        else:
            await one.close(code=code, message=reason.encode())

    api.run(talk)

    eventually(
        lambda: {(told["code"], told["why"]) for told in api.scratch.shown(api.gone)[before:]} >= {(code, reason)}
    )


def test_the_server_s_close_is_told(api: Api) -> None:
    management = client("apigatewaymanagementapi", api.target)
    before = len(api.scratch.shown(api.answer))

    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        async with session.ws_connect(url) as one:
            await one.send_str("hello")
            await one.receive_str(timeout=20)
            (shown,) = await asyncio.to_thread(eventually, lambda: api.scratch.shown(api.answer)[before:])
            connection = shown["connection"]
            with pytest.raises(ClientError, match="PayloadTooLarge"):
                management.post_to_connection(ConnectionId=connection, Data=b"x" * (MAX_MESSAGE_BYTES + 1))
            await asyncio.to_thread(management.delete_connection, ConnectionId=connection)
            message = await one.receive(10)
            assert (message.type, message.data) == (WSMsgType.CLOSE, 1000)

    api.run(talk)


def test_a_thousand_idle_sockets(api: Api) -> None:
    async def talk(url: str, session: aiohttp.ClientSession, _: Proxy) -> None:
        limit = asyncio.Semaphore(20)

        async def open_one(number: int) -> aiohttp.ClientWebSocketResponse:
            async with limit:
                return await session.ws_connect(f"{url}?number={number}")

        started = time.monotonic()
        sockets = await asyncio.gather(*(open_one(number) for number in range(1000)))
        assert time.monotonic() - started < 60
        await sockets[500].send_str("hello")
        assert await sockets[500].receive_str(timeout=20) == "hello"
        assert not any(one.closed for one in sockets)
        for one in sockets:
            one._response.close()

    api.run(talk)


def test_clients_are_told_to_come_back(api: Api) -> None:
    """Last of all, since MiniStack is not the same afterwards."""

    async def talk(url: str, session: aiohttp.ClientSession, proxy: Proxy) -> None:
        one = await session.ws_connect(url)
        await asyncio.to_thread(api.scratch.kill)
        assert (await one.receive(10)).data == WSCloseCode.SERVICE_RESTART
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(url)
        assert refused.value.status == 503
        await asyncio.to_thread(api.scratch.start)
        two = await session.ws_connect(url)
        stopping = asyncio.create_task(proxy.stop())
        assert (await two.receive(10)).data == WSCloseCode.GOING_AWAY
        await stopping

    api.run(talk)
