"""IAM is enforced: a function may do what its policy says, and nothing else; an operator too.

``make iam-audit`` goes through every action of every role as the first test does through some of them.
"""

import json
import uuid
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner

from chalicelib.aws.tables import Table
from ops.cli import main
from tests.builders import make_envelope
from tests.iam.audit import audit, leaves
from tests.iam.leave import as_function, without_statement
from tests.iam.operators import OperatorsStage, operator
from tests.iam.probes import DELIVERY, MESSAGE
from tests.iam.world import Leave, World
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.integration.talk import Chat
from tests.integration.test_ops import bury
from tests.integration.test_ops_chat import history, write_lines
from tests.integration.test_retries import receive_all

SOME = [
    ("api_handler", "QueueWebhooks", "sqs:SendMessage"),
    ("api_handler", "PutLargeBodies", "s3:PutObject"),
    ("api_handler", "ReadIdentitySecret", "secretsmanager:GetSecretValue"),
    ("websocket_message", "SendToSockets", "execute-api:ManageConnections"),
    ("answer_messages", "LookUpOrders", "lambda:InvokeFunction"),
    ("lex_codehook", "ReadBankKey", "ssm:GetParameter"),
]
"""One of each service that matters; `make iam-audit` has them all."""


@pytest.fixture(scope="module")
def world(cloud: Cloud, chat: Chat, table: Table) -> World:
    return World(cloud, chat, table)


@pytest.mark.parametrize(("function", "sid", "action"), SOME, ids=lambda text: text.split(":")[-1])
def test_nothing_goes_without_it(world: World, function: str, sid: str, action: str) -> None:
    ((leave, probe),) = [
        found
        for found in leaves(world)
        if (found[0].function, found[0].sid, found[0].action) == (function, sid, action)
    ]

    result = audit(world, leave, probe)

    assert result.is_good, result


def test_the_audit_finds_what_is_superfluous(world: World) -> None:
    """One action that was added, and one that another way than its probe needs."""
    iam, arn = world.cloud.client("iam"), f"arn:aws:sqs:us-east-1:000000000000:{STAGE_PREFIX}stream-failures"
    roles = (role["RoleName"] for page in iam.get_paginator("list_roles").paginate() for role in page["Roles"])
    (role,) = [name for name in roles if "ApiHandlerRole" in name]
    name = {"RoleName": role, "PolicyName": "api_handler"}
    before = iam.get_role_policy(**name)["PolicyDocument"]
    added = {"Sid": "Superfluous", "Effect": "Allow", "Action": "sqs:SendMessage", "Resource": arn}
    iam.put_role_policy(**name, PolicyDocument=json.dumps(before | {"Statement": [*before["Statement"], added]}))
    try:
        result = audit(world, Leave("api_handler", "Superfluous", "sqs:SendMessage", (arn,)), DELIVERY, patience=1)
    finally:
        iam.put_role_policy(**name, PolicyDocument=json.dumps(before))

    assert (result.failure, result.relapse, result.is_good) == (None, None, False)
    missed = audit(
        world, Leave("websocket_message", "CloseSockets", "execute-api:ManageConnections"), MESSAGE, patience=1
    )
    assert not missed.is_good


def test_what_was_refused_is_told(world: World) -> None:
    """A queue's sender hears no more than that it is unavailable; MiniStack's log has the rest."""
    leave = Leave("api_handler", "QueueWebhooks", "sqs:SendMessage", ("*:frontdesk-local-webhook-events",))

    with world.watching(leave), without_statement(world.cloud, "api_handler", "QueueWebhooks"):
        with suppress(Exception):
            DELIVERY.carry_out(world)
        eventually(lambda: world.is_refused(leave))
        assert not world.is_refused(Leave("api_handler", "QueueWebhooks", "sqs:SendMessage", ("*:another",)))
        assert not world.is_refused(Leave("answer_messages", "QueueWebhooks", "sqs:SendMessage"))


@pytest.mark.parametrize(
    ("function", "secret"),
    [
        ("process_webhooks", "webhooks/github"),
        ("websocket_connect", "webhooks/github"),
        ("websocket_connect", "chat-identity"),
        ("websocket_message", "chat-signing"),
        ("answer_messages", "database"),
        ("api_handler", "database"),
    ],
)
def test_a_function_cannot_read_another_ones_secret(cloud: Cloud, function: str, secret: str) -> None:
    manager = as_function(cloud, function, "secretsmanager")

    with pytest.raises(Exception, match="not authorized"):
        manager.get_secret_value(SecretId=f"frontdesk/local/{secret}")


@pytest.mark.parametrize("function", ["process_webhooks", "look_up_order", "delete_expired_sessions", "lex_codehook"])
def test_who_has_no_business_with_a_session_cannot_write_one(cloud: Cloud, function: str) -> None:
    table = as_function(cloud, function, "dynamodb")

    with pytest.raises(Exception, match="not authorized"):
        table.put_item(TableName=f"{STAGE_PREFIX}sessions", Item={"PK": {"S": "SESSION#x"}, "SK": {"S": "META"}})


@pytest.mark.parametrize("function", ["answer_messages", "api_handler"])
def test_who_has_no_business_with_a_call_cannot_read_one(cloud: Cloud, function: str) -> None:
    table = as_function(cloud, function, "dynamodb")

    with pytest.raises(Exception, match="not authorized"):
        table.get_item(TableName=f"{STAGE_PREFIX}calls", Key={"sessionId": {"S": "none"}})


