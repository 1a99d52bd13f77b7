from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from click.testing import CliRunner

from ops.checks import check_credentials, check_queues
from ops.cli import main
from ops.findings import Level
from ops.stage import Stage
from ops.times import utc_now

NOWHERE = {"AWS_EC2_METADATA_DISABLED": "true", "AWS_CONFIG_FILE": "/nowhere", "HOME": "/nowhere"}


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"AWS_DEFAULT_REGION": None}, "set AWS_DEFAULT_REGION"),
        ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "set AWS_PROFILE"),
        ({"AWS_PROFILE": "nobody"}, "nobody"),
    ],
)
def test_without_credentials_one_line_says_what_to_do(environment: Mapping[str, str | None], said: str) -> None:
    result = CliRunner().invoke(main, ["--stage", "dev", "doctor"], env=NOWHERE | {**environment})

    assert (result.exit_code, result.stdout.count("\n")) == (1, 1)
    assert result.stdout.startswith("✗ credentials")
    assert said in result.stdout


def test_without_a_local_cloud_one_line_says_how_to_start_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--directory", str(tmp_path), "doctor"])

    assert (result.exit_code, result.stdout.count("\n")) == (1, 1)
    assert "make run" in result.stdout


class FakeAws:
    """Every client at once; ``error`` is what it raises when asked who is there."""

    def __init__(self, error: Exception | None = None, age: float | None = None) -> None:
        self.error = error
        self.age = age

    def get_caller_identity(self) -> Any:
        assert self.error is not None
        raise self.error

    def get_queue_url(self, QueueName: str) -> dict[str, str]:  # noqa: N803 - as AWS names it
        return {"QueueUrl": QueueName}

    def get_queue_attributes(self, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803
        depth = "0" if QueueUrl.endswith("-dlq") else "4"
        return {
            "Attributes": {
                "QueueArn": QueueUrl,
                "RedrivePolicy": f'{{"deadLetterTargetArn": "{QueueUrl}-dlq", "maxReceiveCount": 3}}',
                "ApproximateNumberOfMessages": depth,
                "ApproximateNumberOfMessagesNotVisible": "0",
            }
        }

    def get_metric_statistics(self, **_: Any) -> dict[str, Any]:
        if self.age is None:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "GetMetricStatistics")
        before = {"Timestamp": utc_now() - timedelta(minutes=1), "Maximum": 1.0}
        return {"Datapoints": [{"Timestamp": utc_now(), "Maximum": self.age}, before]}


def stage_of(name: str, aws: FakeAws) -> Stage:
    return Stage(name, _clients=dict.fromkeys(("sts", "sqs", "cloudwatch"), aws))


@pytest.mark.parametrize(
    ("name", "error", "said"),
    [
        ("local", EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), "try again in a moment"),
        ("dev", EndpointConnectionError(endpoint_url="https://sts.example"), "cannot be reached"),
        ("dev", ClientError({"Error": {"Code": "ExpiredToken"}}, "GetCallerIdentity"), "Sign in again"),
    ],
)
def test_when_nobody_answers_the_rest_is_skipped(name: str, error: Exception, said: str) -> None:
    findings = check_credentials(stage_of(name, FakeAws(error)))

    finding = next(findings)
    assert finding.level is Level.BAD
    assert said in finding.text
    with pytest.raises(SystemExit):
        next(findings)


@pytest.mark.parametrize(("age", "said"), [(75.0, "4 messages, the oldest 0:01:15 old;"), (None, "4 messages;")])
def test_a_backlog_has_an_age_where_it_is_known(age: float | None, said: str) -> None:
    finding = next(check_queues(stage_of("dev", FakeAws(age=age))))

    assert finding.text.startswith(said)
