"""How event sources and sockets work in MiniStack, mended.

Each function replaces private functions of the pinned version, by which it comes closer to AWS;
``tests/integration/test_launcher.py`` has a test for each that fails when a new version makes it wrong.
"""

import contextvars
import json
import logging
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from http import HTTPStatus
from typing import Any

from localcloud.expiry import record_expired_items

MARK = "\x1e"
"""Begins a line that a function wrote: the mark, the function's name, a tab, the line."""

REFUSED = "IAM refuses:"
"""Begins a warning of what somebody was not allowed to do."""

FIFO_CONCURRENCY = 20
"""Batches of one FIFO queue under way at once, where the mapping does not set MaximumConcurrency."""

SOCKET_CONCURRENCY = 20
"""Calls of one socket function under way at once; more of them wait."""

MAX_MESSAGE_BYTES = 128 * 1024
"""What API Gateway takes in one message of a socket, and in one post to a connection."""

STREAM_EVERY_SECONDS = 0.02

_log = logging.getLogger("localcloud")


def write_function_line(function: str, line: str) -> None:
    """Put a line of a function's on MiniStack's output, for the local cloud to show."""
    sys.stdout.write(f"{MARK}{function}\t{line}\n")
    sys.stdout.flush()


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
    """MiniStack calls a socket function on one worker, one call after the other; all others lease a worker a call.
    A worker is a process, and a thousand sockets may close at once: the number of each function's is limited.
    What such a function raises is in no log of MiniStack's, and is written to its output here."""
    from ministack.core import lambda_runtime

    turns = defaultdict[str, threading.Semaphore](lambda: threading.Semaphore(SOCKET_CONCURRENCY))

    class Lease:
        def __init__(self, name: str, *function: Any, **options: Any) -> None:
            self._name, self._function, self._options = name, function, options

        def invoke(self, event: Any, request_id: str) -> Any:
            with turns[self._name]:
                worker, _ = lambda_runtime.acquire_worker(self._name, *self._function, **self._options)
                try:
                    answer = worker.invoke(event, request_id)
                finally:
                    lambda_runtime.release_worker(worker)
            if answer.get("status") == "error":
                for line in str(answer.get("trace") or answer.get("error")).splitlines():
                    write_function_line(self._name, line)
            return answer

    lambda_runtime.get_or_create_worker = Lease


def answer_sockets_as_the_gateway_does() -> None:
    """MiniStack answers every refused connect with 403, chooses no subprotocol, sends what a message's function
    returns to the client, and an exception's text too. API Gateway passes on the status and the subprotocol that the
    function answers, and without route responses sends nothing."""
    from ministack.services import apigateway

    invoke, handle = apigateway._invoke_ws_lambda, apigateway.handle_websocket
    connects = contextvars.ContextVar[dict[str, Any]]("connects")

    async def invoke_quietly(*call: Any, **options: Any) -> dict[str, Any]:
        connection_id, event, request_id = call[5:8]
        answer = await invoke(*call, **options)
        answer = answer if isinstance(answer, dict) else {}
        status = int(answer.get("statusCode", 200))
        if event == "CONNECT":
            connects.get().update(status=status, connection_id=connection_id, request_id=request_id)
            connects.get()["headers"] = {name.lower(): value for name, value in (answer.get("headers") or {}).items()}
        if event == "MESSAGE" and status == HTTPStatus.INTERNAL_SERVER_ERROR:
            failure = {"message": "Internal server error", "connectionId": connection_id, "requestId": request_id}
            return {"statusCode": status, "body": json.dumps(failure)}
        return {"statusCode": status}

    async def handle_with_status(scope: Any, receive: Any, send: Callable[[Any], Any], *api: Any, **where: Any) -> None:
        answered: dict[str, Any] = {}
        connects.set(answered)

        async def send_as_answered(message: dict[str, Any]) -> None:
            protocol = answered.get("headers", {}).get("sec-websocket-protocol")
            if message["type"] == "websocket.accept" and protocol in scope["subprotocols"]:
                message = message | {"subprotocol": protocol}
            if message["type"] == "websocket.close" and not 200 <= answered.get("status", 200) < 300:
                await apigateway._refuse_ws_handshake(
                    scope,
                    send,
                    answered["status"],
                    HTTPStatus(answered["status"]).phrase,
                    answered["connection_id"],
                    answered["request_id"],
                )
            else:
                await send(message)

        await handle(scope, receive, send_as_answered, *api, **where)

    apigateway._invoke_ws_lambda = invoke_quietly
    apigateway.handle_websocket = handle_with_status


