"""An AWS that answers at once, over HTTP on this machine: a session, its turns, a queue, sockets and a model.

It keeps nothing: whatever is written is taken, and the same message is always the one that has no answer yet.
"""

import base64
import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import uuid4

from benchmarks.plain.conversation import turn_item
from chalicelib.aws.tables import marshal
from chalicelib.chat.turns import Turn
from localcloud.model import eventstream
from localcloud.model.events import text_event, usage_event

SESSION, CONNECTION, QUESTION = "session-1", "connection-1", "Where is my parcel?"
PLAIN_TABLE = "plain"

_CHUNK = "A parcel within Europe takes five days. "
_ANSWER = [_CHUNK] * 15
_TURNS = 20


@contextmanager
def instant_aws() -> Iterator[str]:
    """Its URL, for every service alike."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        _, _, operation = self.headers.get("X-Amz-Target", "").rpartition(".")
        if operation:
            answer = json.dumps(_answer(operation, json.loads(body)), default=_encode)
            self._send(answer.encode(), "application/x-amz-json-1.0")
        elif self.path.endswith("/converse-stream"):
            self._send(_stream(), eventstream.CONTENT_TYPE)
        elif self.path.endswith("/invoke"):
            self._send(
                json.dumps({"content": [{"type": "text", "text": "".join(_ANSWER)}]}).encode(), "application/json"
            )
        else:
            self._send(b"", "application/json")  # a frame to a socket

    def _send(self, body: bytes, content_type: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


def _encode(content: bytes) -> str:
    """Bytes as DynamoDB's JSON has them."""
    return base64.b64encode(content).decode()


def _answer(operation: str, request: Mapping[str, Any]) -> dict[str, Any]:
    match operation:
        case "GetItem":
            return {"Item": marshal(_item(request["Key"]["PK"]["S"]))}
        case "Query":
            return _query(request)
        case "UpdateItem":
            return {"Attributes": marshal({"tokens": 1_000})}
        case "SendMessage":
            return {"MessageId": uuid4().hex}
        case _:
            return {}


def _item(partition: str) -> dict[str, Any]:
    now = int(time.time())
    if partition.startswith("CONN#"):
        return {"PK": partition, "SK": "META", "session_id": SESSION, "ends_at": now + 86_400, "ttl": now + 7_200}
    return {
        "PK": partition,
        "SK": "META",
        "session_id": SESSION,
        "customer_id": "anonymous",
        "status": "active",
        "seq": _TURNS,
        "answered": _TURNS - 3,
        "unsummarised": 2,
        "summary_upto": 0,
        "created_at": now,
        "updated_at": now,
        "ttl": now + 86_400,
        "connection_id": CONNECTION,
    }


def _query(request: Mapping[str, Any]) -> dict[str, Any]:
    """The newest turns, the last of them without its answer; there is no summary."""
    asked = json.dumps(request)
    if "SUMMARY#" in asked:
        items: list[dict[str, Any]] = []
    elif request["TableName"] == PLAIN_TABLE:
        items = [turn_item(f"SESSION#{SESSION}", "assistant" if number % 2 else "user", _CHUNK) for number in range(20)]
    else:
        turns = [
            Turn(seq, "customer" if seq % 2 else "bot", _CHUNK, int(time.time()), f"m-{seq}")
            for seq in range(1, _TURNS)
        ]
        items = [turn.to_item(SESSION) for turn in reversed(turns)]
    return {"Items": [marshal(item) for item in items], "Count": len(items), "ScannedCount": len(items)}


def _stream() -> bytes:
    events = [
        ("messageStart", {"role": "assistant"}),
        *(text_event(0, text) for text in _ANSWER),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        usage_event(1_000, 150),
    ]
    return b"".join(eventstream.event(kind, payload) for kind, payload in events)
