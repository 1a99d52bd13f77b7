"""The stand-in as a server: the bank's API, and the control of its faults beside it."""

import asyncio
import contextlib
import hmac
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from localcloud.bank import wire
from localcloud.bank.callers import Callers
from localcloud.bank.control import add_control
from localcloud.bank.faults import Control, Met
from localcloud.bank.ledger import IdempotencyConflictError, Ledger
from localcloud.guard import guard

_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_PENDING_SECONDS = web.RequestKey("pending_seconds", float)
_MAX_BODY_BYTES = 64 * 1024
_CODES = {401: "unauthorized", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}
_RUBBISH = (
    b'{"status": "compl',
    b"<html><body>OK</body></html>",
    b"{}",
    b"null",
    b"",
    b'{"balance": 12, "accounts": 1}',
)


@dataclass
class Server:
    """Answers whoever knows the key; the control and ``/health`` answer everybody on this machine."""

    ledger: Ledger
    callers: Callers
    api_key: str
    control: Control = field(default_factory=Control)
    _rubbish: int = 0

    def application(self) -> web.Application:
        """To be run without cancellation of handlers, since a bank acts also for a caller who has hung up."""
        middlewares = [guard("/", commands="/control"), self._check_key, self._meet_fault, _explain]
        application = web.Application(client_max_size=_MAX_BODY_BYTES, middlewares=middlewares)
        router = application.router
        router.add_post("/callers/verify", self._verify)
        router.add_get("/customers/{id}/accounts", self._show_accounts)
        router.add_get("/accounts/{id}/balance", self._show_balance)
        router.add_post("/transfers", self._transfer)
        router.add_get("/transfers/{key}", self._show_transfer)
        router.add_post("/cards/{id}/block", self._block_card)
        router.add_get("/health", _show_health)
        add_control(router, self.control, self.ledger, self.callers)
        return application

    async def _verify(self, request: web.Request) -> web.Response:
        number, pin = wire.read_credentials(await request.read())
        return web.json_response(wire.show_verdict(await self.callers.verify(number, pin)))

    async def _show_accounts(self, request: web.Request) -> web.Response:
        accounts = self.ledger.accounts(request.match_info["id"])
        if not accounts:
            return _error(404, "not_found", "There is no such customer.")
        return web.json_response({"accounts": [wire.show_account(account) for account in accounts]})

    async def _show_balance(self, request: web.Request) -> web.Response:
        account = self.ledger.account(request.match_info["id"])
        if account is None:
            return _error(404, "not_found", "There is no such account.")
        return web.json_response(wire.show_balance(account, self.ledger.clock()))

    async def _transfer(self, request: web.Request) -> web.Response:
        order = wire.read_order(await request.read(), request.headers.get("Idempotency-Key"))
        try:
            transfer, new = self.ledger.transfer(order, request.get(_PENDING_SECONDS, 0.0))
        except IdempotencyConflictError:
            return _error(409, "idempotency_conflict", "This key was used for another transfer.")
        if transfer.code:
            status, message = wire.REFUSALS[transfer.code]
            return _error(status, transfer.code, message)
        return web.json_response(wire.show_transfer(transfer), status=201 if new else 200)

    async def _show_transfer(self, request: web.Request) -> web.Response:
        transfer = self.ledger.find(request.match_info["key"])
        if transfer is None:
            return _error(404, "not_found", "There is no such transfer.")
        return web.json_response(wire.show_transfer(transfer))

    async def _block_card(self, request: web.Request) -> web.Response:
        card_id = request.match_info["id"]
        if not self.ledger.block(card_id):
            return _error(404, "not_found", "There is no such card.")
        return web.json_response({"id": card_id, "status": "blocked"})

    @web.middleware
    async def _check_key(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        given = request.headers.get("x-api-key", "").encode(errors="surrogateescape")
        if not _is_open(request) and not hmac.compare_digest(given, self.api_key.encode()):
            return _error(401, "unauthorized", "The header x-api-key does not hold the key.")
        return await handler(request)

    @web.middleware
    async def _meet_fault(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        met = None if _is_open(request) else self.control.take(request.method, request.path)
        if met is None:
            return await handler(request)
        with contextlib.suppress(web.HTTPRequestEntityTooLarge):
            await request.read()  # while the caller is still there
        return await self._refuse(request, met) or await self._spoil(request, met, handler)

    async def _refuse(self, request: web.Request, met: Met) -> web.StreamResponse | None:
        """The answer of a fault that keeps the bank from acting."""
        match met.fault:
            case "fail":
                return _error(503, "unavailable", "The bank is unavailable.")
            case "error":
                return _error(500, "internal", "The bank has failed.")
            case "throttle":
                return _error(429, "throttled", "Too many requests.", {"Retry-After": str(math.ceil(met.seconds))})
            case "drop":
                return _cut(request)
            case "stall":
                while request.transport is not None:  # noqa: ASYNC110 - the end of a connection is no event
                    await asyncio.sleep(0.05)
                return _cut(request)
        return None

    async def _spoil(self, request: web.Request, met: Met, handler: _Handler) -> web.StreamResponse:
        """What a fault makes of the bank's answer."""
        if met.fault == "slow":
            await asyncio.sleep(met.seconds)
        elif met.fault == "pending":
            request[_PENDING_SECONDS] = met.seconds
        answer = await handler(request)
        match met.fault:
            case "error-after":
                return _error(500, "internal", "The bank has failed.")
            case "drop-after":
                return _cut(request)
            case "rubbish":
                self._rubbish += 1
                body = _RUBBISH[self._rubbish % len(_RUBBISH)]
                return web.Response(body=body, content_type="application/json")
            case "drip":
                return await _drip(request, answer, met.seconds)
        return answer


async def _show_health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


@web.middleware
async def _explain(request: web.Request, handler: _Handler) -> web.StreamResponse:
    """Every error is JSON with a code and a message."""
    try:
        return await handler(request)
    except wire.MalformedError as error:
        return _error(400, "bad_request", str(error))
    except web.HTTPException as error:
        return _error(error.status, _CODES.get(error.status, "bad_request"), error.reason)


def _is_open(request: web.Request) -> bool:
    return request.path == "/health" or request.path.split("/")[1] == "control"


def _error(status: int, code: str, message: str, headers: dict[str, Any] | None = None) -> web.Response:
    return web.json_response({"code": code, "message": message}, status=status, headers=headers)


def _cut(request: web.Request) -> web.Response:
    """End the connection; the answer that is returned goes nowhere."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


async def _drip(request: web.Request, answer: web.StreamResponse, seconds: float) -> web.StreamResponse:
    assert isinstance(answer, web.Response)
    assert isinstance(answer.body, bytes)
    response = web.StreamResponse(status=answer.status, headers=answer.headers)
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the caller has had enough
        for byte in answer.body:
            await response.write(bytes([byte]))
            await asyncio.sleep(seconds)
    return response
