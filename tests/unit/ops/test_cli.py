from collections.abc import Mapping
from typing import Any

import click
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from ops.cli import Group, main
from ops.stage import Stage


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_DEFAULT_REGION": None}, "There is no AWS region"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "There are no AWS credentials"),
    ],
)
def test_what_the_environment_lacks_is_said(environment: Mapping[str, str | None], said: str) -> None:
    nowhere = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "HOME": "/nowhere"}

    result = CliRunner().invoke(main, ["--stage", "dev", "events", "list"], env=nowhere | {**environment})

    assert (result.exit_code, result.stdout) == (1, "")
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def refusing(error: Exception) -> click.Group:
    group = Group("ops")

    @group.command()
    def work() -> None:
        raise error

    return group


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not\nauthorized"}}, "Invoke"),
            "AWS refuses Invoke (AccessDeniedException): not authorized. Ask for leave, or take other credentials.",
        ),
        (ClientError({"Error": {"Code": "Throttling"}}, "Invoke"), "doctor"),
        (EndpointConnectionError(endpoint_url="https://sqs.example"), "cannot be reached"),
    ],
)
def test_what_aws_refuses_is_said_in_one_line(error: Exception, said: str) -> None:
    result = CliRunner().invoke(refusing(error), ["work"])

    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1


def test_names_follow_the_stage() -> None:
    stage = Stage("prod")

    assert stage.deployed_name("manage_events") == "frontdesk-prod-manage_events"
    assert stage.source_secret("github") == "frontdesk/prod/webhooks/github"


def test_the_stage_is_not_taken_from_the_environment() -> None:
    chosen: dict[str, Any] = {}

    @main.command("tell-stage")
    @click.pass_obj
    def tell(stage: Stage) -> None:
        chosen["stage"] = stage.name

    try:
        CliRunner().invoke(main, ["tell-stage"], env={"STAGE": "prod"})
    finally:
        del main.commands["tell-stage"]
    assert chosen == {"stage": "local"}
