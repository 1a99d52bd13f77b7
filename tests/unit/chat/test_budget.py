from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import EndpointConnectionError
from moto import mock_aws

from chalicelib.aws.tables import Table
from chalicelib.chat.budget import Budget
from tests.builders import NOW
from tests.fakes import FakeClock


@pytest.fixture
def table() -> Iterator[Table]:
    with mock_aws():
        client = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="sessions",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        yield Table(client, "sessions", sleep=lambda _: None)


def budget(table: Table, clock: FakeClock | None = None) -> Budget:
    return Budget(table, clock or FakeClock(NOW), daily=1000, per_session=300)


def test_a_new_day_has_its_whole_budget(table: Table) -> None:
    assert budget(table).allows(0)


def test_beyond_the_days_ceiling_nobody_is_answered(table: Table) -> None:
    mine = budget(table)
    mine.add(999)
    assert mine.allows(0)
    mine.add(1)

    assert not mine.allows(0)
    assert not budget(table).allows(0)


def test_beyond_its_own_ceiling_a_session_is_not(table: Table) -> None:
    assert budget(table).allows(299)
    assert not budget(table).allows(300)


def test_what_others_spend_is_known_within_a_minute(table: Table) -> None:
    clock = FakeClock(NOW)
    mine = budget(table, clock)
    assert mine.allows(0)
    budget(table).add(1000)
    assert mine.allows(0)
    clock.now += 60

    assert not mine.allows(0)


def test_the_next_day_begins_anew(table: Table) -> None:
    clock = FakeClock(NOW)
    mine = budget(table, clock)
    mine.add(1000)
    clock.now += 86_400

    assert mine.allows(0)


class NoClient:
    """A client that reaches nothing."""

    def __getattr__(self, name: str) -> Any:
        def refuse(**_: Any) -> Any:
            raise EndpointConnectionError(endpoint_url="https://dynamodb")

        return refuse


def test_without_the_table_it_allows() -> None:
    broken = Budget(Table(NoClient(), "sessions", sleep=lambda _: None), FakeClock(NOW), 1, 1)

    broken.add(5)

    assert broken.allows(0)