def refuse_large_posts() -> None:
    """MiniStack posts anything to a connection; API Gateway up to 128 KB."""
    from ministack.services import apigateway

    handle = apigateway.handle_connections_api

    async def handle_within_limit(
        method: str, api_id: str, stage: str, connection_id: str, body: bytes, *more: Any
    ) -> Any:
        if method == "POST" and len(body or b"") > MAX_MESSAGE_BYTES:
            headers = {"Content-Type": "application/json", "x-amzn-ErrorType": "PayloadTooLargeException"}
            return 413, headers, json.dumps({"message": "Message too long", "connectionId": connection_id}).encode()
        return await handle(method, api_id, stage, connection_id, body, *more)

    apigateway.handle_connections_api = handle_within_limit


def import_rest_apis() -> None:
    """MiniStack makes an empty API of an imported document, and cannot overwrite one; a template's it reads. Here an
    imported API is made as a template's is, and one that is overwritten keeps its id."""
    from ministack.services import apigateway_v1

    handle = apigateway_v1.handle_request

    async def handle_imports(method: str, path: str, headers: Any, body: bytes, query: dict[str, Any]) -> Any:
        parts = path.strip("/").split("/")
        if parts[0] != "restapis" or "mode" not in query or (method, len(parts)) not in (("POST", 1), ("PUT", 2)):
            return await handle(method, path, headers, body, query)
        document = json.loads(body)
        binary = document.get("x-amazon-apigateway-binary-media-types", [])
        made = apigateway_v1._import_rest_api(document, {"binaryMediaTypes": binary})
        if method == "POST":
            return 201, *apigateway_v1._get_rest_api(made)[1:]
        apigateway_v1._resources[parts[1]] = apigateway_v1._resources[made]
        apigateway_v1._rest_apis[parts[1]]["binaryMediaTypes"] = binary
        apigateway_v1._delete_rest_api(made)
        return apigateway_v1._get_rest_api(parts[1])

    apigateway_v1.handle_request = handle_imports


def patch_rest_apis() -> None:
    """MiniStack takes each path of a patch for that of a dictionary, and every value as it is."""
    from ministack.services import apigateway_v1

    update = apigateway_v1._update_rest_api

    def update_lists(api_id: str, data: dict[str, Any]) -> Any:
        api, others = apigateway_v1._rest_apis.get(api_id, {}), []
        for operation in data.get("patchOperations", []):
            name, _, rest = operation["path"].removeprefix("/").partition("/")
            if name == "binaryMediaTypes" and operation["op"] == "add":
                api["binaryMediaTypes"] = [*api.get("binaryMediaTypes", []), rest.replace("~1", "/")]
            elif name == "endpointConfiguration":
                api["endpointConfiguration"] = {"types": [operation["value"]]}
            elif name == "minimumCompressionSize":
                api["minimumCompressionSize"] = int(operation["value"]) if operation.get("value") else None
            else:
                others.append(operation)
        return update(api_id, {"patchOperations": others})

    apigateway_v1._update_rest_api = update_lists


def make_functions_ready_at_once() -> None:
    """MiniStack lets a new or changed function be pending for half a second; clients that wait for it then look again
    after five seconds."""
    from ministack.services import lambda_svc

    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0


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


def authorize_batches_of_messages() -> None:
    """MiniStack asks IAM for ``sqs:SendMessageBatch`` and the like. To IAM a batch is its messages: AWS knows no such
    actions, and asks for ``sqs:SendMessage``."""
    from ministack.core import iam_evaluator

    decide = iam_evaluator.enforce

    def decide_as_for_one(access_key_id: str, action: str, *more: Any, **options: Any) -> Any:
        if action.startswith("sqs:"):
            action = action.removesuffix("Batch")
        return decide(access_key_id, action, *more, **options)

    iam_evaluator.enforce = decide_as_for_one


def tell_what_iam_refuses() -> None:
    """MiniStack answers a caller that IAM refuses, and keeps no note of it; CloudTrail has one. Here it is a warning,
    which names the caller, the action and the resource."""
    from ministack.core import iam_evaluator

    decide = iam_evaluator.enforce

    def decide_and_tell(
        access_key_id: str, action: str, service: str, region: str, resource_arn: str = "*", *more: Any, **options: Any
    ) -> Any:
        refused = decide(access_key_id, action, service, region, resource_arn, *more, **options)
        if isinstance(refused, iam_evaluator.EvalResult):
            _log.warning("%s %s may not %s on %s", REFUSED, refused.principal_arn, action, resource_arn)
        return refused

    iam_evaluator.enforce = decide_and_tell


PATCHES: tuple[Callable[[], None], ...] = (
    run_fifo_groups_concurrently,
    poll_streams_apart,
    run_socket_functions_concurrently,
    answer_sockets_as_the_gateway_does,
    refuse_large_posts,
    make_functions_ready_at_once,
    import_rest_apis,
    patch_rest_apis,
    tell_close_codes,
    authorize_batches_of_messages,
    tell_what_iam_refuses,
    record_expired_items,
)
