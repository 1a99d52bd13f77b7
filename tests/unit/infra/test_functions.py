import io
import json
from typing import Any

import pytest

from infra.errors import DeploymentError
from infra.functions import Functions, hash_of
from infra.stages import Stage

CODE = {"S3Bucket": "bucket", "S3Key": "key"}


class FakeLambda:
    """Functions by their names, each with the hash of its code and its handler."""

    def __init__(self, **functions: tuple[str, str]) -> None:
        self.functions = functions
        self.updated: list[str] = []
        self.answer: dict[str, Any] = {"applied": [1, 2], "version": 2}
        self.failed = False

    def get_paginator(self, _: str) -> "FakeLambda":
        return self

    def paginate(self) -> list[dict[str, Any]]:
        return [
            {"Functions": [{"FunctionName": name.replace("__", "-"), "CodeSha256": code, "Handler": handler}]}
            for name, (code, handler) in self.functions.items()
        ]

    def update_function_code(self, FunctionName: str, **code: Any) -> None:  # noqa: N803 - boto's name
        assert code == CODE
        self.updated.append(FunctionName)

    def get_waiter(self, _: str) -> "FakeLambda":
        return self

    def wait(self, **_: Any) -> None:
        """Each is ready at once."""

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        return {"Layers": [{"Arn": "arn:layer:1"}]}

    def get_layer_version_by_arn(self, Arn: str) -> dict[str, Any]:  # noqa: N803 - boto's name
        assert Arn == "arn:layer:1"
        return {"Content": {"CodeSha256": hash_of(b"layer")}}

    def invoke(self, FunctionName: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - boto's name
        assert FunctionName == "frontdesk-dev-migrate_database"
        failure = {"FunctionError": "Unhandled"} if self.failed else {}
        return {"Payload": io.BytesIO(json.dumps(self.answer).encode())} | failure


def functions_of(client: FakeLambda, said: list[str] | None = None) -> Functions:
    return Functions(client, Stage("dev"), (said if said is not None else []).append)


def test_functions_with_other_code_than_the_package_s_get_it() -> None:
    client = FakeLambda(
        frontdesk__dev__api_handler=("new", "app.app"),
        frontdesk__dev__migrate_database=("other", "app.migrate_database"),
        frontdesk__dev__canary=("other", "index.handler"),
        frontdesk__dev2__api_handler=("other", "app.app"),
    )

    functions_of(client).settle(CODE, "new")

    assert client.updated == ["frontdesk-dev-migrate_database"]


def test_all_functions_get_new_code() -> None:
    client = FakeLambda(frontdesk__dev__a=("x", "app.a"), frontdesk__dev__b=("y", "app.b"))

    assert functions_of(client).update(CODE) == 2
    assert sorted(client.updated) == ["frontdesk-dev-a", "frontdesk-dev-b"]


def test_a_layer_is_known_by_its_contents() -> None:
    assert functions_of(FakeLambda()).migrates_with(b"layer")
    assert not functions_of(FakeLambda()).migrates_with(b"newer layer")


@pytest.mark.parametrize(("applied", "told"), [([1, 2], "schema version 2, applied: 1, 2"), ([], "schema version 2")])
def test_what_was_migrated_is_told(applied: list[int], told: str) -> None:
    client, said = FakeLambda(), list[str]()
    client.answer["applied"] = applied

    assert functions_of(client, said).migrate() == 2
    assert said == [told]


def test_why_it_cannot_be_migrated_is_told() -> None:
    client = FakeLambda()
    client.failed, client.answer = True, {"errorMessage": "0003_x.sql:  no such\n table."}

    with pytest.raises(DeploymentError, match=r"cannot be applied: 0003_x\.sql: no such table\. The log of"):
        functions_of(client).migrate()
