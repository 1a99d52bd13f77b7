"""The language model, through Bedrock's ConverseStream: a stream of plain events, and its failures in classes.

Formats: the Amazon Bedrock API reference, ConverseStream.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError, EventStreamError

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
            answer = self.client().converse_stream(**request)
            yield from read_stream(answer["stream"])
        except EventStreamError as error:
            raise ModelError(_code(error), retryable=_code(error) not in _FATAL_IN_STREAM) from error
        except ClientError as error:
            raise ModelError(_code(error), retryable=_code(error) not in _FATAL) from error
        except BotoCoreError as error:
            raise ModelError(type(error).__name__, retryable=True) from error


def _code(error: ClientError) -> str:
    return str(error.response["Error"]["Code"])


@dataclass
class _Reader:
    """What is known of a stream so far: the tool whose arguments come in pieces, and how the answer ended."""

    tool: Mapping[str, str] | None = None
    arguments: list[str] = field(default_factory=list)
    reason: str | None = None
    tokens: int = 0

    def read(self, event: Mapping[str, Any]) -> ModelEvent | None:
        """Take in one event; what it completes, if anything."""
        ((kind, content),) = event.items()
        match kind:
            case "contentBlockStart":
                self.tool, self.arguments = content.get("start", {}).get("toolUse"), []
            case "contentBlockDelta":
                return self._read_delta(content["delta"])
            case "contentBlockStop" if self.tool:
                tool, self.tool = self.tool, None
                return ToolUse(tool["toolUseId"], tool["name"], _arguments("".join(self.arguments)))
            case "messageStop":
                self.reason = content["stopReason"]
            case "metadata":
                self.tokens = content.get("usage", {}).get("totalTokens", 0)
        return None

    def _read_delta(self, delta: Mapping[str, Any]) -> ModelEvent | None:
        if "toolUse" in delta:
            self.arguments.append(delta["toolUse"].get("input", ""))
        return Text(delta["text"]) if delta.get("text") else None


def read_stream(stream: Iterable[Mapping[str, Any]]) -> Iterator[ModelEvent]:
    """The events of a stream as plain values. One that ends without having stopped raises ``ModelError``."""
    reader = _Reader()
    for event in stream:
        if (completed := reader.read(event)) is not None:
            yield completed
    if reader.reason is None:
        raise ModelError("The stream ended without a stop.", retryable=True)
    yield Stop(reader.reason, reader.tokens)


def _arguments(text: str) -> Mapping[str, Any]:
    try:
        arguments = json.loads(text or "{}")
    except ValueError:
        return {}
    return arguments if isinstance(arguments, dict) else {}
