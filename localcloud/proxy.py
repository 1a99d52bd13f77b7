"""The front door: one local address, forwarded to the API that MiniStack runs."""

import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus

import aiohttp
from aiohttp import web
from yarl import URL

from localcloud.phone.page import Phone
from localcloud.sockets import SOCKET_PATH, SocketGateway

MAX_BODY_BYTES = 10 * 1024 * 1024
"""What API Gateway takes."""

_HOP_BY_HOP = {
    "connection",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
}


@dataclass
class Proxy:
    """Forwards what comes in on ``listener`` to ``target``, the base URL of the deployed API, None when there is none.

    ``socket_target`` is that of the WebSocket API, where there is one; ``phone`` serves a page that is never deployed.
    """

    listener: socket.socket
    target: str | None
    socket_target: str | None = None
    phone: Phone | None = None
    _sockets: SocketGateway = field(default_factory=SocketGateway)
    _runner: web.AppRunner = field(init=False)
    _session: aiohttp.ClientSession = field(init=False)

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            auto_decompress=False,
            trust_env=False,
            timeout=aiohttp.ClientTimeout(total=60),
            connector=aiohttp.TCPConnector(limit=0),
        )
        await self._sockets.start()
        application = web.Application(client_max_size=MAX_BODY_BYTES)
        if self.phone is not None:
            self.phone.add_routes(application)
        application.router.add_route("*", r"/{path:[\s\S]*}", self._forward)
        # A compressed body belongs to the application as it is.
        self._runner = web.AppRunner(application, access_log=None, auto_decompress=False)
        await self._runner.setup()
        await web.SockSite(self._runner, self.listener).start()

    async def stop(self) -> None:
        await self._sockets.stop()
        await self._runner.cleanup()
        await self._session.close()

    async def _forward(self, request: web.Request) -> web.StreamResponse:
        if self.socket_target and _is_handshake(request):
            return await self._sockets.forward(request, self.socket_target)
        if self.target is None:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "No application is deployed here.")
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return _error(
                HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", "The body is larger than the gateway takes."
            )
        try:
            async with self._session.request(
                request.method,
                URL(self.target + request.raw_path, encoded=True),
                data=body,
                headers=_end_to_end(request.headers),
                skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
                allow_redirects=False,
            ) as answer:
                headers = _end_to_end(answer.headers)
                return web.Response(status=answer.status, headers=headers, body=await answer.read())
        except (aiohttp.ClientError, TimeoutError) as error:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", f"The local cloud does not answer: {error}.")


def _is_handshake(request: web.Request) -> bool:
    return request.path == SOCKET_PATH and request.headers.get("Upgrade", "").lower() == "websocket"


def _end_to_end(headers: Mapping[str, str]) -> list[tuple[str, str]]:
    return [
        (name, value)
        for name, value in headers.items()
        if name.lower() not in _HOP_BY_HOP and name.lower() != "content-length"
    ]


def _error(status: HTTPStatus, code: str, message: str) -> web.Response:
    text = json.dumps({"code": code, "message": message})
    headers = {"Retry-After": "1"} if status is HTTPStatus.SERVICE_UNAVAILABLE else {}
    return web.Response(status=status, text=text, content_type="application/json", headers=headers)
