"""The stand-in as a server: Bedrock Runtime's Converse and ConverseStream, and the control of its faults."""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from math import inf
from typing import Any, Protocol

from aiohttp import web

from localcloud.guard import guard, read_object
from localcloud.model import eventstream
from localcloud.model.conversation import Conversation, InvalidRequestError, read_conversation
from localcloud.model.dialogue import answer, tokens
from localcloud.model.events import Event, answer_events, fold
from localcloud.model.faults import CUTS, FAULTS, REFUSALS, Control, spoil

_REMEMBERED_CALLS = 50


class ModelError(Exception):
    """The model behind this server does not answer as it should."""


@dataclass(frozen=True)
class Pace:
    """Human time: how long the first word takes, and how many there are a second after it."""

    first_token_seconds: float = 0.5
    words_a_second: float = 25


class Model(Protocol):
    """Whatever answers. With a ``pace`` its events come at once, and are sent so fast."""

    @property
    def pace(self) -> Pace | None:
        """None for a model that takes its own time."""

    def events(self, request: Mapping[str, Any], conversation: Conversation) -> AsyncGenerator[Event, None]:
        """The stream of an answer; ``ModelError`` may end it."""


@dataclass(frozen=True)
class Rules:
    """The shop assistant of ``dialogue``."""

    pace: Pace = field(default_factory=Pace)

    async def events(self, request: Mapping[str, Any], conversation: Conversation) -> AsyncGenerator[Event, None]:
        said = conversation.system + "".join(text for _, text in conversation.said)
        for event in answer_events(answer(conversation), tokens(said)):
            yield event


class Server:
    """Answers as Bedrock does; credentials and signatures are not looked at."""

    def __init__(self, model: Model, control: Control) -> None:
        self._model, self._control = model, control
        self._calls: deque[dict[str, Any]] = deque(maxlen=_REMEMBERED_CALLS)
        self._number = 0

    def application(self) -> web.Application:
        application = web.Application(client_max_size=25 * 1024 * 1024, middlewares=[guard("/", commands="/control")])
        application.router.add_post("/model/{model:.+}/converse", self._converse)
        application.router.add_post("/model/{model:.+}/converse-stream", self._converse_stream)
        application.router.add_get("/control", self._show_control)
        application.router.add_post("/control", self._set_control)
        application.router.add_get("/calls", self._show_calls)
        return application

    async def _show_control(self, _: web.Request) -> web.Response:
        control = self._control
        return web.json_response(
            {
                "fault": control.fault,
                "times": control.times,
                "seconds": control.seconds,
                "instant": control.instant,
                "calls": self._number,
            }
        )

    async def _set_control(self, request: web.Request) -> web.Response:
        """Takes ``{"fault": …, "times": n or absent, "seconds": s or absent}``."""
        wanted = read_object(await request.read()) or {}
        if str(wanted.get("fault")) not in FAULTS:
            return web.json_response({"message": f"fault must be one of: {', '.join(FAULTS)}"}, status=400)
        times, seconds = wanted.get("times"), wanted.get("seconds") or 20.0
        if not (times is None or type(times) is int) or type(seconds) not in (int, float) or not 0 <= seconds < inf:
            return web.json_response({"message": "times must be a whole number, seconds at least 0"}, status=400)
        self._control.set(str(wanted["fault"]), times, float(seconds))
        return await self._show_control(request)

    async def _show_calls(self, _: web.Request) -> web.Response:
        """The last requests, the oldest first."""
        return web.json_response(list(self._calls))

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        body, conversation, fault = await self._begin(request)
        try:
            events = [event async for event in self._paced(body, conversation, fault)]
        except ModelError as error:
            return _error(424, "ModelErrorException", str(error))
        if fault == "break":
            return _error(424, "ModelErrorException", "The model failed.")
        if fault in CUTS:
            await self._cut(request, fault)
        return web.json_response(fold(events))

    async def _converse_stream(self, request: web.Request) -> web.StreamResponse:
        body, conversation, fault = await self._begin(request)
        response = web.StreamResponse(headers={"Content-Type": eventstream.CONTENT_TYPE})
        await response.prepare(request)
        try:
            async with aclosing(self._paced(body, conversation, fault)) as events:
                async for kind, payload in events:
                    await response.write(eventstream.event(kind, payload))
        except ModelError as error:
            await response.write(eventstream.exception("modelStreamErrorException", str(error)))
            return response
        if fault == "break":
            await response.write(eventstream.exception("modelStreamErrorException", "The model failed."))
        elif fault in CUTS:
            await self._cut(request, fault)
        return response

    async def _begin(self, request: web.Request) -> tuple[Mapping[str, Any], Conversation, str]:
        """The request and the fault it meets; raises what is answered to a request that is not served."""
        try:
            body = json.loads(await request.read())
            conversation = read_conversation(body)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise _refused(400, "ValidationException", f"The request is malformed: {error!r}") from error
        except InvalidRequestError as error:
            raise _refused(400, "ValidationException", str(error)) from error
        fault = self._control.take()
        self._number += 1
        operation = request.path.rsplit("/", 1)[1]
        self._calls.append({"model": request.match_info["model"], "operation": operation, "fault": fault, "body": body})
        if fault in REFUSALS:
            raise _refused(*REFUSALS[fault])
        return body, conversation, fault

    async def _paced(
        self, body: Mapping[str, Any], conversation: Conversation, fault: str
    ) -> AsyncGenerator[Event, None]:
        """The events of an answer as a fault leaves them, each when it is due."""
        async with aclosing(self._model.events(body, conversation)) as source:
            if self._model.pace or fault not in ("normal", "slow-first-token"):
                due = _each(spoil([event async for event in source], fault))
            else:
                due = source
            first = True
            async for event in due:
                await asyncio.sleep(self._pause(event, fault, first=first))
                first = False
                yield event

    def _pause(self, event: Event, fault: str, *, first: bool) -> float:
        """Seconds to wait before an event."""
        if first and fault == "slow-first-token":
            return self._control.seconds
        pace = self._model.pace
        if pace is None or self._control.instant:
            return 0
        if first:
            return pace.first_token_seconds
        return 1 / pace.words_a_second if event[0] == "contentBlockDelta" else 0

    async def _cut(self, request: web.Request, fault: str) -> None:
        if fault == "stall":
            await asyncio.Event().wait()  # until the caller hangs up
        if request.transport is not None:
            request.transport.abort()


async def _each(events: Iterable[Event]) -> AsyncGenerator[Event, None]:
    for event in events:
        yield event


def _error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"message": message}, status=status, headers={"x-amzn-errortype": kind})


def _refused(status: int, kind: str, message: str) -> web.HTTPException:
    class Refused(web.HTTPException):
        status_code = status

    headers = {"x-amzn-errortype": kind}
    return Refused(text=json.dumps({"message": message}), content_type="application/json", headers=headers)
