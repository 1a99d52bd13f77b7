"""Replies: one question put to the model, with its tools, as deltas while it comes and as a text in the end."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.chat import persona
from chalicelib.chat.model import ModelError, ModelEvent, Stop, Text, ToolUse
from chalicelib.chat.prompt import Message, estimate_request

ATTEMPTS = 3
TOOL_ROUNDS = 3
FIRST_PAUSE_SECONDS = 0.5


class Model(Protocol):
    def stream(
        self, system: str, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[ModelEvent]:
        """The model's answer as it comes; ``ModelError`` when it breaks off."""


class Sender(Protocol):
    """Shows a reply while it comes."""

    def begin(self) -> None:
        """A new attempt: what was shown of earlier ones counts no more."""

    def add(self, text: str) -> None:
        """More of the reply."""

    def flush(self) -> None:
        """Show what is still held back."""


Tool = Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""Carries out a tool with the model's arguments, which may be anything; the result is JSON."""


class LateError(ModelError):
    """There is no time left for a whole answer."""

    def __init__(self) -> None:
        super().__init__("The model takes longer than there is time.", retryable=False)


@dataclass(frozen=True)
class Reply:
    """A finished reply. ``tokens`` is what the model charged, of attempts that broke off an estimate.

    ``complete`` is False for an apology.
    """

    text: str
    tokens: int
    complete: bool = True


@dataclass
class Heard:
    """One request to the model, and what it costs: what its ``Stop`` says, an estimate when that never comes.

    A request to which nothing came costs nothing.
    """

    system: str
    messages: Sequence[Message]
    said: list[str] = field(default_factory=list, init=False)
    charged: int | None = field(default=None, init=False)

    def listen(self, model: Model, tools: Sequence[Mapping[str, Any]] = ()) -> Iterator[ModelEvent]:
        """Ask the model; the events of its answer."""
        for event in model.stream(self.system, self.messages, tools):
            match event:
                case Text(text):
                    self.said.append(text)
                case ToolUse():
                    self.said.append(json.dumps(event.arguments, default=str))
                case Stop():
                    self.charged = event.tokens
            yield event

    @property
    def tokens(self) -> int:
        if self.charged is not None:
            return self.charged
        return estimate_request(self.system, self.messages, "".join(self.said)) if self.said else 0


@dataclass
class Replying:
    """Asks the model. ``deadline`` is when a reply must be finished, by ``clock``, in seconds."""

    model: Model
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    deadline: float
    tokens: int = field(default=0, init=False)

    def reply(self, system: str, messages: Sequence[Message], tools: Mapping[str, Tool], sender: Sender) -> Reply:
        """The model's reply; an honest apology when it fails, however often it was asked."""
        for attempt in range(ATTEMPTS):
            sender.begin()
            try:
                text = self._converse(system, list(messages), tools, sender)
            except ModelError as error:
                telemetry.logger.warning("model failed", attempt=attempt + 1, detail=str(error))
                telemetry.count("ModelFailures", reason=_reason(error))
                if not error.retryable or attempt + 1 == ATTEMPTS or not self._pause(attempt):
                    break
                continue
            sender.flush()
            return Reply(text, self.tokens)
        telemetry.count("Apologies")
        return Reply(persona.APOLOGY, self.tokens, complete=False)

    def _converse(self, system: str, messages: list[Message], tools: Mapping[str, Tool], sender: Sender) -> str:
        """Ask until the model is done with its tools; returns all that it said."""
        said: list[str] = []
        for _ in range(TOOL_ROUNDS + 1):
            spoken, uses, stop = self._listen(system, messages, sender, tools, after=bool(said))
            said += [spoken] if spoken.strip() else []
            if stop != "tool_use" or not uses:
                return _finished(said, stop)
            if self.clock() > self.deadline:
                raise LateError
            content = ([{"text": spoken}] if spoken.strip() else []) + [_use_block(use) for use in uses]
            results = [_result_block(use, _run(tools, use)) for use in uses]
            messages += [{"role": "assistant", "content": content}, {"role": "user", "content": results}]
        return _finished(said, "max_tokens")

    def _listen(
        self, system: str, messages: Sequence[Message], sender: Sender, tools: Mapping[str, Tool], *, after: bool
    ) -> tuple[str, list[ToolUse], str]:
        spoken: list[str] = []
        uses: list[ToolUse] = []
        heard = Heard(system, messages)
        try:
            for event in heard.listen(self.model, persona.TOOLS if tools else ()):
                if self.clock() > self.deadline:
                    raise LateError
                match event:
                    case Text(text):
                        sender.add(text if spoken or not after else f"\n\n{text}")
                        spoken.append(text)
                    case ToolUse():
                        uses.append(event)
                    case Stop(reason):
                        return "".join(spoken), uses, reason
        finally:
            self.tokens += heard.tokens
        raise ModelError("The stream ended without a stop.", retryable=True)

    def _pause(self, attempt: int) -> bool:
        """Wait before the next attempt; whether there is time for one."""
        pause = FIRST_PAUSE_SECONDS * 2**attempt
        if self.clock() + pause >= self.deadline:
            return False
        self.sleep(pause)
        return True


def _finished(said: Sequence[str], stop: str) -> str:
    text = "\n\n".join(said).strip()
    if stop in ("content_filtered", "guardrail_intervened"):
        return persona.FILTERED
    if stop in ("max_tokens", "model_context_window_exceeded"):
        return f"{text} {persona.CUT_OFF}".strip()
    if not text or stop not in ("end_turn", "stop_sequence", "tool_use"):
        raise ModelError(f"The model said nothing whole; it stopped with {stop}.", retryable=True)
    return text


def _run(tools: Mapping[str, Tool], use: ToolUse) -> Mapping[str, Any]:
    tool = tools.get(use.name)
    if tool is None:
        return {"error": f"There is no tool {use.name}."}
    return tool(use.arguments)


def _use_block(use: ToolUse) -> dict[str, Any]:
    return {"toolUse": {"toolUseId": use.id, "name": use.name, "input": dict(use.arguments)}}


def _result_block(use: ToolUse, result: Mapping[str, Any]) -> dict[str, Any]:
    status = "error" if "error" in result else "success"
    content = [{"json": json.loads(json.dumps(result, default=str))}]
    return {"toolResult": {"toolUseId": use.id, "content": content, "status": status}}


def _reason(error: ModelError) -> str:
    return "deadline" if isinstance(error, LateError) else "retryable" if error.retryable else "fatal"
