"""A Converse request, as much of it as an answer depends on."""

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NUMBERED_ORDER = re.compile(r"(?:\border\b|\bnumber\b|#)[^\d\n]{0,16}#?(\d{3,10})\b", re.IGNORECASE)
_BARE_NUMBER = re.compile(r"(?<![\w.@-])#?(\d{4,10})(?![\w@-])")


class InvalidRequestError(Exception):
    """What Bedrock answers with a ValidationException, and why."""


@dataclass(frozen=True)
class ToolResult:
    """What a tool answered: its name, what it was asked, and its answer as a value of JSON."""

    tool: str
    asked: Mapping[str, Any]
    answer: Any
    failed: bool


@dataclass(frozen=True)
class Conversation:
    """``said`` holds role and text of every message that has text, the oldest first."""

    system: str
    said: Sequence[tuple[str, str]]
    tools: frozenset[str]
    results: Sequence[ToolResult]
    max_tokens: int | None

    @property
    def question(self) -> str:
        """The last thing that the user said."""
        return next((text for role, text in reversed(self.said) if role == "user"), "")

    @property
    def last_answer(self) -> str:
        return next((text for role, text in reversed(self.said) if role == "assistant"), "")

    @property
    def email(self) -> str | None:
        """The e-mail address that the customer gave, the last one."""
        found = [address for role, text in self.said if role == "user" for address in _EMAIL.findall(text)]
        return found[-1] if found else None

    @property
    def order(self) -> str | None:
        """The order that is talked about: the one named last by either side."""
        for _, text in reversed(self.said):
            if number := order_in(text):
                return number
        return None


def order_in(text: str) -> str | None:
    """The order number in a text."""
    without_addresses = _EMAIL.sub(" ", text)
    found = _NUMBERED_ORDER.search(without_addresses) or _BARE_NUMBER.search(without_addresses)
    return found.group(1) if found else None


def gives_email(text: str) -> bool:
    return bool(_EMAIL.search(text))


def read_conversation(request: Any) -> Conversation:
    """A request's body, checked as Bedrock checks it. ``InvalidRequestError`` says what is wrong."""
    if not isinstance(request, dict) or not isinstance(request.get("messages"), list) or not request["messages"]:
        raise InvalidRequestError("A conversation must have messages.")
    messages = request["messages"]
    _check_roles(messages)
    blocks = [block for message in messages for block in message["content"]]
    used = {block["toolUse"]["toolUseId"]: block["toolUse"] for block in blocks if "toolUse" in block}
    if any("toolUse" in block or "toolResult" in block for block in blocks) and not request.get("toolConfig"):
        raise InvalidRequestError(
            "The toolConfig field must be defined when using toolUse and toolResult content blocks."
        )
    said = [(message["role"], text) for message in messages if (text := _text(message["content"]))]
    return Conversation(
        system=_text(request.get("system") or []),
        said=said,
        tools=frozenset(
            tool["toolSpec"]["name"]
            for tool in (request.get("toolConfig") or {}).get("tools", [])
            if "toolSpec" in tool
        ),
        results=[_result(block["toolResult"], used) for block in messages[-1]["content"] if "toolResult" in block],
        max_tokens=(request.get("inferenceConfig") or {}).get("maxTokens"),
    )


def _check_roles(messages: Sequence[Any]) -> None:
    expected = "user"
    awaited: set[str] = set()
    for message in messages:
        if message.get("role") != expected:
            raise InvalidRequestError(
                "A conversation must start with a user message."
                if message is messages[0]
                else "A conversation must alternate between user and assistant roles."
            )
        if not message.get("content"):
            raise InvalidRequestError("The content field in the Message object is empty.")
        if any("text" in block and not block["text"].strip() for block in message["content"]):
            raise InvalidRequestError("The text field in the ContentBlock object is blank.")
        answered = {block["toolResult"]["toolUseId"] for block in message["content"] if "toolResult" in block}
        if answered != awaited:
            raise InvalidRequestError("Every toolUse needs a toolResult with its id in the next message, and no other.")
        awaited = {block["toolUse"]["toolUseId"] for block in message["content"] if "toolUse" in block}
        expected = "assistant" if expected == "user" else "user"
    if expected == "user":
        raise InvalidRequestError("The conversation must end with a user message.")


def _result(block: Mapping[str, Any], used: Mapping[str, Any]) -> ToolResult:
    use = used[block["toolUseId"]]
    contents = block.get("content") or [{}]
    answer = contents[0].get("json", contents[0].get("text"))
    if isinstance(answer, str):
        with contextlib.suppress(ValueError):
            answer = json.loads(answer)
    return ToolResult(use["name"], use.get("input") or {}, answer, failed=block.get("status") == "error")


def _text(blocks: Sequence[Mapping[str, Any]]) -> str:
    return "\n".join(block["text"] for block in blocks if block.get("text"))
