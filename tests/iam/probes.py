"""Probes: for each action of each statement something that Frontdesk does, and cannot do without it.

A probe goes the way of the real thing: a delivery, a conversation, a call. It raises ``UnmetError``, or whatever the
door it knocks at raises, when that does not come to its end. Where a queue would come back with a failure minutes
later, or a clock be waited for, the function is invoked with the event that the queue or the clock would make.
"""

import random
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace

from chalicelib.aws.tables import delete, put, update
from chalicelib.chat.failed_turns import FailedTurn
from chalicelib.chat.handoff import AGENT, DESK, WAITING
from chalicelib.chat.sessions import connection_key, session_key
from chalicelib.chat.turns import Turn
from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES
from localcloud.layout import ROOT
from localcloud.samples import make_event
from tests.builders import load_event, sqs_event
from tests.iam.leave import without_statement
from tests.iam.world import UnmetError, World
from tests.integration.talk import Socket


@dataclass(frozen=True)
class Probe:
    """What is done, and how. ``cold`` is the function that begins without cached secrets."""

    says: str
    run: Callable[[World], None]
    cold: str | None = None

    def carry_out(self, world: World) -> None:
        if self.cold:
            world.restart(self.cold)
        self.run(world)

    def of_cold(self, function: str) -> "Probe":
        return replace(self, cold=function)


def _deliver(world: World, size: int = 1_000) -> str:
    """Deliver a webhook until it is stored; its correlation id."""
    event = make_event("github", random.Random(uuid.uuid4().int), body=b"x" * size)
    answer = world.cloud.deliver("github", event)
    _require(answer.status_code == 202, f"{answer.status_code} {answer.text}")
    world.until(lambda: world.cloud.arrived(event.event_id))
    return answer.headers["x-amzn-requestid"]


def _deliver_large(world: World) -> None:
    correlation_id = _deliver(world, MAX_INLINE_BODY_BYTES + 1)
    s3, found = world.cloud.client("s3"), {"Prefix": f"github/{correlation_id}/"}
    (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "webhook-bodies" in one["Name"]]
    world.until(lambda: s3.list_objects_v2(Bucket=bucket, **found)["KeyCount"] == 0)


def _open(world: World) -> None:
    world.chat.open()


def _resume(world: World) -> None:
    token = world.chat.open()["token"]
    _require(world.chat.open(token=token)["resumed"], "not resumed")


def _open_known(world: World) -> None:
    world.chat.open(identity=world.chat.identity("c1"))


def _connect(world: World) -> None:
    world.chat.begin()[1].close()


def _connect_again(world: World) -> None:
    opened = world.chat.open()
    first = world.chat.connect(opened)
    second = world.chat.connect(world.chat.open(token=opened["token"]))
    world.until(lambda: first.heard("error", code="unauthorized"))
    world.until(lambda: first.closed is not None)
    second.close()


@contextmanager
def _customer(world: World) -> Iterator[tuple[str, Socket]]:
    session_id, socket = world.chat.begin()
    try:
        yield session_id, socket
    finally:
        socket.close()
        if entry := world.meta(session_id).get("waiting"):
            world.table.write(delete({"PK": DESK, "SK": entry}))


def _say(world: World) -> None:
    with _customer(world) as (_, socket):
        message_id = socket.say("What are your shipping costs?")
        world.until(lambda: _heard(socket, "ack", message_id))


def _greet(world: World) -> None:
    with _customer(world) as (_, socket):
        socket.send(action="hello")
        world.until(lambda: socket.heard("session"))


def _ask(world: World, question: str = "What are your shipping costs?") -> None:
    with _customer(world) as (_, socket):
        message_id = socket.say(question)
        world.until(lambda: _heard(socket, "message", message_id))


def _ask_for_an_order(world: World) -> None:
    _ask(world, "Where is my order 1001? My address is aiko@example.com.")


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


def _notice_gone_agent(by: Callable[[World, str, Socket], None]) -> Callable[[World], None]:
    """Let somebody be shown the queue who is not there any more."""

    def run(world: World) -> None:
        with _customer(world) as (session_id, socket), _gone_agent(world) as is_noticed:
            by(world, session_id, socket)
            world.until(is_noticed)

    return run


