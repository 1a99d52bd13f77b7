"""Conversations: how soon answers begin on a whole local cloud, with many sockets open.

The model is the stand-in, without pauses. The first delta comes through the emulated gateway, two functions and the
queue between them.
"""

import asyncio
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp
import click

from benchmarks.report import NotMeasuredError, Row, Section, Target, percentile
from localcloud.processes import raise_file_limit
from soak.cloud import running_cloud

_PATIENCE = 60.0
_AT_ONCE = 20
_QUESTION = "What are your shipping costs, and how long does a parcel take?"

_P50 = Target("value", "at most", 250)
_P95 = Target("value", "at most", 600)
_NONE = Target("value", "at most", 0)


@dataclass
class _Heard:
    """What all conversations heard: milliseconds to acks and first deltas, and what must not be."""

    acks: list[float] = field(default_factory=list)
    first_deltas: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    out_of_order: int = 0


def measure(directory: Path, *, quick: bool) -> Section:
    """Milliseconds from a message to its first delta, beside idle sockets."""
    idle, conversations, messages = (50, 4, 2) if quick else (1_000, 20, 5)
    raise_file_limit()
    with _instant_model(), running_cloud(directory) as cloud:
        heard, still_open = asyncio.run(_run(cloud.endpoints.http, idle, conversations, messages))
    acks, firsts = sorted(heard.acks), sorted(heard.first_deltas)
    rows = (
        Row("ack p50", "ms", percentile(acks, 0.5)),
        Row("ack p95", "ms", percentile(acks, 0.95)),
        Row("first delta p50", "ms", percentile(firsts, 0.5), target=_P50),
        Row("first delta p95", "ms", percentile(firsts, 0.95), target=_P95),
        Row("errors", "frames", len(heard.errors), target=_NONE),
        Row("out of order", "frames", heard.out_of_order, target=_NONE),
        Row("idle sockets still open", "sockets", still_open, target=Target("value", "at least", idle)),
    )
    notes = (
        f"{idle:,} idle sockets; {conversations} conversations at once, {messages} messages each after a warm one.",
        "From sending a message to its first delta: emulated gateway, functions and queue, and a model without pauses.",
        "In order: the indices of an attempt's deltas without a gap, then the whole message, and turns as numbered.",
        "The plain design is not deployed beside it: its times would be those of the same emulator.",
    )
    codes = (f"Errors were {', '.join(sorted(set(heard.errors)))}.",) if heard.errors else ()
    return Section("conversations", rows, (*notes, *codes))


async def _run(http: str, idle: int, conversations: int, messages: int) -> tuple[_Heard, int]:
    unlimited = aiohttp.TCPConnector(limit=0)
    steps = idle + conversations * (messages + 1)
    with click.progressbar(length=steps, label="conversations", file=sys.stderr) as bar:
        async with AsyncExitStack() as stack:
            session = await stack.enter_async_context(aiohttp.ClientSession(connector=unlimited))
            limit = asyncio.Semaphore(_AT_ONCE)

            async def connect() -> aiohttp.ClientWebSocketResponse:
                async with limit:
                    async with session.post(f"{http}/chat/sessions", json={}) as answer:
                        opened = await answer.json()
                    if answer.status != 201:
                        raise NotMeasuredError(f"a session was answered {answer.status}: {opened}")
                    return await session.ws_connect(opened["websocket_url"])

            async def open_idle() -> aiohttp.ClientWebSocketResponse:
                socket = await connect()
                bar.update(1)
                return socket

            silent = await asyncio.gather(*(open_idle() for _ in range(idle)))
            talking = await asyncio.gather(*(connect() for _ in range(conversations)))
            await asyncio.gather(*(_talk(socket, 1, _Heard(), bar) for socket in talking))
            heard = _Heard()
            await asyncio.gather(*(_talk(socket, messages, heard, bar) for socket in talking))
            still_open = sum(not socket.closed for socket in silent)
            for socket in (*silent, *talking):
                socket._response.close()
    return heard, still_open


async def _talk(socket: aiohttp.ClientWebSocketResponse, messages: int, heard: _Heard, bar: Any) -> None:
    """Say something, wait for the answer, and go on."""
    order = _Order()
    for number in range(messages):
        message_id = f"m-{id(socket)}-{time.time_ns()}-{number}"
        started = time.perf_counter()
        await socket.send_json({"action": "message", "message_id": message_id, "content": _QUESTION})
        async with asyncio.timeout(_PATIENCE):
            while True:
                frame = await socket.receive_json()
                elapsed = (time.perf_counter() - started) * 1000
                heard.out_of_order += not order.allows(frame)
                if frame["type"] == "error":
                    heard.errors.append(frame["code"])
                    break
                if frame.get("message_id") != message_id:
                    continue  # of a message that had an error
                if frame["type"] == "ack":
                    heard.acks.append(elapsed)
                elif frame["type"] == "delta" and (frame["attempt"], frame["index"]) == (1, 0):
                    heard.first_deltas.append(elapsed)
                elif frame["type"] == "message":
                    break
        bar.update(1)


@dataclass
class _Order:
    """Which frame may come next in a conversation."""

    _deltas: dict[str, tuple[int, int]] = field(default_factory=dict)
    _finished: set[str] = field(default_factory=set)
    _last_seq: int = 0

    def allows(self, frame: Mapping[str, Any]) -> bool:
        match frame["type"]:
            case "delta":
                attempt, index = self._deltas.get(frame["message_id"], (1, 0))
                came = (frame["attempt"], frame["index"])
                self._deltas[frame["message_id"]] = (came[0], came[1] + 1)
                return frame["message_id"] not in self._finished and came in ((attempt, index), (attempt + 1, 0))
            case "message":
                is_later, self._last_seq = bool(frame["seq"] > self._last_seq), frame["seq"]
                self._finished.add(frame["message_id"])
                return is_later
            case _:
                return True


@contextmanager
def _instant_model() -> Iterator[None]:
    kept = os.environ.get("MODEL_INSTANT")
    os.environ["MODEL_INSTANT"] = "1"
    try:
        yield
    finally:
        if kept is None:
            del os.environ["MODEL_INSTANT"]
        else:
            os.environ["MODEL_INSTANT"] = kept
