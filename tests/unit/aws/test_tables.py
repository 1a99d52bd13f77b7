"""Tables: values as DynamoDB has them, conditions, and the classes of errors."""

from decimal import Decimal
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.aws.tables import (
    ATTEMPTS,
    FIRST_PAUSE_SECONDS,
    ConditionFailedError,
    RefusedError,
    Table,
    delete,
    marshal,
    put,
    unmarshal,
    update,
)
from chalicelib.errors import UnavailableError
from tests.fakes import Requests
from tests.tables import TABLE

KEY = {"PK": "a", "SK": "1"}
SCALARS = st.one_of(
    st.text(), st.booleans(), st.none(), st.binary(), st.integers(-(10**37), 10**37), st.just(Decimal("1.5"))
)
VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=10)


@pytest.fixture
def requests(dynamodb: Any) -> Requests:
    return Requests(dynamodb)


@pytest.fixture
def pauses() -> list[float]:
    return []


@pytest.fixture
def table(requests: Requests, pauses: list[float]) -> Table:
    return Table(requests, TABLE, pauses.append)


class TestValues:
    @given(st.dictionaries(st.text(), VALUES))
    def test_come_back_as_they_were(self, item: dict[str, Any]) -> None:
        assert unmarshal(marshal(item)) == item

    def test_are_dynamodb_s(self) -> None:
        item = {"s": "x", "n": 1, "b": b"x", "t": True, "z": None, "l": (1, "x"), "m": {"d": Decimal("1.5")}}

        assert marshal(item) == {
            "s": {"S": "x"},
            "n": {"N": "1"},
            "b": {"B": b"x"},
            "t": {"BOOL": True},
            "z": {"NULL": True},
            "l": {"L": [{"N": "1"}, {"S": "x"}]},
            "m": {"M": {"d": {"N": "1.5"}}},
        }

    @pytest.mark.parametrize("value", [1.5, {1, 2}, object()])
    def test_others_are_refused(self, value: Any) -> None:
        with pytest.raises(TypeError, match="no room"):
            marshal({"x": value})


class TestItems:
    def test_are_put_read_changed_and_deleted(self, table: Table) -> None:
        table.write(put({**KEY, "n": 1}))
        assert table.get(KEY) == {**KEY, "n": 1}
        assert table.write(update(KEY, "SET n = n + :one", one=1)) == {**KEY, "n": 2}
        assert table.write(update(KEY, "SET n = :n", n=5), returning="ALL_OLD") == {**KEY, "n": 2}
        assert table.write(delete(KEY)) == {**KEY, "n": 5}
        assert table.get(KEY) is None

    def test_are_found_by_the_beginnings_of_their_keys(self, table: Table) -> None:
        keys = ["META", "TURN#1", "TURN#2", "TURN#3", "U"]
        table.write_batch({"PK": "a", "SK": key} for key in keys)

        def found(*arguments: Any, **options: Any) -> list[str]:
            return [item["SK"] for item in table.query("a", *arguments, **options)]

        assert found() == keys
        assert found("TURN#") == keys[1:4]
        assert found("TURN#", newest_first=True, limit=2) == ["TURN#3", "TURN#2"]
        assert found("TURN#", first="TURN#2") == keys[2:4]
        assert table.query("b") == []

    def test_come_page_by_page(self, table: Table, requests: Requests) -> None:
        table.write_batch({"PK": "a", "SK": f"{number:03}", "x": "y" * 100_000} for number in range(25))

        assert len(table.query("a")) == 25
        assert len(table.query("a", limit=15)) == 15
        assert requests.made.count("query") >= 3


class TestConditions:
    def test_one_that_does_not_hold_shows_what_was_there(self, table: Table) -> None:
        table.write(put({**KEY, "n": 1}))

        with pytest.raises(ConditionFailedError) as refused:
            table.write(put({**KEY, "n": 2}))

        assert (refused.value.items, refused.value.failed) == ([{**KEY, "n": 1}], [True])

    def test_one_of_several_stops_them_all(self, table: Table) -> None:
        table.write(put({**KEY, "n": 1}))

        with pytest.raises(ConditionFailedError) as refused:
            table.transact(put({"PK": "a", "SK": "2"}), update(KEY, "SET n = :two", "n = :two", two=2))

        assert (refused.value.items, refused.value.failed) == ([None, {**KEY, "n": 1}], [False, True])
        assert table.get({"PK": "a", "SK": "2"}) is None

    def test_what_is_not_there_is_not_changed(self, table: Table) -> None:
        with pytest.raises(ConditionFailedError) as refused:
            table.write(update(KEY, "SET n = :n", n=1))
        assert refused.value.items == [None]