def _request_human(world: World, session_id: str, socket: Socket) -> None:
    socket.send(action="request_human", reason="Wants a refund.")
    world.until(lambda: socket.heard("handoff", status="waiting"))


def _ask_for_a_person(world: World, session_id: str, socket: Socket) -> None:
    socket.say("I want to talk to a person.")
    world.until(lambda: socket.heard("handoff", status="waiting"))


def _hand_off(world: World, session_id: str, socket: Socket) -> None:
    world.invoke("hand_off_session", {"session_id": session_id, "reason": "Asked for by phone."})
    world.until(lambda: socket.heard("handoff", status="waiting"))


def _hand_off_somebody(world: World) -> None:
    with _customer(world) as (session_id, socket):
        _hand_off(world, session_id, socket)


def _wait_too_long(world: World, session_id: str, socket: Socket) -> None:
    _request_human(world, session_id, socket)
    entry = {"PK": DESK, "SK": world.meta(session_id)["waiting"]}
    world.table.write(update(entry, "SET #since = :long_ago", names={"since": "since"}, long_ago=1))
    world.invoke("check_waiting", load_event("schedule"))
    world.until(lambda: socket.heard("handoff", status="active"))


def _wait_too_long_somebody(world: World) -> None:
    with _customer(world) as (session_id, socket):
        _wait_too_long(world, session_id, socket)


def _clear_away(world: World) -> None:
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


def _outlive_token(world: World) -> None:
    with _agent(world) as (_, socket, connection_id):
        world.table.write(update(connection_key(connection_id), "SET ends_at = :past", past=1))
        socket.send(action="ping")
        world.until(lambda: socket.closed is not None)


def _hang_up(world: World) -> None:
    session_id, socket = world.chat.begin()
    key = connection_key(world.meta(session_id)["connection_id"])
    socket.close()
    world.until(lambda: world.table.get(key) is None and "connection_id" not in world.meta(session_id))


def _sign_off(world: World) -> None:
    """One of two windows of an agent's, whose entry is not kept."""
    with _agent(world) as (name, first, connection_id):
        second = world.chat.connect(world.chat.open(token=world.chat.agent_token(name)))
        first.close()
        world.until(lambda: world.table.get({"PK": DESK, "SK": AGENT + connection_id}) is None)
        second.close()


def _turn(seq: int, author: str, text: str = "Hello") -> Turn:
    return Turn(seq, author, text, int(time.time()), f"m{seq}", f"r{seq}")  # type: ignore[arg-type]


def _give_up(world: World) -> None:
    """The last receive of a session with two messages: an apology for the first, and the queue for the other."""
    with _customer(world) as (session_id, _):
        world.table.write_batch([_turn(seq, "customer").to_item(session_id) for seq in (1, 3)])
        world.chat.set_meta(session_id, seq=4)
        event = sqs_event([session_id])
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = "4"
        _require(not world.invoke("answer_messages", event)["batchItemFailures"], "the session comes back")
        world.until(lambda: len(world.chat.turns(session_id)) == 4)


def _fail(world: World) -> None:
    """A session that nobody can read. Its message is to come back in seconds."""
    session_id = f"broken-{uuid.uuid4().hex}"
    world.table.write(put({**session_key(session_id), "ttl": int(time.time()) + 600}))
    _require(world.invoke("answer_messages", sqs_event([session_id]))["batchItemFailures"], "it did not fail")


def _ask_a_full_table(world: World) -> None:
    """The table refuses the answer, which somebody else then stores."""
    with (
        _customer(world) as (session_id, socket),
        without_statement(world.cloud, "answer_messages", "UseSessions", "dynamodb:PutItem"),
    ):
        socket.say("What are your shipping costs?")
        world.until(lambda: len(world.chat.turns(session_id)) == 2)


def _write_failed_turn(world: World) -> None:
    with _customer(world) as (session_id, _):
        event = sqs_event([FailedTurn(session_id, _turn(2, "bot")).to_message()])
        _require(not world.invoke("write_failed_turns", event)["batchItemFailures"], "the turn comes back")
        world.until(lambda: world.chat.turns(session_id))


