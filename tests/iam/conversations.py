"""Conversations as probes have them: customers, agents, and what stands between them."""

import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chalicelib.aws.tables import delete, put, update
from chalicelib.chat.handoff import AGENT, DESK, WAITING
from chalicelib.chat.sessions import connection_key
from tests.builders import load_event
from tests.iam.world import UnmetError, World, require
from tests.integration.talk import Socket


def open_session(world: World) -> None:
    world.chat.open()


def resume_session(world: World) -> None:
    token = world.chat.open()["token"]
    require(world.chat.open(token=token)["resumed"], "not resumed")


def open_known(world: World) -> None:
    world.chat.open(identity=world.chat.identity("c1"))


def connect(world: World) -> None:
    world.chat.begin()[1].close()


def connect_again(world: World) -> None:
    opened = world.chat.open()
    first = world.chat.connect(opened)
    second = world.chat.connect(world.chat.open(token=opened["token"]))
    world.until(lambda: first.heard("error", code="unauthorized"))
    world.until(lambda: first.closed is not None)
    second.close()


@contextmanager
def customer_of(world: World) -> Iterator[tuple[str, Socket]]:
    session_id, socket = world.chat.begin()
    try:
        yield session_id, socket
    finally:
        socket.close()
        if entry := world.meta(session_id).get("waiting"):
            world.table.write(delete({"PK": DESK, "SK": entry}))


def say(world: World) -> None:
    with customer_of(world) as (_, socket):
        message_id = socket.say("What are your shipping costs?")
        world.until(lambda: _heard(socket, "ack", message_id))


def greet(world: World) -> None:
    with customer_of(world) as (_, socket):
        socket.send(action="hello")
        world.until(lambda: socket.heard("session"))


def ask(world: World, question: str = "What are your shipping costs?") -> None:
    with customer_of(world) as (_, socket):
        message_id = socket.say(question)
        world.until(lambda: _heard(socket, "message", message_id))


def ask_for_an_order(world: World) -> None:
    ask(world, "Where is my order 1001? My address is aiko@example.com.")


@contextmanager
def _gone_agent(world: World) -> Iterator[Callable[[], bool]]:
    """An agent whose socket ended unnoticed; whether it was noticed by now."""
    connection_id = f"gone-{uuid.uuid4().hex}"
    entry, connection = {"PK": DESK, "SK": AGENT + connection_id}, connection_key(connection_id)
    who = {"agent": connection_id, "ttl": int(time.time()) + 600}
    world.table.write_batch([entry | who, connection | who])
    try:
        yield lambda: "gone_at" in (world.table.get(entry) or {}) and world.table.get(connection) is None
    finally:
        world.table.write_batch(deletes=[entry, connection])


def notice_gone_agent(by: Callable[[World, str, Socket], None]) -> Callable[[World], None]:
    """Let somebody be shown the queue who is not there any more."""

    def run(world: World) -> None:
        with customer_of(world) as (session_id, socket), _gone_agent(world) as is_noticed:
            by(world, session_id, socket)
            world.until(is_noticed)

    return run


def request_human(world: World, session_id: str, socket: Socket) -> None:
    socket.send(action="request_human", reason="Wants a refund.")
    world.until(lambda: socket.heard("handoff", status="waiting"))


def ask_for_a_person(world: World, session_id: str, socket: Socket) -> None:
    socket.say("I want to talk to a person.")
    world.until(lambda: socket.heard("handoff", status="waiting"))


def hand_off(world: World, session_id: str, socket: Socket) -> None:
    world.invoke("hand_off_session", {"session_id": session_id, "reason": "Asked for by phone."})
    world.until(lambda: socket.heard("handoff", status="waiting"))


def hand_off_somebody(world: World) -> None:
    with customer_of(world) as (session_id, socket):
        hand_off(world, session_id, socket)


def wait_too_long(world: World, session_id: str, socket: Socket) -> None:
    request_human(world, session_id, socket)
    entry = {"PK": DESK, "SK": world.meta(session_id)["waiting"]}
    world.table.write(update(entry, "SET #since = :long_ago", names={"since": "since"}, long_ago=1))
    world.invoke("check_waiting", load_event("schedule"))
    world.until(lambda: socket.heard("handoff", status="active"))


def wait_too_long_somebody(world: World) -> None:
    with customer_of(world) as (session_id, socket):
        wait_too_long(world, session_id, socket)


def clear_away(world: World) -> None:
    """An entry of the desk whose session is gone."""
    session_id = uuid.uuid4().hex
    entry = {"PK": DESK, "SK": f"{WAITING}{int(time.time() * 1000):015}#{session_id}"}
    now = int(time.time())
    told = {"session_id": session_id, "customer": "c1", "reason": "", "since": now, "ttl": now + 600}
    world.table.write(put(entry | told))
    try:
        world.invoke("check_waiting", load_event("schedule"))
        world.until(lambda: world.table.get(entry) is None)
    finally:
        world.table.write(delete(entry))


@contextmanager
def _agent(world: World) -> Iterator[tuple[str, Socket, str]]:
    """An agent on duty, by name, socket and connection."""
    name = f"Agent {uuid.uuid4().hex[:8]}"
    socket = world.chat.connect(world.chat.open(token=world.chat.agent_token(name)))
    (item,) = [item for item in world.table.query(DESK, AGENT) if item["agent"] == name]
    try:
        yield name, socket, item["SK"].removeprefix(AGENT)
    finally:
        socket.close()


def outlive_token(world: World) -> None:
    with _agent(world) as (_, socket, connection_id):
        world.table.write(update(connection_key(connection_id), "SET ends_at = :past", past=1))
        socket.send(action="ping")
        world.until(lambda: socket.closed is not None)


def hang_up(world: World) -> None:
    session_id, socket = world.chat.begin()
    key = connection_key(world.meta(session_id)["connection_id"])
    socket.close()
    world.until(lambda: world.table.get(key) is None and "connection_id" not in world.meta(session_id))


def sign_off(world: World) -> None:
    """One of two windows of an agent's, whose entry is not kept."""
    with _agent(world) as (name, first, connection_id):
        second = world.chat.connect(world.chat.open(token=world.chat.agent_token(name)))
        first.close()
        world.until(lambda: world.table.get({"PK": DESK, "SK": AGENT + connection_id}) is None)
        second.close()


def _heard(socket: Socket, kind: str, message_id: str) -> bool:
    """Whether an answer has come; ``UnmetError`` for an error in its place."""
    if errors := socket.heard("error"):
        raise UnmetError(f"error frame: {errors[0]['code']}")
    return bool(socket.heard(kind, message_id=message_id))
