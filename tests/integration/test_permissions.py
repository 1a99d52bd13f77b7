"""IAM is enforced: a function may do what its policy says, and nothing else.

Which model is asked cannot be tried here, since the stand-in for Bedrock wants no credentials.
"""

import json
import random
import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES
from localcloud.samples import make_event
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.integration.talk import Chat


@contextmanager
def without_statement(cloud: Cloud, function: str, sid: str) -> Iterator[None]:
    """Take a statement out of a function's policy for a while."""
    iam = cloud.client("iam")
    configuration = cloud.client("lambda").get_function_configuration(FunctionName=STAGE_PREFIX + function)
    role = configuration["Role"].rsplit("/", 1)[-1]
    document = iam.get_role_policy(RoleName=role, PolicyName=function)["PolicyDocument"]
    statements = [statement for statement in document["Statement"] if statement["Sid"] != sid]
    assert len(statements) == len(document["Statement"]) - 1

    def put(policy: dict[str, Any]) -> None:
        iam.put_role_policy(RoleName=role, PolicyName=function, PolicyDocument=json.dumps(policy))

    put(document | {"Statement": statements})
    try:
        yield
    finally:
        put(document)


def test_without_leave_to_queue_nothing_is_accepted(cloud: Cloud) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int))
    assert cloud.deliver("github", event).status_code == 202

    with without_statement(cloud, "api_handler", "QueueWebhooks"):
        answer = cloud.deliver("github", event)

    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "5"
    assert answer.json()["code"] == "unavailable"
    assert "not authorized" not in answer.text
    denied = re.compile("AccessDenied.*is not authorized to perform: sqs:sendmessage", re.IGNORECASE)
    eventually(lambda: denied.search(cloud.logs()))
    assert cloud.deliver("github", event).status_code == 202


@pytest.mark.parametrize(
    ("function", "sid", "secret"),
    [
        ("api_handler", "ReadSourceSecrets", "webhooks/github"),
        ("api_handler", "ReadChatSecrets", "chat-signing"),
        ("websocket_connect", "ReadChatSecrets", "chat-signing"),
        ("process_webhooks", "ReadDatabaseSecret", "database"),
        ("look_up_order", "ReadDatabaseSecret", "database"),
    ],
)
def test_a_statement_for_secrets_is_needed(cloud: Cloud, function: str, sid: str, secret: str) -> None:
    """Asks as the function itself does, with a session of its role."""

    def read() -> str:
        manager = as_function(cloud, function, "secretsmanager")
        return str(manager.get_secret_value(SecretId=f"frontdesk/local/{secret}")["SecretString"])

    assert read()
    with without_statement(cloud, function, sid), pytest.raises(Exception, match="not authorized"):
        read()


@pytest.mark.parametrize(
    ("function", "secret"),
    [
        ("process_webhooks", "webhooks/github"),
        ("websocket_connect", "webhooks/github"),
        ("websocket_message", "chat-signing"),
        ("answer_messages", "database"),
    ],
)
def test_a_function_cannot_read_another_ones_secret(cloud: Cloud, function: str, secret: str) -> None:
    manager = as_function(cloud, function, "secretsmanager")

    with pytest.raises(Exception, match="not authorized"):
        manager.get_secret_value(SecretId=f"frontdesk/local/{secret}")


def as_function(cloud: Cloud, function: str, service: str) -> Any:
    """A client of a service with the credentials of a function's role."""
    import botocore.session

    configuration = cloud.client("lambda").get_function_configuration(FunctionName=STAGE_PREFIX + function)
    credentials = cloud.client("sts").assume_role(RoleArn=configuration["Role"], RoleSessionName="test")["Credentials"]
    return botocore.session.get_session().create_client(
        service,
        region_name="us-east-1",
        endpoint_url=cloud.endpoints.aws_endpoint_url,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def test_without_leave_to_put_a_large_body_it_is_not_accepted(cloud: Cloud) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int), body=b"x" * (MAX_INLINE_BODY_BYTES + 1))

    with without_statement(cloud, "api_handler", "PutLargeBodies"):
        answer = cloud.deliver("github", event)

    assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
    assert cloud.deliver("github", event).status_code == 202
    eventually(lambda: cloud.arrived(event.event_id))


def test_without_leave_to_fetch_a_large_body_its_event_comes_back_until_it_can(cloud: Cloud) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int), body=b"x" * (MAX_INLINE_BODY_BYTES + 1))

    with without_statement(cloud, "process_webhooks", "FetchLargeBodies"):
        assert cloud.deliver("github", event).status_code == 202
        eventually(lambda: "body cannot be fetched" in cloud.logs())
        assert cloud.arrived(event.event_id) == []

    eventually(lambda: cloud.arrived(event.event_id), seconds=30)


def test_without_leave_to_queue_sessions_a_message_is_not_acknowledged(cloud: Cloud, chat: Chat) -> None:
    _, customer = chat.begin()

    with without_statement(cloud, "websocket_message", "QueueSessions"):
        message_id = customer.say("Hello")
        customer.wait("error", code="unavailable", message_id=message_id)
    customer.say("Hello", message_id)
    customer.wait("message", message_id=message_id, author="bot")

    assert [frame["type"] for frame in customer.frames[:2]] == ["error", "ack"]


def test_without_leave_to_use_sockets_nothing_is_acknowledged_but_the_answer_comes(cloud: Cloud, chat: Chat) -> None:
    _, customer = chat.begin()

    with without_statement(cloud, "websocket_message", "UseSockets"):
        customer.ask("What are your shipping costs?")
    customer.send(action="ping")
    customer.wait("pong")

    assert {frame["type"] for frame in customer.frames} == {"delta", "message", "pong"}


def test_without_leave_to_look_orders_up_the_answer_says_so(cloud: Cloud, chat: Chat) -> None:
    _, customer = chat.begin()

    with without_statement(cloud, "answer_messages", "LookUpOrders"):
        customer.ask("Where is my order 1001? My address is aiko@example.com.")

    eventually(lambda: "order not looked up" in cloud.logs())


@pytest.mark.parametrize("function", ["websocket_message", "answer_messages", "summarize_sessions"])
def test_a_statement_for_sessions_is_needed(cloud: Cloud, function: str) -> None:
    def query() -> Any:
        table = as_function(cloud, function, "dynamodb")
        return table.query(
            TableName=f"{STAGE_PREFIX}sessions",
            KeyConditionExpression="PK = :partition",
            ExpressionAttributeValues={":partition": {"S": "SESSION#none"}},
        )["Items"]

    assert query() == []
    with without_statement(cloud, function, "UseSessions"), pytest.raises(Exception, match="not authorized"):
        query()


@pytest.mark.parametrize("function", ["process_webhooks", "look_up_order", "delete_expired_sessions"])
def test_who_has_no_business_with_a_session_cannot_write_one(cloud: Cloud, function: str) -> None:
    table = as_function(cloud, function, "dynamodb")

    with pytest.raises(Exception, match="not authorized"):
        table.put_item(TableName=f"{STAGE_PREFIX}sessions", Item={"PK": {"S": "SESSION#x"}, "SK": {"S": "META"}})
