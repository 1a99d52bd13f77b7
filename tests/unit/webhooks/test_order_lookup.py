"""Looking an order up: what the database is asked, and what it is not."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from chalicelib.webhooks.order_lookup import NOT_FOUND, look_up_order

ITEMS = [{"title": "Moonlit Courier, Vol. 3", "variant": "English", "quantity": 2, "sku": "MLC-03-EN"}]
ROW: tuple[Any, ...] = (1001, "paid", ITEMS, Decimal("19.98"), "EUR", [], datetime(2026, 11, 20, tzinfo=UTC))


class FakeConnection:
    """Answers with ``row`` and remembers what it was asked."""

    def __init__(self, row: tuple[Any, ...] | None = ROW) -> None:
        self.row, self.asked = row, list[dict[str, Any]]()

    def execute(self, statement: str, parameters: dict[str, Any]) -> "FakeConnection":
        self.asked.append(parameters)
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self.row


def look_up(connection: FakeConnection, **request: Any) -> dict[str, Any]:
    return look_up_order(connection, request)  # type: ignore[arg-type]


def test_an_order_as_json() -> None:
    assert look_up(FakeConnection(), number="1001", customer_id="7001") == {
        "number": 1001,
        "status": "paid",
        "items": [{"title": "Moonlit Courier, Vol. 3", "variant": "English", "quantity": 2}],
        "total": "19.98 EUR",
        "tracking": [],
        "updated_at": "2026-11-20T00:00:00+00:00",
    }


def test_what_is_not_there_is_not_found() -> None:
    assert look_up(FakeConnection(None), number="1001", customer_id="7001") == NOT_FOUND


@pytest.mark.parametrize("number", ["1001", "#1001", " order 1001 ", 1001])
def test_numbers_as_people_write_them(number: Any) -> None:
    connection = FakeConnection()
    look_up(connection, number=number, email="a@example.com")
    assert connection.asked == [{"number": 1001, "customer_id": None, "email": "a@example.com"}]


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"number": "1001"},
        {"number": "1001", "email": ""},
        {"number": "1001", "email": ["a@example.com"]},
        {"number": "1001", "email": "a\0@example.com"},
        {"number": "1001", "email": "x" * 321},
        {"number": "1001", "email": "a\ud800@example.com"},
        {"number": "1001", "customer_id": "\udfff"},
        {"number": "1001", "customer_id": "", "email": "a@example.com"},
        {"number": "1001", "customer_id": 7001, "email": "a@example.com"},
        {"number": "", "customer_id": "7001"},
        {"number": "1' or '1'='1", "customer_id": "7001"},
        {"number": "1" * 19, "customer_id": "7001"},
        {"number": "\u0661\u0660\u0660\u0661", "customer_id": "7001"},
        {"number": None, "customer_id": "7001"},
        {"number": {"$gt": 0}, "customer_id": "7001"},
    ],
)
def test_the_database_is_not_asked_for_rubbish(request_: dict[str, Any]) -> None:
    connection = FakeConnection()
    assert look_up(connection, **request_) == NOT_FOUND
    assert connection.asked == []


@pytest.mark.parametrize("request_", [None, [], "1001", 1001])
def test_a_request_that_is_no_object_is_answered_so(request_: object) -> None:
    assert look_up_order(FakeConnection(), request_) == {"error": "The request must be a JSON object."}  # type: ignore[arg-type]
