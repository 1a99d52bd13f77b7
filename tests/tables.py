"""The chat's table as moto has it, for tests of what stands on DynamoDB."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import botocore.session
from moto import mock_aws

TABLE = "sessions"


@contextmanager
def sessions_table() -> Iterator[Any]:
    """A client, and an empty table with the keys of the real one."""
    with mock_aws():
        client = _client()
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        yield client


@cache
def _client() -> Any:
    """One for all tests: to make one takes longer than most of them. What it wrote is gone with each ``mock_aws``."""
    return botocore.session.get_session().create_client("dynamodb", region_name="us-east-1")