def _summarise(world: World) -> None:
    with _customer(world) as (session_id, _):
        turns = [_turn(seq, "customer" if seq % 2 else "bot") for seq in range(1, 11)]
        world.table.write_batch([turn.to_item(session_id) for turn in turns])
        flags = "SET seq = :ten, answered = :nine, unsummarised = :ten, summarise = :yes"
        world.table.write(update(session_key(session_id), flags, ten=10, nine=9, yes=True))
        world.until(lambda: world.table.query(f"SESSION#{session_id}", "SUMMARY#"))


def _expire(world: World) -> None:
    with _customer(world) as (session_id, _):
        world.table.write_batch([_turn(1, "customer").to_item(session_id)])
        world.table.write(delete(session_key(session_id)))
        world.until(lambda: not world.table.query(f"SESSION#{session_id}"))


def _call(world: World) -> None:
    script = ROOT / "docs" / "calls" / "balance.txt"
    result = world.cloud.command("call", "--script", str(script), check=False)
    _require(result.returncode == 0, (result.stdout + result.stderr).strip().splitlines()[-1:])


def _require(holds: object, otherwise: object) -> None:
    if not holds:
        raise UnmetError(str(otherwise))


def _heard(socket: Socket, kind: str, message_id: str) -> bool:
    """Whether an answer has come; ``UnmetError`` for an error in its place."""
    if errors := socket.heard("error"):
        raise UnmetError(f"error frame: {errors[0]['code']}")
    return bool(socket.heard(kind, message_id=message_id))


DELIVERY = Probe("a webhook is delivered", lambda world: void(_deliver(world)))
LARGE_DELIVERY = Probe("a webhook of 700 KiB is delivered", _deliver_large)
OPENING = Probe("a session is opened", _open)
RESUMING = Probe("a session is resumed", _resume)
IDENTITY = Probe("a session is opened with an identity", _open_known)
CONNECTING = Probe("a socket is opened", _connect)
CONNECTING_AGAIN = Probe("a second socket takes the first one's place", _connect_again)
MESSAGE = Probe("a customer says something", _say)
GREETING = Probe("a customer says hello", _greet)
ANSWER = Probe("a customer is answered", _ask)
ORDER = Probe("a customer asks for an order", _ask_for_an_order)
OLD_TOKEN = Probe("an agent's token has expired", _outlive_token)
HANGING_UP = Probe("a customer closes the socket", _hang_up)
SIGNING_OFF = Probe("an agent closes one of two sockets", _sign_off)
GIVING_UP = Probe("a session with two messages fails for good", _give_up)
FAILING = Probe("a session fails", _fail)
FULL_TABLE = Probe("the table refuses an answer", _ask_a_full_table)
FAILED_TURN = Probe("a failed turn is written", _write_failed_turn)
SUMMARY = Probe("ten turns are summarised", _summarise)
EXPIRY = Probe("a session expires", _expire)
HANDOFF = Probe("a session is handed off", _hand_off_somebody)
WAITING_LIMIT = Probe("a customer has waited too long", _wait_too_long_somebody)
STALE_ENTRY = Probe("the desk has an entry of no session", _clear_away)
CALL = Probe("a caller asks for a balance", _call)


def void(_: object) -> None:
    """For a probe that needs no result."""


def _gone(by: Callable[[World, str, Socket], None]) -> Probe:
    return Probe("an agent's socket ended unnoticed", _notice_gone_agent(by))


def _items(probe: Probe, *verbs: str) -> dict[str, Probe]:
    return {f"dynamodb:{verb}": probe for verb in verbs}


def _invoked(function: str, event: Callable[[], dict[str, str]]) -> Probe:
    return Probe(f"{function} is invoked", lambda world: void(world.invoke(function, dict(event()))), function)


_SEND, _SECRET = "sqs:SendMessage", "secretsmanager:GetSecretValue"
_SOCKETS = "execute-api:ManageConnections"

