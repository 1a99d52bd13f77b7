"""The page ``/phone`` of the local cloud, and what it asks: a call begins, hears an input, and is forgotten.

It is never deployed. Calls live in memory, the latest fifty of them.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

from aiohttp import web
from botocore.exceptions import BotoCoreError, ClientError

from infra.languages import LanguageError, read_languages
from localcloud.guard import guard, read_object
from localcloud.phone.call import Call
from localcloud.phone.definition import Bot, read_bots
from localcloud.phone.dialogue import Function
from localcloud.phone.events import Input

CALLS = 50
MAX_WORDS = 1_024
"""Characters that Lex takes at once."""

MAX_KEYS = 50
MAX_BODY_BYTES = 16 * 1024

_FILES = Path(__file__).parent / "static"
_TYPES = {"phone.css": "text/css", "phone.js": "text/javascript"}
_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def our_bots() -> dict[str, Bot]:
    """The bot in each of our languages, as the files have them now."""
    return read_bots(read_languages())


@dataclass
class Phone:
    """Serves the page; ``function`` is the codehook, ``bots`` reads the bot anew for each call."""

    function: Function
    bots: Callable[[], dict[str, Bot]] = our_bots
    _calls: OrderedDict[str, Call] = field(default_factory=OrderedDict)

    def add_routes(self, application: web.Application) -> None:
        application.middlewares.append(guard("/phone", commands="/phone"))
        application.router.add_get("/phone", self._page)
        application.router.add_get("/phone/{name:phone\\.(?:css|js)}", self._file)
        application.router.add_get("/phone/locales", _answers(self._locales))
        application.router.add_post("/phone/calls", _answers(self._begin))
        application.router.add_post("/phone/calls/{call}", _answers(self._hear))

    async def _page(self, _: web.Request) -> web.Response:
        return _file("phone.html", "text/html")

    async def _file(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        return _file(name, _TYPES[name])

    async def _locales(self, _: web.Request) -> dict[str, Any]:
        return {"locales": list(self.bots())}

    async def _begin(self, request: web.Request) -> dict[str, Any]:
        """Takes ``{"locale": …}``."""
        bot = self.bots().get(str((await _body(request)).get("locale")))
        if bot is None:
            raise _RefusedError(HTTPStatus.BAD_REQUEST, "bad_request", "The bot does not speak this language.")
        call = Call(bot, self.function)
        self._calls[call.session_id] = call
        while len(self._calls) > CALLS:
            self._calls.popitem(last=False)
        return {"call": call.session_id, "heard": call.begin(), "digits": call.digits}

    async def _hear(self, request: web.Request) -> dict[str, Any]:
        """Takes ``{"say": words}``, ``{"keys": digits}``, or neither for silence."""
        call = self._calls.get(request.match_info["call"])
        if call is None or call.has_ended:
            raise _RefusedError(HTTPStatus.NOT_FOUND, "not_found", "This call has ended: begin another one.")
        heard = await asyncio.to_thread(call.hear, _read_input(await _body(request)))
        exchanges = [{"event": one.event, "answer": one.answer} for one in call.exchanges]
        return {"heard": heard, "ended": call.has_ended, "digits": call.digits, "exchanges": exchanges}


class _RefusedError(Exception):
    def __init__(self, status: HTTPStatus, code: str, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def _answers(handler: Callable[[web.Request], Awaitable[dict[str, Any]]]) -> Callable[..., Awaitable[web.Response]]:
    """JSON, or an error as all of Frontdesk's."""

    async def answer(request: web.Request) -> web.Response:
        try:
            return web.json_response(await handler(request), headers=_HEADERS)
        except _RefusedError as error:
            return _error(error.status, error.code, str(error))
        except LanguageError as error:
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", f"There is no bot to call: {error}")
        except (BotoCoreError, ClientError) as error:
            why = f"The codehook cannot be called; MiniStack may be restarting: {error}"
            return _error(HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", why)

    return answer


def _error(status: HTTPStatus, code: str, message: str) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=_HEADERS)


async def _body(request: web.Request) -> dict[str, Any]:
    try:
        read = await request.clone(client_max_size=MAX_BODY_BYTES).read()
    except web.HTTPRequestEntityTooLarge as error:
        why = f"The body is larger than {MAX_BODY_BYTES} bytes."
        raise _RefusedError(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "too_large", why) from error
    body = read_object(read) if (request.charset or "utf-8").lower() == "utf-8" else None
    if body is None:
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "bad_request", "The body must be a JSON object in UTF-8.")
    return body


def _read_input(body: dict[str, Any]) -> Input:
    words, keys = body.get("say", ""), body.get("keys", "")
    if not isinstance(words, str) or not isinstance(keys, str) or (words and keys):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "bad_request", "say or keys is wanted, as text, or neither.")
    if len(words) > MAX_WORDS or len(keys) > MAX_KEYS or not set(keys) <= set("0123456789*#"):
        raise _RefusedError(HTTPStatus.BAD_REQUEST, "bad_request", "Too many words or keys, or keys that no phone has.")
    return Input(keys, keypad=True) if keys else Input(words.strip())


def _file(name: str, kind: str) -> web.Response:
    return web.Response(body=(_FILES / name).read_bytes(), content_type=kind, charset="utf-8", headers=_HEADERS)
