"""Capacity units: what the benchmarks and the capacity figures count is what a table reports of the same requests.

The local cloud reports what writes take by their bytes. Of reads it knows no size: only small ones are compared.
"""

from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from moto import mock_aws

from benchmarks.tables import Meter
from tests.integration.scratch import scratch_cloud

SIZES = [1, 900, 1_100, 5_000]
KEY = {"PK": {"S": "one"}}


@pytest.fixture(scope="module")
def reporting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Any, str]]:
    """A client and a table that report what requests consume."""
    with scratch_cloud(tmp_path_factory.mktemp("units")) as scratch:
        yield scratch.ministack.client("dynamodb"), scratch.table()[0]


@pytest.fixture
def metered() -> Iterator[tuple[Any, str, Meter]]:
    """The same of moto's, with a meter that counts."""
    with mock_aws():
        make = botocore.session.get_session().create_client
        client, untouched = (make("dynamodb", region_name="us-east-1") for _ in range(2))
        untouched.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": "PK", "AttributeType": "S"}],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}],
        )
        meter = Meter(untouched)
        meter.watch(client)
        yield client, "table", meter


def requests(size: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """What is done to an item, one after the other."""
    item = KEY | {"text": {"S": "x" * size}}
    yield "put_item", {"Item": item}
    yield "get_item", {"Key": {"PK": {"S": "nothing"}}, "ConsistentRead": True}
    yield "get_item", {"Key": {"PK": {"S": "nothing"}}}
    yield (
        "update_item",
        {"Key": KEY, "UpdateExpression": "SET n = :n", "ExpressionAttributeValues": {":n": {"S": "y" * 200}}},
    )
    yield "delete_item", {"Key": KEY}
    yield "batch_write_item", {"RequestItems": [{"PutRequest": {"Item": item}}]}
    yield "batch_write_item", {"RequestItems": [{"DeleteRequest": {"Key": KEY}}]}


def _arguments(arguments: dict[str, Any], table: str) -> dict[str, Any]:
    if "RequestItems" in arguments:
        return {"RequestItems": {table: arguments["RequestItems"]}}
    return {"TableName": table, **arguments}


@pytest.mark.parametrize("size", SIZES)
def test_the_meter_counts_what_a_table_reports(
    reporting: tuple[Any, str], metered: tuple[Any, str, Meter], size: int
) -> None:
    client, table = reporting
    watched, other, meter = metered
    reported, counted = [], []

    for name, arguments in requests(size):
        answer = getattr(client, name)(**_arguments(arguments, table), ReturnConsumedCapacity="TOTAL")
        consumed = answer["ConsumedCapacity"]
        reported.append((name, sum(one["CapacityUnits"] for one in ([consumed] if name[0] != "b" else consumed))))
        getattr(watched, name)(**_arguments(arguments, other))
        (request,) = meter.take()
        counted.append((name, request.read_units + request.write_units))

    assert counted == reported
