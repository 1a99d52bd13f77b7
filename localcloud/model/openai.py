"""A model of your own behind the stand-in: any server of OpenAI's chat completions (Ollama, llama.cpp, vLLM …)."""

import json
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from localcloud.model.conversation import Conversation
from localcloud.model.dialogue import tokens
from localcloud.model.events import Event, text_event, tool_events, usage_event
from localcloud.model.server import ModelError

_STOP_REASONS = {"length": "max_tokens", "tool_calls": "tool_use", "content_filter": "content_filtered"}


@dataclass
class OpenAIModel:
    """``url`` is the server's base, as ``http://127.0.0.1:11434/v1``; ``name`` the model it is asked for."""

    url: str
    name: str = "default"
    api_key: str = ""
    pace: None = None

    async def events(self, request: Mapping[str, Any], conversation: Conversation) -> AsyncGenerator[Event, None]:
        url = self.url.rstrip("/").removesuffix("/chat/completions") + "/chat/completions"
        headers = {"Authorization": f"Bearer {self.api_key}"} if self.api_key else {}
        reading = _Reading(tokens(conversation.system + "".join(text for _, text in conversation.said)))
        timeout = aiohttp.ClientTimeout(total=None, sock_connect=5, sock_read=300)
        yield "messageStart", {"role": "assistant"}
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout) as session,
                session.post(url, json=to_openai(request, self.name), headers=headers) as answer,
            ):
                if answer.status != 200:
                    raise ModelError(f"{url} answers {answer.status}: {(await answer.text())[:200]}")
                async for line in answer.content:
                    for event in reading.read(line.decode()):
                        yield event
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise ModelError(f"{url} does not answer as it should: {error}") from error
        for event in reading.end():
            yield event


@dataclass
class _Reading:
    """Turns the lines of a chat completion's stream into events, text at once and tools at the end."""

    input_tokens: int
    _text: str = ""
    _uses: dict[int, dict[str, str]] = field(default_factory=dict)
    _finish: str = "stop"
    _usage: dict[str, int] = field(default_factory=dict)

    def read(self, line: str) -> Iterator[Event]:
        data = line.strip().removeprefix("data:").strip()
        if not line.startswith("data:") or data == "[DONE]":
            return
        chunk = json.loads(data)
        self._usage = chunk.get("usage") or self._usage
        for choice in chunk.get("choices") or []:
            self._finish = choice.get("finish_reason") or self._finish
            delta = choice.get("delta") or {}
            if delta.get("content"):
                self._text += delta["content"]
                yield text_event(0, delta["content"])
            for call in delta.get("tool_calls") or []:
                self._add(call)

    def _add(self, call: Mapping[str, Any]) -> None:
        use = self._uses.setdefault(call.get("index", 0), {"id": "", "name": "", "arguments": ""})
        function = call.get("function") or {}
        use["id"] = call.get("id") or use["id"]
        use["name"] += function.get("name") or ""
        use["arguments"] += function.get("arguments") or ""

    def end(self) -> Iterator[Event]:
        if self._text:
            yield "contentBlockStop", {"contentBlockIndex": 0}
        for place, use in enumerate(self._uses.values(), start=1 if self._text else 0):
            yield from tool_events(place, use["name"], use["id"] or f"tooluse_{place}", use["arguments"] or "{}")
        reason = "tool_use" if self._uses else _STOP_REASONS.get(self._finish, "end_turn")
        yield "messageStop", {"stopReason": reason}
        yield usage_event(
            self._usage.get("prompt_tokens", self.input_tokens),
            self._usage.get("completion_tokens", tokens(self._text)),
        )


def to_openai(request: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A Converse request as one of chat completions."""
    system = "\n".join(block["text"] for block in request.get("system") or [] if "text" in block)
    messages = [{"role": "system", "content": system}] if system else []
    for message in request["messages"]:
        messages += _messages(message)
    asked: dict[str, Any] = {
        "model": name,
        "messages": messages,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    inference = request.get("inferenceConfig") or {}
    for ours, theirs in (
        ("maxTokens", "max_tokens"),
        ("temperature",) * 2,
        ("topP", "top_p"),
        ("stopSequences", "stop"),
    ):
        if ours in inference:
            asked[theirs] = inference[ours]
    tools = [tool["toolSpec"] for tool in (request.get("toolConfig") or {}).get("tools", []) if "toolSpec" in tool]
    if tools:
        asked["tools"] = [{"type": "function", "function": _function(tool)} for tool in tools]
    return asked


def _function(tool: Mapping[str, Any]) -> dict[str, Any]:
    schema = tool.get("inputSchema", {}).get("json", {"type": "object"})
    return {"name": tool["name"], "description": tool.get("description", ""), "parameters": schema}


def _messages(message: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    blocks = message["content"]
    results = [_result(block["toolResult"]) for block in blocks if "toolResult" in block]
    text = "\n".join(block["text"] for block in blocks if "text" in block)
    calls = [_call(block["toolUse"]) for block in blocks if "toolUse" in block]
    said = [{"role": message["role"], "content": text or None}] if text or calls else []
    if calls:
        said[0]["tool_calls"] = calls
    return [*results, *said]


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    parts = [part.get("text") or json.dumps(part.get("json")) for part in result.get("content") or []]
    return {"role": "tool", "tool_call_id": result["toolUseId"], "content": "\n".join(parts)}


def _call(use: Mapping[str, Any]) -> dict[str, Any]:
    function = {"name": use["name"], "arguments": json.dumps(use.get("input") or {})}
    return {"id": use["toolUseId"], "type": "function", "function": function}