@pytest.mark.parametrize(
    ("function", "name"),
    [
        ("answer_messages", "/frontdesk/local/bank-api-key"),
        ("api_handler", "/frontdesk/local/bank-api-key"),
        ("lex_codehook", "/frontdesk/local/another"),
    ],
)
def test_the_key_to_the_bank_is_the_codehooks_alone(cloud: Cloud, function: str, name: str) -> None:
    parameters = as_function(cloud, function, "ssm")

    with pytest.raises(Exception, match="not authorized"):
        parameters.get_parameter(Name=name, WithDecryption=True)


def test_who_sends_to_sockets_may_not_close_them(cloud: Cloud, chat: Chat, table: Table) -> None:
    """The same action on another method is another leave."""
    session_id, socket = chat.begin()
    connection_id = (table.get({"PK": f"SESSION#{session_id}", "SK": "META"}) or {})["connection_id"]
    found = cloud.client("lambda").get_function_configuration(FunctionName=f"{STAGE_PREFIX}answer_messages")
    url = found["Environment"]["Variables"]["CONNECTIONS_URL"]
    gateway = as_function(cloud, "answer_messages", "apigatewaymanagementapi", url)

    gateway.post_to_connection(ConnectionId=connection_id, Data=b'{"type": "pong"}')
    socket.wait("pong")
    with pytest.raises(Exception, match="not authorized"):
        gateway.delete_connection(ConnectionId=connection_id)


@pytest.fixture(scope="module")
def stage(cloud: Cloud) -> Iterator[OperatorsStage]:
    with operator(cloud) as found:
        yield found


def run(stage: OperatorsStage, *arguments: str) -> str:
    """Run a command as an operator; what it printed."""
    result = CliRunner().invoke(click.Group(commands=main.commands), arguments, obj=stage)
    assert result.exit_code == 0, f"{arguments}: {result.output} {result.exception!r}"
    return result.stdout


COMMANDS = [
    ("doctor",),
    ("doctor", "--ask-model"),
    ("events", "list"),
    ("sources", "list"),
    ("dlq", "list"),
    ("orders", "rebuild", "--yes"),
    ("events", "replay", "--state", "parked", "--yes"),
    ("person", "export", "nobody@example.com"),
    ("person", "erase", "nobody@example.com", "--yes"),
    ("sessions", "list"),
    ("agents", "list"),
    ("agents", "token", "Ana"),
    ("stream-failures", "list"),
]
"""Those that need nothing to be there."""


@pytest.mark.parametrize("arguments", COMMANDS, ids=" ".join)
def test_an_operator_needs_no_more_than_the_policy(stage: OperatorsStage, arguments: Sequence[str]) -> None:
    run(stage, *arguments)


def test_an_operator_looks_after_conversations(stage: OperatorsStage, chat: Chat, tmp_path: Path) -> None:
    session_id, customer = chat.begin()

    run(stage, "sessions", "hand-off", session_id, "--reason", "Asked for by phone.")
    customer.wait("handoff", status="waiting")
    assert session_id in run(stage, "sessions", "show", session_id)
    run(stage, "sessions", "erase", session_id, "--yes")
    for turns in (3, 240):  # one transaction, and batches
        file = write_lines(tmp_path / f"{turns}.jsonl", history(f"imported-{uuid.uuid4().hex}", turns))
        run(stage, "sessions", "import", file, "--yes")


def test_an_operator_empties_the_dead_letter_queues(stage: OperatorsStage, cloud: Cloud) -> None:
    receive_all(cloud, "webhook-events-dlq")
    envelope = make_envelope(external_id=f"operators-{uuid.uuid4().hex}")
    bury(cloud, [envelope.to_message(), "rubbish"])
    sqs = cloud.client("sqs")
    sqs.send_message(QueueUrl=cloud.queue_url("stream-failures"), MessageBody="rubbish")

    run(stage, "dlq", "redrive", "--source", "github", "--yes")
    run(stage, "dlq", "discard", "--all", "--yes")
    run(stage, "stream-failures", "discard", "--yes")

    eventually(lambda: cloud.arrived(envelope.external_id))


def test_an_operator_rotates_secrets_and_makes_them(stage: OperatorsStage, cloud: Cloud) -> None:
    manager = cloud.client("secretsmanager")
    names = [f"frontdesk/local/{name}" for name in ("webhooks/github", "chat-identity", "webhooks/stripe")]
    before = {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}
    try:
        run(stage, "secrets", "rotate", "github", "--generate")
        run(stage, "secrets", "rotate", "chat-identity", "--generate")
        manager.delete_secret(SecretId=names[2], ForceDeleteWithoutRecovery=True)
        run(stage, "secrets", "set", "stripe", "--generate")
    finally:
        for name, text in before.items():
            manager.put_secret_value(SecretId=name, SecretString=text)


@pytest.mark.parametrize(
    ("service", "operation", "arguments"),
    [
        ("secretsmanager", "get_secret_value", {"SecretId": "frontdesk/local/database"}),
        ("ssm", "get_parameter", {"Name": "/frontdesk/local/bank-api-key"}),
        ("lambda", "invoke", {"FunctionName": f"{STAGE_PREFIX}migrate_database"}),
        ("lambda", "invoke", {"FunctionName": f"{STAGE_PREFIX}look_up_order"}),
        ("dynamodb", "scan", {"TableName": f"{STAGE_PREFIX}sessions"}),
        ("dynamodb", "get_item", {"TableName": f"{STAGE_PREFIX}calls", "Key": {"sessionId": {"S": "x"}}}),
        ("iam", "list_users", {}),
    ],
)
def test_an_operator_has_no_other_leave(
    stage: OperatorsStage, service: str, operation: str, arguments: dict[str, Any]
) -> None:
    with pytest.raises(Exception, match="not authorized"):
        getattr(stage.client(service), operation)(**arguments)
