"""Who may command the local cloud over HTTP: programs of this machine and its own pages, but no other web page.

Any page in a browser can send requests to 127.0.0.1, and read the answers under a name that it has pointed there. It
can forge neither ``Host`` nor ``Origin``, and sends JSON to other origins only by their leave, which nobody gives.
"""

import json
import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Any, TypeAlias

from aiohttp import web
from aiohttp.typedefs import Middleware

_Handler: TypeAlias = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HERE = re.compile(r"(127\.0\.0\.1|localhost|\[::1\])(:[0-9]{1,5})?", re.IGNORECASE)


def guard(routes: str, commands: str) -> Middleware:
    """Refuse strangers' requests to the routes that begin with ``routes``, and leave all others alone.

    A POST to those that begin with ``commands`` must be JSON as well.
    """

    @web.middleware
    async def check(request: web.Request, handler: _Handler) -> web.StreamResponse:
        route = _route(request)
        if route.startswith(routes) and _is_strange(request):
            return _error(HTTPStatus.FORBIDDEN, "forbidden", "Only this machine's own programs and pages may ask.")
        if route.startswith(commands) and request.method == "POST" and request.content_type != "application/json":
            return _error(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "bad_request", "The body must be application/json.")
        return await handler(request)

    return check


def read_object(body: bytes) -> dict[str, Any] | None:
    """A JSON object, None for anything else."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def _route(request: web.Request) -> str:
    """The path of the route that was found, as it was added; empty where there is none."""
    resource = request.match_info.route.resource
    return resource.canonical if resource else ""


def _is_strange(request: web.Request) -> bool:
    origin = request.headers.get("Origin")
    return not _HERE.fullmatch(request.host) or origin not in (None, f"{request.scheme}://{request.host}")


def _error(status: HTTPStatus, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status)
