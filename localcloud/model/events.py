"""An answer as the events of a Converse stream, and those events as the answer of Converse."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from localcloud.model.dialogue import Answer, tokens

Event = tuple[str, Mapping[str, Any]]
"""The kind of an event, as ``contentBlockDelta``, and its payload."""


def answer_events(answer: Answer, input_tokens: int) -> Iterator[Event]:
    """The stream of an answer, a word an event."""
    yield "messageStart", {"role": "assistant"}
    if answer.tool:
        yield from tool_events(0, answer.tool, answer.tool_use_id, json.dumps(answer.arguments))
    elif answer.text:
        for word in answer.text.replace(" ", " \0").split("\0"):
            yield text_event(0, word)
        yield "contentBlockStop", {"contentBlockIndex": 0}
    yield "messageStop", {"stopReason": answer.stop_reason}
    yield usage_event(input_tokens, tokens(answer.text) or 20)


def text_event(index: int, text: str) -> Event:
    return "contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": text}}


def tool_events(index: int, name: str, identifier: str, arguments: str) -> Iterator[Event]:
    """The use of a tool; its input comes in two parts."""
    use = {"toolUse": {"toolUseId": identifier, "name": name}}
    yield "contentBlockStart", {"contentBlockIndex": index, "start": use}
    middle = len(arguments) // 2
    for part in (arguments[:middle], arguments[middle:]):
        yield "contentBlockDelta", {"contentBlockIndex": index, "delta": {"toolUse": {"input": part}}}
    yield "contentBlockStop", {"contentBlockIndex": index}


def usage_event(input_tokens: int, output_tokens: int) -> Event:
    usage = {
        "inputTokens": input_tokens,
        "outputTokens": output_tokens,
        "totalTokens": input_tokens + output_tokens,
    }
    return "metadata", {"usage": usage, "metrics": {"latencyMs": 0}}


def fold(events: Iterable[Event]) -> dict[str, Any]:
    """What Converse answers in place of a stream."""
    texts: dict[int, str] = {}
    uses: dict[int, dict[str, Any]] = {}
    answer: dict[str, Any] = {}
    for kind, payload in events:
        index = payload.get("contentBlockIndex", 0)
        if kind == "contentBlockStart":
            uses[index] = payload["start"]["toolUse"]
        elif kind == "contentBlockDelta":
            delta = payload["delta"]
            texts[index] = texts.get(index, "") + (delta.get("text") or delta.get("toolUse", {}).get("input", ""))
        elif kind in ("messageStop", "metadata"):
            answer |= payload
    content = [
        {"toolUse": {**uses[index], "input": json.loads(text or "{}")}} if index in uses else {"text": text}
        for index, text in sorted(texts.items())
    ]
    return {"output": {"message": {"role": "assistant", "content": content}}, **answer}
