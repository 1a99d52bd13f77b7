"""Probes: for each action of each statement something that Frontdesk does, and cannot do without it.

A probe goes the way of the real thing: a delivery, a conversation, a call. It raises ``UnmetError``, or whatever the
door it knocks at raises, when that does not come to its end. Where a queue would come back with a failure minutes
later, or a clock be waited for, the function is invoked with the event that the queue or the clock would make.
"""

import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES
from localcloud.layout import ROOT
from localcloud.samples import make_event
from tests.builders import load_event
from tests.iam import answers, conversations
from tests.iam.world import World, require
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


def deliver(world: World, size: int = 1_000) -> str:
    """Deliver a webhook until it is stored; its correlation id."""
    event = make_event("github", random.Random(uuid.uuid4().int), body=b"x" * size)
    answer = world.cloud.deliver("github", event)
    require(answer.status_code == 202, f"{answer.status_code} {answer.text}")
    world.until(lambda: world.cloud.arrived(event.event_id))
    return answer.headers["x-amzn-requestid"]


def deliver_large(world: World) -> None:
    correlation_id = deliver(world, MAX_INLINE_BODY_BYTES + 1)
    s3, found = world.cloud.client("s3"), {"Prefix": f"github/{correlation_id}/"}
    (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "-bodies-" in one["Name"]]
    world.until(lambda: s3.list_objects_v2(Bucket=bucket, **found)["KeyCount"] == 0)


def make_a_call(world: World) -> None:
    script = ROOT / "docs" / "calls" / "balance.txt"
    result = world.cloud.command("call", "--script", str(script), check=False)
    require(result.returncode == 0, (result.stdout + result.stderr).strip().splitlines()[-1:])


DELIVERY = Probe("a webhook is delivered", lambda world: void(deliver(world)))
LARGE_DELIVERY = Probe("a webhook of 700 KiB is delivered", deliver_large)
OPENING = Probe("a session is opened", conversations.open_session)
RESUMING = Probe("a session is resumed", conversations.resume_session)
IDENTITY = Probe("a session is opened with an identity", conversations.open_known)
CONNECTING = Probe("a socket is opened", conversations.connect)
CONNECTING_AGAIN = Probe("a second socket takes the first one's place", conversations.connect_again)
MESSAGE = Probe("a customer says something", conversations.say)
GREETING = Probe("a customer says hello", conversations.greet)
ANSWER = Probe("a customer is answered", conversations.ask)
ORDER = Probe("a customer asks for an order", conversations.ask_for_an_order)
OLD_TOKEN = Probe("an agent's token has expired", conversations.outlive_token)
HANGING_UP = Probe("a customer closes the socket", conversations.hang_up)
SIGNING_OFF = Probe("an agent closes one of two sockets", conversations.sign_off)
GIVING_UP = Probe("a session with two messages fails for good", answers.give_up)
FAILING = Probe("a session fails", answers.fail_a_session)
FULL_TABLE = Probe("the table refuses an answer", answers.ask_a_full_table)
FAILED_TURN = Probe("a failed turn is written", answers.write_failed_turn)
SUMMARY = Probe("ten turns are summarised", answers.summarise)
EXPIRY = Probe("a session expires", answers.expire)
HANDOFF = Probe("a session is handed off", conversations.hand_off_somebody)
WAITING_LIMIT = Probe("a customer has waited too long", conversations.wait_too_long_somebody)
STALE_ENTRY = Probe("the desk has an entry of no session", conversations.clear_away)
CALL = Probe("a caller asks for a balance", make_a_call)


def void(_: object) -> None:
    """For a probe that needs no result."""


def _gone(by: Callable[[World, str, Socket], None]) -> Probe:
    return Probe("an agent's socket ended unnoticed", conversations.notice_gone_agent(by))


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
    | _items(_gone(conversations.request_human), "DeleteItem"),
    ("websocket_message", "QueueSessions"): {_SEND: MESSAGE},
    ("websocket_message", "SendToSockets"): {_SOCKETS: MESSAGE},
    ("websocket_message", "CloseSockets"): {_SOCKETS: OLD_TOKEN},
    ("websocket_disconnect", "UseSessions"): _items(HANGING_UP, "GetItem", "UpdateItem", "DeleteItem")
    | _items(SIGNING_OFF, "Query"),
    ("answer_messages", "UseSessions"): _items(ANSWER, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(_gone(conversations.ask_for_a_person), "DeleteItem"),
    ("answer_messages", "Consume"): {"sqs:ChangeMessageVisibility": FAILING},
    ("answer_messages", "QueueSessions"): {_SEND: GIVING_UP},
    ("answer_messages", "KeepFailedTurns"): {_SEND: FULL_TABLE},
    ("answer_messages", "SendToSockets"): {_SOCKETS: ANSWER},
    ("answer_messages", "LookUpOrders"): {"lambda:InvokeFunction": ORDER},
    ("write_failed_turns", "UseSessions"): _items(FAILED_TURN, "GetItem", "PutItem", "UpdateItem"),
    ("summarize_sessions", "UseSessions"): _items(SUMMARY, "GetItem", "Query", "PutItem", "UpdateItem"),
    ("delete_expired_sessions", "UseSessions"): _items(EXPIRY, "Query", "BatchWriteItem"),
    ("hand_off_session", "UseSessions"): _items(HANDOFF, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(_gone(conversations.hand_off), "DeleteItem"),
    ("hand_off_session", "SendToSockets"): {_SOCKETS: HANDOFF},
    ("check_waiting", "UseSessions"): _items(WAITING_LIMIT, "GetItem", "Query", "PutItem", "UpdateItem")
    | _items(STALE_ENTRY, "DeleteItem"),
    ("check_waiting", "SendToSockets"): {_SOCKETS: WAITING_LIMIT},
    ("lex_codehook", "UseCalls"): _items(CALL, "GetItem", "UpdateItem"),
    ("lex_codehook", "ReadBankKey"): {"ssm:GetParameter": CALL.of_cold("lex_codehook")},
}
"""By function and statement, the probe of each action."""
