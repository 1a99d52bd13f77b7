"""How event sources and sockets work in MiniStack, mended.

Each function replaces private functions of the pinned version, by which it comes closer to AWS;
``tests/integration/test_launcher.py`` has a test for each that fails when a new version makes it wrong.
"""

import contextvars
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from localcloud.expiry import record_expired_items

FIFO_CONCURRENCY = 20
"""Batches of one FIFO queue under way at once, where the mapping does not set MaximumConcurrency."""

STREAM_EVERY_SECONDS = 0.02

_log = logging.getLogger("localcloud")


def run_fifo_groups_concurrently() -> None:
    """MiniStack runs one batch of a FIFO queue at a time. Its queue already holds back the rest of a group of which a
    message is in flight, so that several batches keep the order too."""
    from ministack.services import lambda_svc

    own = lambda_svc._sqs_esm_concurrency

    def concurrency(mapping: dict[str, Any], function: Any, config: Any, queue: dict[str, Any] | None = None) -> int:
        if not (queue or {}).get("is_fifo"):
            return int(own(mapping, function, config, queue))
        limit = (mapping.get("ScalingConfig") or {}).get("MaximumConcurrency") or FIFO_CONCURRENCY
        return int(own({"ScalingConfig": {"MaximumConcurrency": limit}}, function, config))

    lambda_svc._sqs_esm_concurrency = concurrency


def poll_streams_apart() -> None:
    """MiniStack polls queues and streams in turns, and calls a stream's function in between: a slow one would stall
    every queue. Here each stream mapping has a thread of its own."""
    from ministack.services import lambda_svc

    poll, all_mappings = lambda_svc._poll_dynamodb_streams, lambda_svc._iter_all_esms
    mine, polled = threading.local(), set[str]()

    def mappings() -> Iterator[tuple[str, str, dict[str, Any]]]:
        return iter([mine.mapping]) if hasattr(mine, "mapping") else all_mappings()

    def find(uuid: str) -> tuple[str, str, dict[str, Any]] | None:
        return next((mapping for mapping in all_mappings() if mapping[2]["UUID"] == uuid), None)

    def follow(uuid: str) -> None:
        while mapping := find(uuid):
            mine.mapping = mapping
            try:
                advanced = poll()
            except Exception:  # noqa: BLE001 - the boundary of one poll, as in MiniStack's own loop
                _log.exception("stream mapping %s cannot be polled", uuid)
                advanced = False
            if not advanced:
                time.sleep(STREAM_EVERY_SECONDS)
        polled.discard(uuid)

    def start_followers() -> bool:
        for _, _, mapping in all_mappings():
            uuid = mapping["UUID"]
            if ":dynamodb:" in mapping.get("EventSourceArn", "") and uuid not in polled:
                polled.add(uuid)
                threading.Thread(target=follow, args=[uuid], daemon=True, name=f"stream-{uuid[:8]}").start()
        return False

    lambda_svc._iter_all_esms = mappings
    lambda_svc._poll_dynamodb_streams = start_followers


def run_socket_functions_concurrently() -> None:
    """MiniStack calls a socket function on one worker, one call after the other; all others lease a worker a call."""
    from ministack.core import lambda_runtime

    class Lease:
        def __init__(self, *function: Any, **options: Any) -> None:
            self._function, self._options = function, options

        def invoke(self, event: Any, request_id: str) -> Any:
            worker, _ = lambda_runtime.acquire_worker(*self._function, **self._options)
            try:
                return worker.invoke(event, request_id)
            finally:
                lambda_runtime.release_worker(worker)

    lambda_runtime.get_or_create_worker = Lease


def answer_sockets_as_the_gateway_does() -> None:
    """MiniStack answers every refused connect with 403, sends what a message's function returns to the client, and
    an exception's text too. API Gateway passes the refusal's status on, and without route responses sends nothing."""
    from ministack.services import apigateway

    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket
    refusal = contextvars.ContextVar[dict[str, Any]]("refusal")

    async def invoke_quietly(*call: Any, **options: Any) -> dict[str, Any]:
        connection_id, event, request_id = call[5:8]
        answer = await invoke(*call, **options)
        status = int(answer.get("statusCode", 200)) if isinstance(answer, dict) else 200
        if event == "CONNECT" and not 200 <= status < 300:
            refusal.get().update(status=status, connection_id=connection_id, request_id=request_id)
        if event == "MESSAGE" and status == HTTPStatus.INTERNAL_SERVER_ERROR:
            failure = {"message": "Internal server error", "connectionId": connection_id, "requestId": request_id}
            return {"statusCode": status, "body": json.dumps(failure)}
        return {"statusCode": status}

    async def handle_with_status(scope: Any, receive: Any, send: Callable[[Any], Any], *api: Any, **where: Any) -> None:
        refused: dict[str, Any] = {}
        refusal.set(refused)

        async def send_status(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.close" and refused:
                phrase = HTTPStatus(refused["status"]).phrase
                await apigateway._refuse_ws_handshake(scope, send, message=phrase, **refused)
            else:
                await send(message)

        await handle(scope, receive, send_status, *api, **where)

    apigateway._invoke_ws_lambda = invoke_quietly
    apigateway.handle_websocket = handle_with_status


def tell_close_codes() -> None:
    """MiniStack's server tells of every socket that its client closed as 1006; here the client's code and reason."""
    from hypercorn.protocol.ws_stream import WSStream
    from wsproto.events import CloseConnection

    accept = WSStream._accept

    async def accept_and_watch(stream: Any, message: Any) -> None:
        await accept(stream, message)
        events, tell = stream.connection.events, stream.app_put
        closed: list[CloseConnection] = []

        def watched() -> Iterator[Any]:
            for event in events():
                if isinstance(event, CloseConnection):
                    closed.append(event)
                yield event

        async def tell_with_code(message: dict[str, Any]) -> None:
            if message["type"] == "websocket.disconnect" and closed:
                message = message | {"code": int(closed[0].code), "reason": closed[0].reason or ""}
            await tell(message)

        stream.connection.events, stream.app_put = watched, tell_with_code

    WSStream._accept = accept_and_watch  # type: ignore[method-assign, assignment]


PATCHES: tuple[Callable[[], None], ...] = (
    run_fifo_groups_concurrently,
    poll_streams_apart,
    run_socket_functions_concurrently,
    answer_sockets_as_the_gateway_does,
    tell_close_codes,
    record_expired_items,
)
