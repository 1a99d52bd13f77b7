"""Workers of the chat killed for real, in the middle of what they do: the conversation is the same in the end."""

import os
import signal
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

import psutil

from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.integration.talk import Chat


def workers(cloud: Cloud, function: str) -> list[psutil.Process]:
    """The processes that run a function of this local cloud, and of no other."""
    mine = f"{cloud.layout.temporary}/ministack-lambda-{STAGE_PREFIX}{function}-"
    found = []
    for process in psutil.Process(cloud.process.pid).children(recursive=True):
        try:
            if any(argument.startswith(mine) for argument in process.cmdline()):
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


def kill(cloud: Cloud, function: str) -> None:
    killed = workers(cloud, function)
    assert killed
    for process in killed:
        os.kill(process.pid, signal.SIGKILL)


@contextmanager
def hidden_for(cloud: Cloud, seconds: int) -> Iterator[None]:
    """Let messages whose function died come back sooner: the real time is longer than a function may run."""
    sqs, url = cloud.client("sqs"), cloud.queue_url("chat-messages.fifo")
    before = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["VisibilityTimeout"])["Attributes"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": str(seconds)})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes=before)


def test_answer_messages_killed_twice_while_the_model_speaks(chat: Chat) -> None:
    session_id, socket = chat.begin()
    chat.control("normal")
    with hidden_for(chat.cloud, 6):
        message_id = socket.say("How long does shipping take?")
        for attempt in (1, 101):
            socket.wait("delta", attempt=attempt)
            kill(chat.cloud, "answer_messages")
        message = socket.wait("message", message_id=message_id, seconds=30)
    chat.control("instant")

    assert chat.said(session_id) == [("customer", "How long does shipping take?"), ("bot", message["content"])]
    assert socket.heard("message") == [message]
    assert "".join(frame["text"] for frame in socket.heard("delta", attempt=201)) == message["content"]


def test_websocket_message_killed_while_messages_come(chat: Chat) -> None:
    session_id, socket = chat.begin()
    ids = [uuid.uuid4().hex for _ in range(6)]
    for number, message_id in enumerate(ids):
        socket.say(f"Question {number}: how do I pay?", message_id)
        if number == 2:
            kill(chat.cloud, "websocket_message")

    for number, message_id in enumerate(ids):  # as a client does that heard no `ack`
        if not socket.heard("ack", message_id=message_id):
            socket.say(f"Question {number}: how do I pay?", message_id)

    eventually(lambda: {frame["message_id"] for frame in socket.heard("message")} == set(ids), seconds=30)
    turns = chat.turns(session_id)
    assert [turn.author for turn in turns] == ["customer", "bot"] * 6
    assert sorted(str(turn.message_id) for turn in turns[::2]) == sorted(ids)
