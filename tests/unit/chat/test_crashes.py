"""The process ends after any write or send, and whoever repeats its work ends with the same conversation.

The number of requests proves that each of them was a point at which it ended.
"""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws.batches import QueueMessage
from chalicelib.chat.model import Stop, Text, ToolUse
from tests.builders import NOW
from tests.fakes import Killed, Requests
from tests.unit.chat.world import World

QUESTION = json.dumps({"action": "message", "message_id": "m1", "content": "Hi"})
LOOK_UP = [ToolUse("t", "look_up_order", {"number": "1001"}), Stop("tool_use")]
WISH = [ToolUse("t", "request_human", {"reason": "x"}), Stop("tool_use")]
ANSWER = [Text("Hello "), Text("there."), Stop("end_turn")]


class Fragile:
    """Ends the process after the n-th of all writes, queue sends and frames; ``at`` 0 never."""

    def __init__(self, world: World, at: int) -> None:
        self.at, self.made = at, 0
        self._wrap(world.requests)
        for thing, name in ((world.queue, "send"), (world.sockets, "send")):
            self._wrap_method(thing, name)

    def _wrap(self, requests: Requests) -> None:
        client, fragile = requests.client, self

        class Client:
            def __getattr__(self, name: str) -> Any:
                method = getattr(client, name)
                return fragile.counted(method) if name in requests.counted else method

        requests.client = Client()

    def _wrap_method(self, thing: Any, name: str) -> None:
        setattr(thing, name, self.counted(getattr(thing, name)))

    def counted(self, method: Any) -> Any:
        def call(*values: Any, **named: Any) -> Any:
            answer = method(*values, **named)
            self.made += 1
            if self.made == self.at:
                raise Killed
            return answer

        return call


def deliver(world: World, session_id: str) -> None:
    """Deliver what is queued, as SQS does: again after a failure, and gone when it was answered."""
    for receives in range(1, 5):
        message = QueueMessage("id", session_id, datetime.fromtimestamp(NOW, UTC), receives, "handle")
        try:
            if world.session_queue.process([message]) == []:
                return
        except Killed:
            continue


def outcome(world: World, session_id: str) -> tuple[Any, ...]:
    """What must be the same, however often the process ended."""
    session = world.session(session_id)
    turns = [(turn.seq, turn.author, turn.content) for turn in world.turns(session_id)]
    return turns, session.status, session.seq, session.answered, session.unsummarised, len(world.handoffs.entries())


SCRIPTS = {"plain": [ANSWER], "order": [LOOK_UP, ANSWER], "wish": [WISH, ANSWER]}


def expected(world: World, scripts: list[list[Any]]) -> tuple[tuple[Any, ...], int, int]:
    """The outcome without any end, and how many steps each of the two functions takes."""
    session_id = world.begin()
    fragile = Fragile(world, 0)
    world.reception.receive("c1", QUESTION)
    steps = fragile.made
    world.model.scripts = list(scripts)
    deliver(world, session_id)
    return outcome(world, session_id), steps, fragile.made - steps


@pytest.mark.parametrize("name", SCRIPTS)
def test_answer_messages(dynamodb: Any, name: str) -> None:
    whole, _, steps = expected(World(dynamodb), SCRIPTS[name])
    assert steps >= 3
    for at in range(1, steps + 1):
        clear(dynamodb)
        world = World(dynamodb)
        session_id = world.begin()
        world.reception.receive("c1", QUESTION)
        world.model.scripts = SCRIPTS[name] * 4
        fragile = Fragile(world, at)

        deliver(world, session_id)

        assert fragile.made >= at, "it did end there"
        assert outcome(world, session_id) == whole
        assert world.sockets.to("c1", "message")[-1]["author"] in ("bot", "system")
        answers = {frame["content"] for frame in world.sockets.to("c1", "message") if frame["author"] == "bot"}
        assert answers == {"Hello there."}


def test_websocket_message(dynamodb: Any) -> None:
    whole, steps, _ = expected(World(dynamodb), SCRIPTS["plain"])
    assert steps == 3, "the turn, the queue, and the ack"
    for at in range(1, steps + 1):
        clear(dynamodb)
        world = World(dynamodb)
        session_id = world.begin()
        fragile = Fragile(world, at)

        with pytest.raises(Killed):
            world.reception.receive("c1", QUESTION)
        world.reception.receive("c1", QUESTION)
        world.model.scripts = [ANSWER]
        for _ in world.queue.sent:
            deliver(world, session_id)

        assert fragile.made > at
        assert world.sockets.to("c1", "ack")[-1] == {"type": "ack", "message_id": "m1", "seq": 1}
        assert outcome(world, session_id) == whole
        assert len(world.model.requests) == 1


def clear(dynamodb: Any) -> None:
    for item in dynamodb.scan(TableName="sessions")["Items"]:
        dynamodb.delete_item(TableName="sessions", Key={"PK": item["PK"], "SK": item["SK"]})
