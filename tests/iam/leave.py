"""Taking leave away from a deployed role for a while, and giving it back; and acting as a role does."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import botocore.session

from localcloud.ministack import REGION
from tests.iam.roles import Statement, listed, read_statements
from tests.integration.cloud import STAGE_PREFIX, Cloud


def role_of(cloud: Cloud, function: str) -> str:
    """The ARN of a function's role."""
    found = cloud.client("lambda").get_function_configuration(FunctionName=STAGE_PREFIX + function)
    return str(found["Role"])


def statements_of(cloud: Cloud, function: str) -> list[Statement]:
    """What a function's role may do, as it is deployed."""
    return list(read_statements(_Policy(cloud, function).read()))


@contextmanager
def without_statement(cloud: Cloud, function: str, sid: str, action: str | None = None) -> Iterator[None]:
    """Take a statement, or one ``action`` of it, out of a function's policy for a while."""

    def reduce(statement: dict[str, Any]) -> dict[str, Any] | None:
        if statement["Sid"] != sid:
            return statement
        left = [one for one in listed(statement["Action"]) if action is not None and one != action]
        return {**statement, "Action": left} if left else None

    policy = _Policy(cloud, function)
    before = policy.read()
    after = [reduced for statement in before["Statement"] if (reduced := reduce(statement))]
    assert after != before["Statement"], f"{function} has no {action or ''} {sid}"
    policy.write(before | {"Statement": after})
    try:
        yield
    finally:
        policy.write(before)


class _Policy:
    """The one policy of a function's role, which has the function's name."""

    def __init__(self, cloud: Cloud, function: str) -> None:
        self._iam = cloud.client("iam")
        self._name = {"RoleName": role_of(cloud, function).rsplit("/", 1)[-1], "PolicyName": function}

    def read(self) -> dict[str, Any]:
        document: dict[str, Any] = self._iam.get_role_policy(**self._name)["PolicyDocument"]
        return document

    def write(self, document: dict[str, Any]) -> None:
        self._iam.put_role_policy(**self._name, PolicyDocument=json.dumps(document))


def as_function(cloud: Cloud, function: str, service: str, url: str | None = None) -> Any:
    """A client of a service, which is at ``url`` if it is elsewhere, with the credentials of a function's role."""
    answer = cloud.client("sts").assume_role(RoleArn=role_of(cloud, function), RoleSessionName="test")
    found = answer["Credentials"]
    keys = (found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
    return clients_of(cloud, *keys, url=url)(service)


def clients_of(
    cloud: Cloud, access_key: str, secret: str, session: str | None = None, *, url: str | None = None
) -> Callable[[str], Any]:
    """Makes clients of services for whoever has these credentials."""

    def make(service: str) -> Any:
        return botocore.session.get_session().create_client(
            service,
            region_name=REGION,
            endpoint_url=url or cloud.endpoints.aws_endpoint_url,
            aws_access_key_id=access_key,
            aws_secret_access_key=secret,
            aws_session_token=session,
        )

    return make
