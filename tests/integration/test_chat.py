"""Conversations on the local cloud: in order, once, and answered whatever the model does."""

import time
import uuid
from collections.abc import Iterator

import pytest

from chalicelib.chat import persona
from localcloud.model.orders import UNAVAILABLE
from tests.iam.leave import without_statement
from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import Chat, at_once


def test_an_answer_streams_and_is_stored(chat: Chat) -> None:
    session_id, socket = chat.begin()

    message_id = socket.say("How long does shipping take?")
    message = socket.wait("message", message_id=message_id)

    kinds = [frame["type"] for frame in socket.frames]
    assert kinds[0] == "ack"
    assert kinds[-1] == "message"
    deltas = socket.heard("delta", message_id=message_id)
    assert 1 <= len(deltas) <= 20
    assert [frame["index"] for frame in deltas] == list(range(len(deltas)))
    assert "".join(frame["text"] for frame in deltas) == message["content"]
    assert chat.said(session_id) == [("customer", "How long does shipping take?"), ("bot", message["content"])]


def test_fifty_copies_at_once_are_one_message(chat: Chat) -> None:
    session_id, socket = chat.begin()
    message_id = uuid.uuid4().hex

    at_once(lambda _: socket.say("Hello", message_id), 50)

    eventually(lambda: len(socket.heard("ack", message_id=message_id)) == 50, seconds=30)
    socket.wait("message", message_id=message_id)
    assert {frame["seq"] for frame in socket.heard("ack")} == {1}
    assert socket.heard("error") == []
    assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]
    assert len({frame["content"] for frame in socket.heard("message")}) == 1


@pytest.fixture
def no_order_looked_up(cloud: Cloud) -> Iterator[None]:
    """``look_up_order`` is throttled: all that it has reserved is in use."""
    function, functions = "frontdesk-local-look_up_order", cloud.client("lambda")
    functions.put_function_concurrency(FunctionName=function, ReservedConcurrentExecutions=0)
    yield
    functions.delete_function_concurrency(FunctionName=function)


@pytest.mark.usefixtures("no_order_looked_up")
def test_while_too_many_orders_are_looked_up_the_answer_says_so(chat: Chat) -> None:
    session_id, socket = chat.begin()

    answer = socket.ask("Where is my order 1001? My address is aiko@example.com.")

    assert answer == UNAVAILABLE
    assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]


def test_twenty_messages_at_once_are_answered_in_order(chat: Chat) -> None:
    session_id, socket = chat.begin()

    at_once(lambda number: socket.say(f"Question number {number}: how do I pay?", f"m{number}"), 20)

    eventually(lambda: len(socket.heard("message")) == 20, seconds=40)
    turns = chat.turns(session_id)
    assert [turn.author for turn in turns] == ["customer", "bot"] * 20
    assert [turn.seq for turn in turns] == list(range(1, 41))
    assert all(
        answer.message_id == question.message_id for question, answer in zip(turns[::2], turns[1::2], strict=True)
    )
    assert {(frame["message_id"], frame["seq"]) for frame in socket.heard("ack")} == {
        (turn.message_id, turn.seq) for turn in turns[::2]
    }
    assert [frame["seq"] for frame in socket.heard("message")] == list(range(2, 41, 2))


def test_sessions_do_not_wait_for_one_another(chat: Chat) -> None:
    talks = [chat.begin() for _ in range(4)]

    at_once(lambda number: talks[number][1].say(f"Hello {number}"), 4)

    for session_id, socket in talks:
        socket.wait("message")
        assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]


class TestARepeatedMessage:
    def test_is_answered_from_what_is_stored(self, chat: Chat) -> None:
        session_id, socket = chat.begin()
        message_id = socket.say("Hello")
        first = socket.wait("message", message_id=message_id)

        socket.say("Something else under the same id", message_id)

        eventually(lambda: len(socket.heard("message")) == 2)
        assert socket.heard("message") == [first, first]
        assert [frame["seq"] for frame in socket.heard("ack")] == [1, 1]
        assert len(chat.turns(session_id)) == 2

    def test_is_answered_beyond_the_rate_limit(self, chat: Chat) -> None:
        session_id, socket = chat.begin()
        message_id = socket.say("Hello")
        socket.wait("message")
        chat.set_meta(session_id, allowed_at=int(time.time() + 3600) * 1000)

        socket.say("Hello", message_id)
        socket.say("Something new", "new")

        assert socket.wait("error")["message_id"] == "new"
        assert socket.heard("error")[0]["code"] == "rate_limited"
        assert len(socket.heard("message")) == 2

    def test_is_answered_in_a_closed_session_which_takes_no_other(self, chat: Chat) -> None:
        session_id, socket = chat.begin()
        message_id = socket.say("Hello")
        socket.wait("message")
        chat.set_meta(session_id, status="closed")

        socket.say("Hello", message_id)
        socket.say("Something new")

        assert socket.wait("error")["code"] == "session_closed"
        assert len(socket.heard("message")) == 2
        socket.send(action="hello")
        assert socket.wait("session")["status"] == "closed"


