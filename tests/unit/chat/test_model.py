"""The model: streams as Bedrock sends them, and as it should not."""

from collections.abc import Iterator
from typing import Any

import pytest
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st
from urllib3.exceptions import ProtocolError

from chalicelib.chat.model import BedrockModel, Guardrail, ModelError, Stop, Text, ToolUse, read_stream

START = {"messageStart": {"role": "assistant"}}
STOP = {"messageStop": {"stopReason": "end_turn"}}
USAGE = {"metadata": {"usage": {"inputTokens": 5, "outputTokens": 2, "totalTokens": 7}, "metrics": {"latencyMs": 400}}}


def text(words: str, block: int = 0) -> dict[str, Any]:
    return {"contentBlockDelta": {"contentBlockIndex": block, "delta": {"text": words}}}


def end(block: int = 0) -> dict[str, Any]:
    return {"contentBlockStop": {"contentBlockIndex": block}}


def tool(*pieces: str, block: int = 1) -> list[dict[str, Any]]:
    start = {"toolUse": {"toolUseId": f"t{block}", "name": "look_up_order"}}
    deltas = [{"contentBlockIndex": block, "delta": {"toolUse": {"input": piece}}} for piece in pieces]
    return [
        {"contentBlockStart": {"contentBlockIndex": block, "start": start}},
        *({"contentBlockDelta": delta} for delta in deltas),
        end(block),
    ]


def test_a_text() -> None:
    events = [START, text("Hel"), text(""), text("lo"), end(), STOP, USAGE]

    assert list(read_stream(events)) == [Text("Hel"), Text("lo"), Stop("end_turn", 7)]


def test_a_text_and_two_tools() -> None:
    stop = {"messageStop": {"stopReason": "tool_use"}}
    events = [START, text("So"), end(), *tool('{"num', 'ber": "1"}'), *tool(block=2), stop, USAGE]

    assert list(read_stream(events)) == [
        Text("So"),
        ToolUse("t1", "look_up_order", {"number": "1"}),
        ToolUse("t2", "look_up_order", {}),
        Stop("tool_use", 7),
    ]


@pytest.mark.parametrize("rubbish", ["{", "[1]", "null", '"x"', "1", "[" * 5_000, "\ud800"])
def test_arguments_that_are_rubbish_are_none(rubbish: str) -> None:
    (use, _) = read_stream([*tool(rubbish), STOP])
    assert use == ToolUse("t1", "look_up_order", {})


@given(st.permutations([START, text("a"), text("b", 3), *tool('{"a": 1}'), end(), STOP, USAGE, {"news": {}}, {}]))
def test_any_order_is_read(events: list[dict[str, Any]]) -> None:
    read = list(read_stream(events))

    assert {event.text for event in read if isinstance(event, Text)} == {"a", "b"}
    assert read[-1] == Stop("end_turn", 7)


def test_a_stream_without_an_end_is_an_error() -> None:
    with pytest.raises(ModelError) as error:
        list(read_stream([START, text("Hel")]))
    assert error.value.retryable


class FakeStream:
    def __init__(self, *events: Any) -> None:
        self.events, self.closed = events, False

    def __iter__(self) -> Iterator[Any]:
        for event in self.events:
            if isinstance(event, Exception):
                raise event
            yield event

    def close(self) -> None:
        self.closed = True


class FakeClient:
    def __init__(self, answer: Any) -> None:
        self.answer, self.requests = answer, list[dict[str, Any]]()

    def converse_stream(self, **request: Any) -> Any:
        self.requests.append(request)
        if isinstance(self.answer, Exception):
            raise self.answer
        return {"stream": self.answer}


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "m"}}, "ConverseStream")


def broken(code: str) -> EventStreamError:
    return EventStreamError({"Error": {"Code": code, "Message": "m"}}, "ConverseStream")


TIMEOUT = ReadTimeoutError(endpoint_url="http://bedrock")


@pytest.mark.parametrize(
    ("answer", "retryable"),
    [
        *(
            (refused(f"{name}Exception"), True)
            for name in ("Throttling", "ModelNotReady", "ModelTimeout", "ModelError")
        ),
        *((refused(f"{name}Exception"), True) for name in ("InternalServer", "ServiceUnavailable")),
        *((refused(f"{name}Exception"), False) for name in ("Validation", "AccessDenied", "ResourceNotFound")),
        (TIMEOUT, True),
        *((FakeStream(text("a"), broken(f"{name}Exception")), True) for name in ("modelStreamError", "throttling")),
        *((FakeStream(broken(f"{name}Exception")), True) for name in ("internalServer", "serviceUnavailable")),
        (FakeStream(text("a"), broken("validationException")), False),
        (FakeStream(text("a"), ProtocolError("cut")), True),
        (FakeStream(text("a"), ParserError("rubbish")), True),
        (FakeStream(text("a"), TIMEOUT), True),
        (FakeStream(text("a")), True),
    ],
)
def test_failures(answer: Any, retryable: bool) -> None:
    model = BedrockModel(lambda: FakeClient(answer), "model")

    with pytest.raises(ModelError) as error:
        list(model.stream("system", []))

    assert error.value.retryable is retryable
    assert not isinstance(answer, FakeStream) or answer.closed


def test_a_stream_that_nobody_wants_any_more_is_closed() -> None:
    stream = FakeStream(text("a"), text("b"), STOP)

    events = BedrockModel(lambda: FakeClient(stream), "model").stream("system", [])
    assert next(events) == Text("a")
    events.close()  # type: ignore[attr-defined]

    assert stream.closed


def test_the_request() -> None:
    client = FakeClient(FakeStream(STOP))
    model = BedrockModel(lambda: client, "model", Guardrail("g", "3"))

    list(model.stream("Rules.", [{"role": "user", "content": [{"text": "Hi"}]}], [{"toolSpec": {}}]))

    assert client.requests == [
        {
            "modelId": "model",
            "messages": [{"role": "user", "content": [{"text": "Hi"}]}],
            "system": [{"text": "Rules."}],
            "inferenceConfig": {"maxTokens": 1024},
            "toolConfig": {"tools": [{"toolSpec": {}}]},
            "guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "3"},
        }
    ]