PROBES: Mapping[tuple[str, str], Mapping[str, Probe]] = {
    ("api_handler", "QueueWebhooks"): {_SEND: DELIVERY},
    ("api_handler", "PutLargeBodies"): {"s3:PutObject": LARGE_DELIVERY},
    ("api_handler", "UseSessions"): _items(OPENING, "PutItem") | _items(RESUMING, "GetItem", "UpdateItem"),
    ("api_handler", "ReadSigningSecret"): {_SECRET: OPENING.of_cold("api_handler")},
    ("api_handler", "ReadIdentitySecret"): {_SECRET: IDENTITY.of_cold("api_handler")},
    ("api_handler", "ReadSourceSecrets"): {_SECRET: DELIVERY.of_cold("api_handler")},
    ("process_webhooks", "FetchLargeBodies"): dict.fromkeys(("s3:GetObject", "s3:DeleteObject"), LARGE_DELIVERY),
    ("process_webhooks", "ReadDatabaseSecret"): {_SECRET: DELIVERY.of_cold("process_webhooks")},
    ("migrate_database", "ReadDatabaseSecret"): {_SECRET: _invoked("migrate_database", dict)},
    ("purge_old_events", "ReadDatabaseSecret"): {
        _SECRET: _invoked("purge_old_events", lambda: load_event("schedule")),
    },
    ("manage_events", "ReadDatabaseSecret"): {_SECRET: _invoked("manage_events", lambda: {"action": "describe"})},
    ("look_up_order", "ReadDatabaseSecret"): {_SECRET: ORDER.of_cold("look_up_order")},
    ("websocket_connect", "UseSessions"): _items(CONNECTING, "PutItem", "UpdateItem"),
    ("websocket_connect", "ReadSigningSecret"): {_SECRET: CONNECTING.of_cold("websocket_connect")},
    ("websocket_connect", "SendToSockets"): {_SOCKETS: CONNECTING_AGAIN},
    ("websocket_connect", "CloseSockets"): {_SOCKETS: CONNECTING_AGAIN},
    ("websocket_message", "UseSessions"): _items(MESSAGE, "GetItem", "PutItem", "UpdateItem")
    | _items(GREETING, "Query")
    | _items(_gone(_request_human), "DeleteItem"),
    ("websocket_message", "QueueSessions"): {_SEND: MESSAGE},
    ("websocket_message", "SendToSockets"): {_SOCKETS: MESSAGE},
    ("websocket_message", "CloseSockets"): {_SOCKETS: OLD_TOKEN},
    ("websocket_disconnect", "UseSessions"): _items(HANGING_UP, "GetItem", "UpdateItem", "DeleteItem")
    | _items(SIGNING_OFF, "Query"),
    ("answer_messages", "UseSessions"): _items(ANSWER, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(_gone(_ask_for_a_person), "DeleteItem"),
    ("answer_messages", "Consume"): {"sqs:ChangeMessageVisibility": FAILING},
    ("answer_messages", "QueueSessions"): {_SEND: GIVING_UP},
    ("answer_messages", "KeepFailedTurns"): {_SEND: FULL_TABLE},
    ("answer_messages", "SendToSockets"): {_SOCKETS: ANSWER},
    ("answer_messages", "LookUpOrders"): {"lambda:InvokeFunction": ORDER},
    ("write_failed_turns", "UseSessions"): _items(FAILED_TURN, "GetItem", "PutItem", "UpdateItem"),
    ("summarize_sessions", "UseSessions"): _items(SUMMARY, "GetItem", "Query", "PutItem", "UpdateItem"),
    ("delete_expired_sessions", "UseSessions"): _items(EXPIRY, "Query", "BatchWriteItem"),
    ("hand_off_session", "UseSessions"): _items(HANDOFF, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(_gone(_hand_off), "DeleteItem"),
    ("hand_off_session", "SendToSockets"): {_SOCKETS: HANDOFF},
    ("check_waiting", "UseSessions"): _items(WAITING_LIMIT, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(STALE_ENTRY, "DeleteItem"),
    ("check_waiting", "SendToSockets"): {_SOCKETS: WAITING_LIMIT},
    ("lex_codehook", "UseCalls"): _items(CALL, "GetItem", "UpdateItem"),
    ("lex_codehook", "ReadBankKey"): {"ssm:GetParameter": CALL.of_cold("lex_codehook")},
}
"""By function and statement, the probe of each action."""
