"""Where a stage is reached: on AWS, and beside an emulator."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from click.testing import CliRunner

from ops.checks import NEED_FUNCTIONS
from ops.cli import main
from ops.findings import Finding
from ops.stage import Stage

OUTPUTS = {"EndpointURL": "https://a1.execute-api.us-east-1.amazonaws.com/api/", "RestAPIId": "a1"}
EMULATOR = "http://127.0.0.1:4566"


class FakeAws:
    """CloudFormation with the app stack's outputs, and Lambda with the functions' variables, if any."""

    def __init__(self, code: str | None = None) -> None:
        self.code = code

    def describe_stacks(self, **_: Any) -> dict[str, Any]:
        outputs = [{"OutputKey": key, "OutputValue": value} for key, value in OUTPUTS.items()]
        return {"Stacks": [{"Outputs": outputs}]}

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        if self.code:
            raise ClientError({"Error": {"Code": self.code}}, "GetFunctionConfiguration")
        return {"Environment": {"Variables": {"MODEL_ENDPOINT_URL": "http://127.0.0.1:9001"}}}


def stage_of(aws: FakeAws) -> Stage:
    return Stage("dev", None, dict.fromkeys(("cloudformation", "lambda"), aws))


def test_on_aws_it_is_where_the_stack_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)

    assert stage_of(FakeAws()).emulator is None
    assert stage_of(FakeAws()).address() == OUTPUTS["EndpointURL"].rstrip("/")


def test_on_an_emulator_nothing_of_aws_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"{EMULATOR}/")
    stage = stage_of(FakeAws())

    assert stage.address() == f"{EMULATOR}/_aws/execute-api/a1/api"
    assert stage.model_address() == "http://127.0.0.1:9001"
    assert stage.model_client().meta.endpoint_url == "http://127.0.0.1:9001"


@pytest.mark.parametrize(
    ("code", "there"), [(None, True), ("ResourceNotFoundException", False), ("AccessDeniedException", True)]
)
def test_functions_are_missed_only_where_that_is_certain(code: str | None, there: bool) -> None:
    assert stage_of(FakeAws(code)).is_deployed is there


def test_without_functions_only_the_cause_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    looked = list[str]()

    def check(name: str) -> Callable[[Stage], Iterator[Finding]]:
        def note(_: Stage) -> Iterator[Finding]:
            looked.append(name)
            yield from ()

        return note

    monkeypatch.setattr("ops.doctor.CHECKS", {name: check(name) for name in ("stacks", *NEED_FUNCTIONS)})
    monkeypatch.setattr(Stage, "is_deployed", False)

    CliRunner().invoke(main, ["--stage", "dev", "doctor"])

    assert looked == ["stacks"]
