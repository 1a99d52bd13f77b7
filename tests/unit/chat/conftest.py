"""A table of moto's for each test, and the chat on it."""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from tests.unit.chat.world import TABLE, World


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A client, and an empty table with the keys of the real one."""
    with mock_aws():
        client = botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        yield client


@pytest.fixture
def world(dynamodb: Any) -> World:
    return World(dynamodb)
