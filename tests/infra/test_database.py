"""The operator's part of the first role."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from infra.database import bootstrap
from infra.errors import DeploymentError

OUTPUTS = {"DatabaseMasterSecretArn": "arn:secret", "DatabaseUrl": "postgresql://frontdesk@db:5432/frontdesk"}


@dataclass
class FakeAws:
    """Both clients: a secret of RDS's, and a function that answers."""

    answer: dict[str, Any]
    failed: bool = False
    needed: bool = True
    asked: list[tuple[str, Any]] = field(default_factory=list)

    def __call__(self, service: str) -> "FakeAws":
        self.asked.append(("client", service))
        return self

    def get_secret_value(self, SecretId: str) -> dict[str, str]:  # noqa: N803 - AWS's name
        self.asked.append(("secret", SecretId))
        return {"SecretString": json.dumps({"username": "postgres", "password": "hidden-word", "engine": "postgres"})}

    def invoke(self, FunctionName: str, Payload: bytes) -> dict[str, Any]:  # noqa: N803
        self.asked.append((FunctionName, json.loads(Payload)))
        if json.loads(Payload) == {"bootstrap": "needed"}:
            return {"Payload": io.BytesIO(json.dumps({"role": "frontdesk", "needed": self.needed}).encode())}
        failure = {"FunctionError": "Unhandled"} if self.failed else {}
        return failure | {"Payload": io.BytesIO(json.dumps(self.answer).encode())}


def test_the_function_is_given_the_administrator() -> None:
    aws = FakeAws({"role": "frontdesk", "created": True})

    assert bootstrap(aws, "dev", OUTPUTS) == "frontdesk"
    assert ("secret", "arn:secret") in aws.asked
    event = {"bootstrap": {"username": "postgres", "password": "hidden-word"}}
    assert aws.asked[-1] == ("frontdesk-dev-migrate_database", event)


def test_a_role_that_is_there_takes_no_password() -> None:
    aws = FakeAws({}, needed=False)

    assert bootstrap(aws, "dev", OUTPUTS) == "frontdesk"
    assert aws.asked == [("client", "lambda"), ("frontdesk-dev-migrate_database", {"bootstrap": "needed"})]


def test_a_database_that_exists_has_its_role() -> None:
    aws = FakeAws({})

    assert bootstrap(aws, "dev", {}) is None
    assert aws.asked == []


def test_a_failure_says_why_and_no_password() -> None:
    aws = FakeAws({"errorMessage": "The database cannot be reached, or refuses the administrator."}, failed=True)

    with pytest.raises(DeploymentError, match="cannot be reached") as failed:
        bootstrap(aws, "dev", OUTPUTS)
    assert "hidden-word" not in str(failed.value)
