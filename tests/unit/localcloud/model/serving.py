"""Servers for tests of the model, and boto3's client of it."""

import asyncio
import functools
import json
import threading
from collections.abc import Iterator
from typing import Any

import botocore.session
from aiohttp import web
from botocore.config import Config

MODEL = "arn:aws:bedrock:eu-central-1:123456789012:inference-profile/eu.amazon.nova-lite-v1:0"
TOOLS = {
    "tools": [
        {
            "toolSpec": {
                "name": "look_up_order",
                "description": "One order",
                "inputSchema": {"json": {"type": "object", "properties": {"number": {"type": "string"}}}},
            }
        }
    ]
}
HELLO = [{"role": "user", "content": [{"text": "How long does shipping take?"}]}]


class Running:
    """An application served from a thread of its own. ``cancels``: whether a handler ends when its caller hangs up."""

    def __init__(self, application: web.Application, *, cancels: bool = True) -> None:
        self._application, self._cancels, self._ready = application, cancels, threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()))
        self._thread.start()
        self._ready.wait(10)

    async def _serve(self) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        runner = web.AppRunner(
            self._application, access_log=None, handler_cancellation=self._cancels, shutdown_timeout=0.1
        )
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._ready.set()
        await self._stop.wait()
        await runner.cleanup()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()


@functools.cache
def session() -> Any:
    """One for all clients, which reads the service's model once."""
    return botocore.session.Session(profile=None)


def bedrock(url: str, read_timeout: float = 5) -> Any:
    config = Config(proxies={}, retries={"total_max_attempts": 1}, read_timeout=read_timeout)
    return session().create_client("bedrock-runtime", region_name="us-east-1", endpoint_url=url, config=config)


class ChatCompletions:
    """A server of OpenAI's chat completions that repeats itself, and uses a tool when it is offered one."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.application = web.Application()
        self.application.router.add_post("/v1/chat/completions", self.complete)

    async def complete(self, request: web.Request) -> web.StreamResponse:
        asked = await request.json()
        self.asked.append(asked)
        if asked["model"] == "missing":
            return web.json_response({"error": {"message": "no such model"}}, status=404)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for choice in self.choices(bool(asked.get("tools")) and asked["messages"][-1]["role"] == "user"):
            await response.write(f"data: {json.dumps({'choices': [choice]})}\n\n".encode())
        usage = {"choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
        await response.write(f"data: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        return response

    def choices(self, with_tool: bool) -> Iterator[dict[str, Any]]:
        if with_tool:
            first = {"index": 0, "id": "call_1", "function": {"name": "look_up_order", "arguments": ""}}
            yield {"delta": {"tool_calls": [first]}}
            for part in ('{"number":', ' "1001"}'):
                yield {"delta": {"tool_calls": [{"index": 0, "function": {"arguments": part}}]}}
            yield {"delta": {}, "finish_reason": "tool_calls"}
            return
        for word in ("Hello, ", "Grüße!"):
            yield {"delta": {"content": word}}
        yield {"delta": {}, "finish_reason": "stop"}
