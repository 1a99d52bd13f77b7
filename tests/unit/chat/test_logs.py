"""What the chat logs: every line of a conversation names its session, and none what was said."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import telemetry
from chalicelib.aws.batches import read_batch
from chalicelib.chat.model import ModelError
from tests.unit.chat.world import World


@pytest.fixture(autouse=True)
def run() -> Iterator[None]:
    """As Lambda begins each run."""
    telemetry.logger.clear_state()
    yield
    telemetry.logger.clear_state()


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [line for line in found if "_aws" not in line]


def test_a_conversation_is_found_by_its_session(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    session_id = world.begin()
    world.say("My number is 4711.")
    world.model.scripts = [[ModelError("ThrottlingException", retryable=True)]]
    world.session_queue.process(read_batch({"Records": [{"messageId": "q1", "body": session_id}]}))
    world.clock.now += 1
    world.send(action="request_human", reason="4711 is broken.")

    found = lines(capsys)

    assert {line["session_id"] for line in found} == {session_id}
    told = [line["message"] for line in found]
    assert [name for name in told if name != "model failed"] == [
        "session opened",
        "message taken",
        "message answered",
        "session handed over",
    ]
    assert "model failed" in told
    assert "4711" not in json.dumps(found)


def test_what_an_agent_does_wrong_names_the_session(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    ticket, _ = world.tokens.ticket(agent="ana")
    world.reception.connect("a1", {"ticket": ticket})
    world.sockets.broken.add("a1")

    world.send("a1", action="claim", session_id="s7")

    assert {line["session_id"] for line in lines(capsys)} == {"s7"}
