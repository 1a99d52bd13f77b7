"""What is asked of a table: each request delayed, counted, timed, and priced as DynamoDB does.

The table is moto's, in this process. Every request waits five milliseconds first, about what DynamoDB takes; what moto
itself takes is measured, so that it can be taken off: it is no part of either design.
"""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from moto.core.models import botocore_stubber

DELAY_SECONDS = 0.005

READ_BYTES = 4_096
WRITE_BYTES = 1_024


@dataclass(frozen=True)
class Request:
    """One request: when it began and ended, by ``time.perf_counter``, and what it cost in capacity units.

    ``emulated`` is the CPU time in seconds that moto took for it.
    """

    operation: str
    begin: float
    end: float
    read_units: float = 0.0
    write_units: float = 0.0
    emulated: float = 0.0


def round_trips(requests: Sequence[Request]) -> int:
    """How many requests followed one another: those side by side count once."""
    count, until = 0, 0.0
    for request in sorted(requests, key=lambda one: one.end):
        if request.begin >= until:
            count, until = count + 1, request.end
    return count


@dataclass
class Meter:
    """Watches clients of DynamoDB. ``untouched`` is a client of the same table that it does not watch."""

    untouched: Any
    requests: list[Request] = field(default_factory=list)
    _begun: dict[int, tuple[float, dict[str, Any]]] = field(default_factory=dict)
    _deleted: dict[int, int] = field(default_factory=dict)
    _emulated: dict[int, float] = field(default_factory=dict)

    def watch(self, client: Any) -> None:
        client.meta.events.register("before-call.dynamodb.*", self._before)
        client.meta.events.unregister("before-send", botocore_stubber)  # which _send calls: botocore would run both
        client.meta.events.register("before-send.dynamodb.*", self._send)
        client.meta.events.register("after-call.dynamodb.*", self._after)

    def take(self) -> list[Request]:
        """The requests since the last time."""
        taken, self.requests = self.requests, []
        return taken

    def _before(self, model: Any, params: Mapping[str, Any], **_: Any) -> None:
        body = json.loads(params["body"])
        self._deleted[threading.get_ident()] = sum(self._write(request) for request in _deletions(model.name, body))
        self._begun[threading.get_ident()] = (time.perf_counter(), body)
        time.sleep(DELAY_SECONDS)

    def _send(self, event_name: str, request: Any, **others: Any) -> Any:
        began = time.thread_time()
        response = botocore_stubber(event_name, request, **others)
        self._emulated[threading.get_ident()] = time.thread_time() - began
        return response

    def _after(self, model: Any, parsed: Mapping[str, Any], **_: Any) -> None:
        end = time.perf_counter()
        begin, body = self._begun.pop(threading.get_ident())
        read, write = self._price(model.name, body, parsed)
        write += self._deleted.pop(threading.get_ident())
        emulated = self._emulated.pop(threading.get_ident())
        self.requests.append(Request(model.name, begin, end, read, write, emulated))

    def _price(self, operation: str, body: Mapping[str, Any], parsed: Mapping[str, Any]) -> tuple[float, float]:
        match operation:
            case "GetItem":
                return _read(item_bytes(parsed.get("Item", {})), body), 0
            case "Query":
                return _read(sum(map(item_bytes, parsed["Items"])), body), 0
            case "TransactWriteItems":
                return 0, sum(2 * self._write(*entry.values()) for entry in body["TransactItems"])
            case "BatchWriteItem":
                return 0, sum(
                    self._write({"TableName": table, **entry["PutRequest"]})
                    for table, entries in body["RequestItems"].items()
                    for entry in entries
                    if "PutRequest" in entry
                )
            case "DeleteItem":
                return 0, 0  # priced before it was gone
            case _:
                return 0, self._write(body)

    def _write(self, request: Mapping[str, Any]) -> int:
        item = request.get("Item")
        if item is None:
            item = self.untouched.get_item(TableName=request["TableName"], Key=request["Key"]).get("Item", {})
        return max(1, ceil(item_bytes(item) / WRITE_BYTES))


def _deletions(operation: str, body: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What a request deletes, by table and key: it costs what was there, which nobody can ask for afterwards."""
    match operation:
        case "DeleteItem":
            yield {"TableName": body["TableName"], "Key": body["Key"]}
        case "BatchWriteItem":
            for table, entries in body["RequestItems"].items():
                for entry in entries:
                    if "DeleteRequest" in entry:
                        yield {"TableName": table, **entry["DeleteRequest"]}


def _read(size: int, body: Mapping[str, Any]) -> float:
    return max(1, ceil(size / READ_BYTES)) * (1.0 if body.get("ConsistentRead") else 0.5)


def item_bytes(item: Mapping[str, Any]) -> int:
    """Bytes of an item: its names and values; of texts in base64 a little too many."""
    return sum(len(name) + _length(value) for name, value in item.items())


def _length(value: Mapping[str, Any]) -> int:
    ((_, content),) = value.items()
    return len(content) if isinstance(content, str | bytes) else 1
