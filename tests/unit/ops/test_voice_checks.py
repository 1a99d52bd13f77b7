"""The doctor's look at the bank line."""

from collections.abc import Mapping
from typing import Any

import pytest

from chalicelib.voice import exchange
from ops.findings import Finding, Level
from ops.stage import Stage
from ops.voice_checks import FAILURES, check_bank_line

BANK = "https://bank.example"


class MissingError(Exception):
    """What a client raises for what is not there."""


class FakeAws:
    """Lambda, DynamoDB, Parameter Store and CloudWatch; ``missing`` is what is not there, ``counts`` the outcomes."""

    class exceptions:  # noqa: N801 - as boto names it
        ResourceNotFoundException = MissingError

    def __init__(
        self, missing: str = "", *, url: str = BANK, state: str = "Active", counts: Mapping[str, int] | None = None
    ) -> None:
        self.missing, self.url, self.state, self.counts = missing, url, state, counts or {}

    def get_function_configuration(self, **_: Any) -> dict[str, Any]:
        if self.missing == "function":
            raise MissingError
        variables = {"BANK_URL": self.url, "BANK_API_KEY_PARAMETER": "/frontdesk/dev/bank-api-key"}
        return {"State": self.state, "LastUpdateStatus": "Successful", "Environment": {"Variables": variables}}

    def describe_table(self, **_: Any) -> dict[str, Any]:
        if self.missing == "table":
            raise MissingError
        return {"Table": {"TableStatus": "ACTIVE"}}

    def describe_parameters(self, **_: Any) -> dict[str, Any]:
        return {"Parameters": [] if self.missing == "key" else [{"Name": "/frontdesk/dev/bank-api-key"}]}

    def get_metric_statistics(self, Dimensions: list[dict[str, str]], **_: Any) -> dict[str, Any]:  # noqa: N803
        outcome = {one["Name"]: one["Value"] for one in Dimensions}["outcome"]
        return {"Datapoints": [{"Sum": float(self.counts[outcome])}] if outcome in self.counts else []}


def look(aws: FakeAws) -> dict[str, Finding]:
    stage = Stage("dev", None, dict.fromkeys(("lambda", "dynamodb", "ssm", "cloudwatch"), aws))
    return {finding.subject: finding for finding in check_bank_line(stage)}


def test_a_line_that_is_whole() -> None:
    found = look(FakeAws(counts={"ok": 7}))

    assert {finding.level for finding in found.values()} == {Level.GOOD}
    assert list(found) == ["function lex_codehook", "table of calls", "bank's key", "bank"]
    assert "answered 7 requests" in found["bank"].text


@pytest.mark.parametrize(
    ("aws", "subject"),
    [
        (FakeAws("function"), "function lex_codehook"),
        (FakeAws(state="Failed"), "function lex_codehook"),
        (FakeAws("table"), "table of calls"),
        (FakeAws("key"), "bank's key"),
        (FakeAws(counts={"unreachable": 3}), "bank"),
    ],
)
def test_what_is_missing_is_named(aws: FakeAws, subject: str) -> None:
    assert [name for name, finding in look(aws).items() if finding.level is Level.BAD] == [subject]


@pytest.mark.parametrize(
    ("aws", "said"),
    [
        (FakeAws(url="https://bank.invalid"), "set BankUrl"),
        (FakeAws(counts={"ok": 5, "late": 2, "open": 1}), "failed 3 of 8 requests"),
    ],
)
def test_what_is_worth_a_look(aws: FakeAws, said: str) -> None:
    bank = look(aws)["bank"]

    assert bank.level is Level.NOTE
    assert said in bank.text


def test_failures_are_the_outcomes_that_the_codehook_counts() -> None:
    assert {"unreachable", "dropped", "late", "open"} <= set(FAILURES)
    assert exchange.Answer(503, b"").outcome in FAILURES
    assert exchange.Answer(200, b"").outcome == "ok"
