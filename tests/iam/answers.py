"""What goes on behind a conversation, as probes have it: answers that fail, summaries, the end of a session."""

import time
import uuid

from chalicelib.aws.tables import delete, put, update
from chalicelib.chat.failed_turns import FailedTurn
from chalicelib.chat.sessions import session_key
from chalicelib.chat.turns import Turn
from tests.builders import sqs_event
from tests.iam.conversations import customer_of
from tests.iam.leave import without_statement
from tests.iam.world import World, require


def _turn(seq: int, author: str, text: str = "Hello") -> Turn:
    return Turn(seq, author, text, int(time.time()), f"m{seq}", f"r{seq}")  # type: ignore[arg-type]


def give_up(world: World) -> None:
    """The last receive of a session with two messages: an apology for the first, and the queue for the other."""
    with customer_of(world) as (session_id, _):
        world.table.write_batch([_turn(seq, "customer").to_item(session_id) for seq in (1, 3)])
        world.chat.set_meta(session_id, seq=4)
        event = sqs_event([session_id])
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "4"
        require(not world.invoke("answer_messages", event)["batchItemFailures"], "the session comes back")
        world.until(lambda: len(world.chat.turns(session_id)) == 4)


def fail_a_session(world: World) -> None:
    """A session that nobody can read. Its message is to come back in seconds."""
    session_id = f"broken-{uuid.uuid4().hex}"
    world.table.write(put({**session_key(session_id), "ttl": int(time.time()) + 600}))
    require(world.invoke("answer_messages", sqs_event([session_id]))["batchItemFailures"], "it did not fail")


def ask_a_full_table(world: World) -> None:
    """The table refuses the answer, which somebody else then stores."""
    with (
        customer_of(world) as (session_id, socket),
        without_statement(world.cloud, "answer_messages", "UseSessions", "dynamodb:PutItem"),
    ):
        socket.say("What are your shipping costs?")
        world.until(lambda: len(world.chat.turns(session_id)) == 2)


def write_failed_turn(world: World) -> None:
    with customer_of(world) as (session_id, _):
        event = sqs_event([FailedTurn(session_id, _turn(2, "bot")).to_message()])
        require(not world.invoke("write_failed_turns", event)["batchItemFailures"], "the turn comes back")
        world.until(lambda: world.chat.turns(session_id))


def summarise(world: World) -> None:
    with customer_of(world) as (session_id, _):
        turns = [_turn(seq, "customer" if seq % 2 else "bot") for seq in range(1, 11)]
        world.table.write_batch([turn.to_item(session_id) for turn in turns])
        flags = "SET seq = :ten, answered = :nine, unsummarised = :ten, summarise = :yes"
        world.table.write(update(session_key(session_id), flags, ten=10, nine=9, yes=True))
        world.until(lambda: world.table.query(f"SESSION#{session_id}", "SUMMARY#"))


def expire(world: World) -> None:
    with customer_of(world) as (session_id, _):
        world.table.write_batch([_turn(1, "customer").to_item(session_id)])
        world.table.write(delete(session_key(session_id)))
        world.until(lambda: not world.table.query(f"SESSION#{session_id}"))
