"""The language model, through Bedrock's ConverseStream: a stream of plain events, and its failures in classes.

Formats: the Amazon Bedrock API reference, ConverseStream.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from botocore.eventstream import ParserError
from botocore.exceptions import BotoCoreError, ClientError, EventStreamError
from urllib3.exceptions import HTTPError

from chalicelib.chat.prompt import Message
from chalicelib.errors import FrontdeskError

MAX_TOKENS = 1024


@dataclass(frozen=True)
class Text:
    """A piece of the answer."""

    text: str


@dataclass(frozen=True)
class ToolUse:
    """The model asks for a tool. ``arguments`` is what it wrote, which may be anything."""

    id: str
    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Stop:
    """The end of an answer, and why; ``tokens`` is what it cost."""

    reason: str
    tokens: int = 0


ModelEvent: TypeAlias = Text | ToolUse | Stop


class ModelError(FrontdeskError):
    """The model did not answer, or not to the end. ``retryable`` when the same request may succeed."""

    code = "unavailable"

    def __init__(self, message: str, *, retryable: bool) -> None:
        super().__init__(message)
        self.retryable = retryable


_FATAL = frozenset({"AccessDeniedException", "ResourceNotFoundException", "ValidationException"})
_FATAL_IN_STREAM = frozenset({"validationException", "ValidationException"})


@dataclass(frozen=True)
class Guardrail:
    identifier: str
    version: str


@dataclass(frozen=True)
class BedrockModel:
    """A model of Bedrock's. ``client`` gives a bedrock-runtime client, whose time limits are the model's deadlines."""

    client: Callable[[], Any]
    model_id: str
    guardrail: Guardrail | None = None

    def stream(
        self, system: str, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[ModelEvent]:
        """The model's answer as it comes, ending with a ``Stop``; ``ModelError`` before that when it breaks off."""
        request: dict[str, Any] = {
            "modelId": self.model_id,
            "messages": list(messages),
            "system": [{"text": system}],
            "inferenceConfig": {"maxTokens": MAX_TOKENS},
        }
        if tools:
            request["toolConfig"] = {"tools": list(tools)}
        if self.guardrail:
            request["guardrailConfig"] = {
                "guardrailIdentifier": self.guardrail.identifier,
                "guardrailVersion": self.guardrail.version,
            }
        try:
            with closing(self.client().converse_stream(**request)["stream"]) as stream:
                yield from read_stream(stream)
        except EventStreamError as error:
            raise ModelError(_code(error), retryable=_code(error) not in _FATAL_IN_STREAM) from error
        except ClientError as error:
            raise ModelError(_code(error), retryable=_code(error) not in _FATAL) from error
        except (BotoCoreError, HTTPError, ParserError) as error:
            # Once a stream has begun, botocore passes on what urllib3 and its own parser raise.
            raise ModelError(type(error).__name__, retryable=True) from error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


@dataclass
class _Reader:
    """What is known of a stream so far: tools whose arguments come in pieces, by their block, and how it ended."""

    tools: dict[int, tuple[Mapping[str, str], list[str]]] = field(default_factory=dict)
    reason: str | None = None
    tokens: int = 0

    def read(self, kind: str, content: Mapping[str, Any]) -> ModelEvent | None:
        """Take in one event; what it completes, if anything. Kinds that are not known mean nothing."""
        block = content.get("contentBlockIndex", 0)
        match kind:
            case "contentBlockStart" if tool := content.get("start", {}).get("toolUse"):
                self.tools[block] = (tool, [])
            case "contentBlockDelta":
                return self._read_delta(block, content.get("delta", {}))
            case "contentBlockStop" if block in self.tools:
                tool, pieces = self.tools.pop(block)
                return ToolUse(tool["toolUseId"], tool["name"], _arguments("".join(pieces)))
            case "messageStop":
                self.reason = content.get("stopReason")
            case "metadata":
                self.tokens = content.get("usage", {}).get("totalTokens", 0)
        return None

    def _read_delta(self, block: int, delta: Mapping[str, Any]) -> ModelEvent | None:
        if block in self.tools and "toolUse" in delta:
            self.tools[block][1].append(delta["toolUse"].get("input", ""))
        return Text(delta["text"]) if delta.get("text") else None


def read_stream(stream: Iterable[Mapping[str, Any]]) -> Iterator[ModelEvent]:
    """The events of a stream as plain values. One that ends without having stopped raises ``ModelError``."""
    reader = _Reader()
    for event in stream:
        for kind, content in event.items():
            if (completed := reader.read(kind, content)) is not None:
                yield completed
    if reader.reason is None:
        raise ModelError("The stream ended without a stop.", retryable=True)
    yield Stop(reader.reason, reader.tokens)


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except (ValueError, RecursionError):
        return {}
    return arguments if isinstance(arguments, dict) else {}
