"""IAM is enforced: a function may do what its policy says, and nothing else."""

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
from tests.integration.conftest import STAGE_PREFIX, Cloud, eventually


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
    ("function", "sid"), [("api_handler", "ReadSourceSecrets"), ("process_webhooks", "ReadDatabaseSecret")]
)
def test_a_statement_for_secrets_is_needed(cloud: Cloud, function: str, sid: str) -> None:
    """Asks as the function itself does, with a session of its role."""
    secret = {"ReadSourceSecrets": "webhooks/github", "ReadDatabaseSecret": "database"}[sid]

    def read() -> str:
        manager = as_function(cloud, function, "secretsmanager")
        return str(manager.get_secret_value(SecretId=f"frontdesk/local/{secret}")["SecretString"])

    assert read()
    with without_statement(cloud, function, sid), pytest.raises(Exception, match="not authorized"):
        read()


def test_a_function_cannot_read_another_ones_secret(cloud: Cloud) -> None:
    manager = as_function(cloud, "process_webhooks", "secretsmanager")

    with pytest.raises(Exception, match="not authorized"):
        manager.get_secret_value(SecretId="frontdesk/local/webhooks/github")


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