class TestAcknowledgements:
    def test_none_when_the_table_refuses(self, chat: Chat) -> None:
        session_id, socket = chat.begin()

        with without_statement(chat.cloud, "websocket_message", "UseSessions"):
            message_id = socket.say("Hello")
            error = socket.wait("error")

        assert error["code"] == "unavailable"
        assert socket.heard("ack") == []
        assert chat.turns(session_id) == []
        socket.say("Hello", message_id)
        assert socket.wait("message", message_id=message_id)

    def test_none_when_the_queue_refuses(self, chat: Chat) -> None:
        session_id, socket = chat.begin()

        with without_statement(chat.cloud, "websocket_message", "QueueSessions"):
            message_id = socket.say("Hello")
            error = socket.wait("error")

        assert (error["code"], error["message_id"]) == ("unavailable", message_id)
        assert socket.heard("ack") == []
        socket.say("Hello", message_id)
        assert socket.wait("message", message_id=message_id)
        assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]


def test_an_answer_that_the_table_refuses_is_stored_by_the_turn_writer(chat: Chat) -> None:
    session_id, socket = chat.begin()

    with chat.model("slow-first-token", seconds=2, times=1):
        message_id = socket.say("Hello")
        socket.wait("ack")
        time.sleep(1)
        with without_statement(chat.cloud, "answer_messages", "UseSessions"):
            eventually(lambda: len(chat.turns(session_id)) == 2, seconds=20)

    assert socket.wait("message", message_id=message_id)["content"] == chat.turns(session_id)[1].content
    assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]


FAULTS = [
    ("throttle", {"times": 2}, None),
    ("unavailable", {"times": 1}, None),
    ("break", {"times": 1}, None),
    ("disconnect", {"times": 1}, None),
    ("empty", {"times": 1}, None),
    ("throttle", {}, persona.APOLOGY),
    ("break", {}, persona.APOLOGY),
    ("filter", {"times": 1}, persona.FILTERED),
    ("guardrail", {"times": 1}, persona.FILTERED),
    ("max-tokens", {"times": 1}, persona.CUT_OFF),
]


@pytest.mark.parametrize(("fault", "how", "ends"), FAULTS)
def test_the_turn_is_answered_once_however_the_model_fails(
    chat: Chat, fault: str, how: dict[str, int], ends: str | None
) -> None:
    session_id, socket = chat.begin()

    with chat.model(fault, **how):
        answer = socket.ask("How long does shipping take?", seconds=30)

    if ends is None:
        assert "working day" in answer
    else:
        assert answer.endswith(ends)
    assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]
    attempts = [frame["attempt"] for frame in socket.heard("delta")]
    assert attempts == sorted(attempts)


def test_silence_is_not_waited_for_without_end(chat: Chat) -> None:
    """Both at once, since each takes the twelve seconds that the model may be silent."""
    first, second = chat.begin(), chat.begin()

    with chat.model("stall", times=1):
        one = first[1].say("How long does shipping take?")
        first[1].wait("delta")
    with chat.model("slow-first-token", times=1, seconds=60):
        two = second[1].say("How long does shipping take?")
        time.sleep(1)

    for (session_id, socket), message_id in ((first, one), (second, two)):
        assert "working day" in socket.wait("message", message_id=message_id, seconds=30)["content"]
        assert [author for author, _ in chat.said(session_id)] == ["customer", "bot"]
    assert {frame["attempt"] for frame in first[1].heard("delta")} == {1, 2}


class TestAClientThatGoes:
    def test_finds_the_answer_in_the_history(self, chat: Chat) -> None:
        opened = chat.open()
        socket = chat.connect(opened)
        with chat.model("slow-first-token", seconds=1, times=1):
            message_id = socket.say("Hello")
            socket.wait("ack")
            socket.close()
            eventually(lambda: len(chat.turns(opened["session_id"])) == 2)

        again = chat.connect(chat.open(token=opened["token"]))
        again.send(action="hello")

        history = again.wait("session")["history"]
        assert [entry["author"] for entry in history] == ["customer", "bot"]
        assert {entry["message_id"] for entry in history} == {message_id}

    def test_gets_a_new_attempt_when_it_comes_back_meanwhile(self, chat: Chat) -> None:
        opened = chat.open()
        socket = chat.connect(opened)
        chat.control("normal")
        message_id = socket.say("How long does shipping take?")
        socket.wait("delta")
        again = chat.connect(chat.open(token=opened["token"]))
        message = again.wait("message", message_id=message_id)
        chat.control("instant")

        deltas = again.heard("delta")
        assert deltas[0]["attempt"] > 1
        assert [frame["index"] for frame in deltas] == list(range(len(deltas)))
        assert "".join(frame["text"] for frame in deltas) == message["content"]
        assert socket.wait("error")["code"] == "unauthorized"
