"""The front door's WebSockets: each is forwarded to the WebSocket API that MiniStack runs, within API Gateway's limits.

A frame may have any size here; API Gateway also closes on a frame of more than 32 KB.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp import WSCloseCode, WSMsgType, web
from yarl import URL

from localcloud.patches import MAX_MESSAGE_BYTES

SOCKET_PATH = "/socket"

NO_STATUS = 1005
LOST = 1006
"""Codes that stand for a close without a code and for none at all; neither is ever sent."""

_HANDSHAKE_SECONDS = 35
"""A connect's function has 29 seconds."""

_OWN_HEADERS = {"connection", "host", "upgrade", "content-length", "transfer-encoding"}

Socket = web.WebSocketResponse | aiohttp.ClientWebSocketResponse


@dataclass(frozen=True)
class Ending:
    """How one side of a socket ended."""

    code: int
    reason: str = ""


@dataclass
class SocketGateway:
    """Keeps every open socket of clients."""

    _clients: set[web.WebSocketResponse] = field(default_factory=set)
    _session: aiohttp.ClientSession = field(init=False)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=None),
            connector=aiohttp.TCPConnector(limit=0),
        )

    async def stop(self) -> None:
        """Tell every client that this end goes away, so that it connects again later."""
        closing = [client.close(code=WSCloseCode.GOING_AWAY, drain=False) for client in self._clients]
        await asyncio.gather(*closing, return_exceptions=True)
        await self._session.close()

    async def forward(self, request: web.Request, target: str) -> web.StreamResponse:
        """Serve one socket from handshake to close; ``target`` is the deployed API's address."""
        protocols = _protocols(request.headers)
        try:
            async with asyncio.timeout(_HANDSHAKE_SECONDS):
                upstream = await self._session.ws_connect(
                    URL(f"{target}?{request.rel_url.raw_query_string}", encoded=True),
                    headers=_handshake_headers(request.headers),
                    protocols=protocols,
                    autoclose=False,
                    max_msg_size=0,
                )
        except aiohttp.WSServerHandshakeError as refused:
            return web.json_response({"message": refused.message}, status=refused.status)
        except (aiohttp.ClientError, TimeoutError) as error:
            return web.json_response({"message": f"The local cloud does not answer: {error}."}, status=503)
        chosen = [upstream.protocol] if upstream.protocol else []
        client = web.WebSocketResponse(
            protocols=chosen,
            autoclose=False,
            compress=False,
            max_msg_size=MAX_MESSAGE_BYTES + 1,  # the first size that aiohttp refuses
        )
        try:
            await client.prepare(request)
            self._clients.add(client)
            await _relay_both(client, upstream)
        finally:
            self._clients.discard(client)
            _drop(upstream)
        return client


async def _relay_both(client: web.WebSocketResponse, upstream: aiohttp.ClientWebSocketResponse) -> None:
    by_client, by_server = (
        asyncio.create_task(_relay(client, upstream)),
        asyncio.create_task(_relay(upstream, client)),
    )
    try:
        await asyncio.wait((by_client, by_server), return_when=asyncio.FIRST_COMPLETED)
    finally:
        endings = [_ending(relay) for relay in (by_client, by_server)]
        await asyncio.gather(by_client, by_server, return_exceptions=True)
        if endings[0]:
            await _end(upstream, endings[0])
            await _end(client, endings[0])
        else:
            ending = endings[1] or Ending(LOST)
            await _end(client, Ending(WSCloseCode.SERVICE_RESTART) if ending.code == LOST else ending)
            await _end(upstream, ending)


def _ending(relay: asyncio.Task[Ending]) -> Ending | None:
    """How a relay's source has ended; one that has not is ended now."""
    if not relay.done():
        relay.cancel()
        return None
    return Ending(LOST) if relay.exception() else relay.result()


async def _relay(source: Socket, destination: Socket) -> Ending:
    """Pass messages on until ``source`` ends."""
    while True:
        message = await source.receive()
        if message.type is WSMsgType.TEXT:
            try:
                await destination.send_str(message.data)
            except (ConnectionError, RuntimeError):
                await asyncio.Event().wait()  # the other relay knows how that side has ended
        elif message.type is WSMsgType.BINARY:
            return Ending(WSCloseCode.UNSUPPORTED_DATA, "Binary messages are not supported")
        elif message.type is WSMsgType.CLOSE:
            return Ending(message.data or NO_STATUS, message.extra or "")
        elif message.type is WSMsgType.ERROR and isinstance(message.data, aiohttp.WebSocketError):
            return Ending(message.data.code)
        else:
            return Ending(LOST)


async def _end(socket: Socket, ending: Ending) -> None:
    with contextlib.suppress(ConnectionError, RuntimeError):
        if ending.code == LOST:
            _drop(socket)
        elif ending.code == NO_STATUS:
            await socket.send_frame(b"", WSMsgType.CLOSE)
            _drop(socket)
        else:
            await socket.close(code=ending.code, message=ending.reason.encode())


def _drop(socket: Socket) -> None:
    """End the connection beneath a socket, without a word."""
    if isinstance(socket, aiohttp.ClientWebSocketResponse):
        socket._response.close()  # noqa: SLF001 - the only way that sends no close frame
    elif (transport := socket.get_extra_info("socket")) is not None:
        with contextlib.suppress(OSError):
            transport.shutdown(1)


def _protocols(headers: Mapping[str, str]) -> list[str]:
    return [name.strip() for name in headers.get("Sec-WebSocket-Protocol", "").split(",") if name.strip()]


def _handshake_headers(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _OWN_HEADERS and not name.lower().startswith("sec-websocket-")
    ]
