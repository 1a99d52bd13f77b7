"""Frames: strict in what is read, bounded in what is written."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.chat import frames
from chalicelib.chat.frames import MAX_CONTENT, MAX_HISTORY_BYTES, FrameError, FrameTooLargeError, Inbound, read_frame
from chalicelib.chat.turns import Turn
from tests.builders import NOW

MESSAGE = {"action": "message", "message_id": "m1", "content": "Hi"}


def read(**frame: Any) -> Inbound:
    """A frame as a customer's; ``as_agent`` makes it an agent's."""
    agent = frame.pop("as_agent", False)
    return read_frame(json.dumps(frame), agent=agent)


@pytest.mark.parametrize(
    ("frame", "agent", "inbound"),
    [
        ({"action": "hello"}, False, Inbound("hello")),
        ({"action": "ping", "more": [1]}, False, Inbound("ping")),
        (MESSAGE, False, Inbound("message", "m1", "Hi")),
        (MESSAGE | {"content": "x" * MAX_CONTENT}, False, Inbound("message", "m1", "x" * MAX_CONTENT)),
        ({"action": "request_human"}, False, Inbound("request_human", reason="")),
        ({"action": "request_human", "reason": " late "}, False, Inbound("request_human", reason="late")),
        ({"action": "claim", "session_id": "s"}, True, Inbound("claim", session_id="s")),
        (MESSAGE | {"session_id": "s"}, True, Inbound("message", "m1", "Hi", session_id="s")),
    ],
)
def test_good_frames(frame: dict[str, Any], agent: bool, inbound: Inbound) -> None:
    assert read_frame(json.dumps(frame), agent=agent) == inbound


@pytest.mark.parametrize(
    "body", [None, "", "x", "[]", "1", '"hello"', "null", "{", "[" * 100_000, "9" * 5_000, "\ud800"]
)
def test_what_is_no_object(body: str | None) -> None:
    with pytest.raises(FrameError, match="must be a JSON object"):
        read_frame(body, agent=False)


@pytest.mark.parametrize("action", [None, "", "dance", "claim", "Message", 1, ["message"], {"a": 1}])
def test_what_customers_cannot_do(action: Any) -> None:
    with pytest.raises(FrameError, match="`action` must be one of hello, ping, message, request_human") as error:
        read(action=action, message_id="m1")
    assert (error.value.code, error.value.message_id) == ("bad_request", "m1")


def test_what_agents_cannot_do() -> None:
    with pytest.raises(FrameError, match="`action`"):
        read(as_agent=True, action="request_human")
    with pytest.raises(FrameError, match="`session_id`"):
        read(as_agent=True, **MESSAGE)


@pytest.mark.parametrize("message_id", [None, "", 1, "ü", "a b", "x" * 129, "a\n", ["a"], {}, "a#b"])
def test_message_ids(message_id: Any) -> None:
    with pytest.raises(FrameError, match="`message_id` must be 1 to 128") as error:
        read(action="message", message_id=message_id, content="Hi")
    assert error.value.message_id is None


@pytest.mark.parametrize("content", [None, "", "  \n", 1, ["Hi"], {}, True])
def test_contents(content: Any) -> None:
    with pytest.raises(FrameError, match="`content` must be") as error:
        read(action="message", message_id="m1", content=content)
    assert error.value.message_id == "m1"


def test_a_content_that_is_too_long() -> None:
    with pytest.raises(FrameTooLargeError, match="send it in parts") as error:
        read(**MESSAGE | {"content": "x" * (MAX_CONTENT + 1)})
    assert (error.value.code, error.value.message_id) == ("too_large", "m1")


@pytest.mark.parametrize("reason", [1, ["x"], "x" * 501])
def test_reasons(reason: Any) -> None:
    with pytest.raises(FrameError, match="`reason`"):
        read(action="request_human", reason=reason)


def test_halves_of_surrogate_pairs_become_question_marks() -> None:
    assert read(**MESSAGE | {"content": "a\ud800b"}).content == "a?b"
    assert read(**MESSAGE | {"content": "\ud83d\ude00"}).content == "😀"


@given(st.text())
def test_any_text_is_read_or_refused(body: str) -> None:
    with suppress(FrameError):
        assert read_frame(body, agent=False).action


@given(st.dictionaries(st.sampled_from(["action", "message_id", "content", "reason"]), st.text() | st.integers()))
def test_any_object_is_read_or_refused(frame: dict[str, Any]) -> None:
    try:
        inbound = read_frame(json.dumps(frame), agent=False)
    except FrameError:
        return
    assert inbound.content is None or inbound.content.encode()


def test_a_history_fits_into_one_message_of_a_socket() -> None:
    turns = [Turn(seq, "customer", "語" * MAX_CONTENT, int(NOW)) for seq in range(1, 51)]

    frame = frames.session("s", "active", turns)

    assert len(json.dumps(frame, ensure_ascii=False).encode()) < MAX_HISTORY_BYTES + 1_000
    assert [entry["seq"] for entry in frame["history"]] == list(range(51 - len(frame["history"]), 51))
    assert len(frame["history"]) >= 8


def test_what_clients_see_of_a_turn() -> None:
    turn = Turn(2, "bot", "Hi", int(NOW), message_id="m1", response_id="r1", agent="Ann")

    assert frames.message(turn, "s") == {
        "type": "message",
        "seq": 2,
        "author": "bot",
        "content": "Hi",
        "at": "2026-11-20T12:00:00Z",
        "message_id": "m1",
        "response_id": "r1",
        "session_id": "s",
    }
    assert frames.error("internal", "x") == {"type": "error", "code": "internal", "message": "x"}
    assert frames.handoff("waiting", "s")["session_id"] == "s"