def failure(code: str, status: int = 400, **more: Any) -> ClientError:
    return ClientError(
        {"Error": {"Code": code, "Message": "m"}, "ResponseMetadata": {"HTTPStatusCode": status}, **more}, "x"
    )


def cancelled(*codes: str) -> ClientError:
    return failure("TransactionCanceledException", CancellationReasons=[{"Code": code} for code in codes])


RETRYABLE = [
    failure("ThrottlingException"),
    failure("ProvisionedThroughputExceededException"),
    failure("TransactionConflictException"),
    failure("TransactionInProgressException"),
    failure("InternalServerError", 500),
    failure("SomethingNew", 503),
    cancelled("None", "TransactionConflict"),
    cancelled("ThrottlingError", "None"),
    ReadTimeoutError(endpoint_url="http://dynamodb"),
]
FATAL = [
    failure("ValidationException"),
    failure("AccessDeniedException"),
    failure("ResourceNotFoundException"),
    cancelled("ItemCollectionSizeLimitExceeded", "None"),
]


class TestErrors:
    @pytest.mark.parametrize("error", RETRYABLE)
    def test_retryable_ones_are_retried(
        self, table: Table, requests: Requests, pauses: list[float], error: Exception
    ) -> None:
        requests.errors["transact_write_items"] = [error, error]

        table.transact(put({**KEY, "n": 1}))

        assert table.get(KEY)
        for pause, usual in zip(pauses, (FIRST_PAUSE_SECONDS, FIRST_PAUSE_SECONDS * 2), strict=True):
            assert usual * 0.5 <= pause <= usual * 1.5

    def test_not_without_end(self, table: Table, requests: Requests, pauses: list[float]) -> None:
        requests.errors["get_item"] = [failure("ThrottlingException")] * 10

        with pytest.raises(UnavailableError) as error:
            table.get(KEY)

        assert not isinstance(error.value, RefusedError)
        assert len(requests.made) == ATTEMPTS
        assert len(pauses) == ATTEMPTS - 1

    def test_pauses_differ(self, table: Table, requests: Requests, pauses: list[float]) -> None:
        requests.errors["get_item"] = [failure("ThrottlingException")] * 3
        table.get(KEY)
        requests.errors["get_item"] = [failure("ThrottlingException")] * 3
        table.get(KEY)
        assert len(set(pauses)) == 6

    @pytest.mark.parametrize("error", FATAL)
    def test_fatal_ones_are_not(self, table: Table, requests: Requests, pauses: list[float], error: Exception) -> None:
        requests.errors["transact_write_items"] = [error]

        with pytest.raises(RefusedError, match=r"^The table refuses: \w+"):
            table.transact(put({**KEY, "n": 1}))

        assert pauses == []

    def test_a_condition_is_told_even_beside_a_conflict(self, table: Table, requests: Requests) -> None:
        requests.errors["transact_write_items"] = [cancelled("ConditionalCheckFailed", "TransactionConflict")]
        with pytest.raises(ConditionFailedError):
            table.transact(put({**KEY, "n": 1}))

    def test_a_repetition_bears_the_same_token(self, requests: Requests, table: Table) -> None:
        tokens: list[str] = []

        class Client:
            def transact_write_items(self, **request: Any) -> None:
                tokens.append(request["ClientRequestToken"])
                if len(tokens) == 1:
                    raise ReadTimeoutError(endpoint_url="http://dynamodb")

        Table(Client(), "things", lambda _: None).transact(put(KEY))

        assert len(tokens) == 2
        assert len(set(tokens)) == 1


class TestBatches:
    def test_of_any_size(self, table: Table, requests: Requests) -> None:
        items = [{"PK": "a", "SK": f"{number:03}"} for number in range(60)]

        table.write_batch(items)
        assert len(table.query("a")) == 60
        table.write_batch(deletes=items)

        assert table.query("a") == []
        assert requests.made.count("batch_write_item") == 6

    def test_what_is_left_is_sent_again(self, pauses: list[float]) -> None:
        sent: list[int] = []

        class Client:
            def batch_write_item(self, RequestItems: dict[str, list[Any]]) -> dict[str, Any]:  # noqa: N803
                sent.append(len(RequestItems["things"]))
                left = RequestItems["things"][10:]
                return {"UnprocessedItems": {"things": left} if left else {}}

        Table(Client(), "things", pauses.append).write_batch({"PK": "a", "SK": str(number)} for number in range(25))

        assert sent == [25, 15, 5]
        assert len(pauses) == 2

    def test_but_not_without_end(self, pauses: list[float]) -> None:
        class Client:
            def batch_write_item(self, RequestItems: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
                return {"UnprocessedItems": RequestItems}

        with pytest.raises(UnavailableError, match="unprocessed"):
            Table(Client(), "things", pauses.append).write_batch([KEY])
