import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidBodyError
from chalicelib.webhooks.orders import OrderChange, describe
from chalicelib.webhooks.shopify import Effect, Origin, Redaction, read_effect, read_subjects
from tests.builders import NOW

ORDER: dict[str, Any] = {
    "id": 5001,
    "order_number": 1001,
    "email": "aiko@example.com",
    "customer": {"id": 7001, "email": "aiko@example.org"},
    "currency": "EUR",
    "total_price": "27.00",
    "financial_status": "paid",
    "fulfillment_status": None,
    "cancelled_at": None,
    "updated_at": "2026-11-20T13:00:00+01:00",
    "line_items": [{"id": 1, "title": "Moonlit Courier 3", "sku": "MC-3", "price": "13.50", "quantity": 2}],
    "fulfillments": [],
}
FULFILMENT: dict[str, Any] = {
    "id": 9001,
    "order_id": 5001,
    "name": "#1001.1",
    "status": "success",
    "updated_at": "2026-11-20T12:30:00Z",
    "tracking_company": "Postbode",
    "tracking_numbers": ["PB1"],
    "tracking_urls": ["https://track.example.com/PB1"],
    "shipment_status": "in_transit",
    "line_items": [{"id": 1, "quantity": 2}],
}
REDACTION: dict[str, Any] = {"customer": {"id": 7001, "email": "aiko@example.com"}, "orders_to_redact": [5001, 5002]}


def read(topic: str, document: Any, **headers: str) -> Effect | None:
    return read_effect(origin(topic, headers), document)


def origin(topic: str, headers: Mapping[str, str] | None = None) -> Origin:
    return Origin("shopify", "event-1", topic, headers or {}, datetime.fromtimestamp(NOW, UTC))


def read_change(topic: str, document: Any, **headers: str) -> OrderChange:
    change = read(topic, document, **headers)
    assert isinstance(change, OrderChange)
    return change


def test_an_order_is_read_whole() -> None:
    change = read_change("orders/create", ORDER)

    row = describe(change.parts)
    assert change.order_id == "5001"
    assert (row.number, row.customer_id, row.email, row.status) == (1001, "7001", "aiko@example.com", "paid")
    assert (str(row.total), row.currency, row.external_id) == ("27.00", "EUR", "event-1")
    assert row.updated_at.isoformat() == "2026-11-20T12:00:00+00:00"
    assert row.items == [
        {"id": "1", "title": "Moonlit Courier 3", "variant": None, "sku": "MC-3", "price": "13.50", "quantity": 2}
    ]


def test_an_order_tells_of_its_fulfilments_too() -> None:
    change = read_change("orders/fulfilled", ORDER | {"fulfillments": [FULFILMENT]})

    assert describe(change.parts).tracking[0]["number"] == "PB1"
    assert change.parts["fulfilments"].keys() == {"9001"}


def test_a_fulfilment_names_its_order() -> None:
    change = read_change("fulfillments/create", FULFILMENT)

    assert (change.order_id, change.parts["order"]) == ("5001", None)
    assert describe(change.parts).number == 1001


@pytest.mark.parametrize(
    ("name", "number"), [("#1001.1", 1001), ("EN1001-F2", 1001), ("1001", None), ("", None), ("#9" * 99, None)]
)
def test_a_fulfilments_name_holds_the_orders_number(name: str, number: int | None) -> None:
    assert describe(read_change("fulfillments/update", FULFILMENT | {"name": name}).parts).number == number


def test_single_tracking_fields_will_do() -> None:
    old = {key: value for key, value in FULFILMENT.items() if not key.startswith("tracking_")}

    change = read_change("fulfillments/create", old | {"tracking_number": "PB7", "tracking_url": "https://t.example/7"})

    (parcel,) = describe(change.parts).tracking
    assert (parcel["number"], parcel["url"]) == ("PB7", "https://t.example/7")


@pytest.mark.parametrize("name", ["x-shopify-triggered-at", "shopify-triggered-at"])
def test_the_time_of_the_delivery_is_part_of_the_version(name: str) -> None:
    change = read_change("orders/paid", ORDER, **{name: "2026-11-20T12:00:01.25Z"})

    assert change.parts["order"]["version"] == [
        "2026-11-20T12:00:00.000000+00:00",
        "2026-11-20T12:00:01.25Z",
        "shopify",
        "event-1",
    ]


@pytest.mark.parametrize("topic", ["orders/delete", "orders/edited", "products/update", "unknown", ""])
def test_other_topics_are_merely_stored(topic: str) -> None:
    assert read(topic, {"id": 1}) is None


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"id": None}, "`id`"),
        ({"id": True}, "`id`"),
        ({"id": 2**70}, "`id`"),
        ({"order_number": None}, "`order_number`"),
        ({"order_number": 0}, "`order_number`"),
        ({"order_number": "1e3"}, "`order_number`"),
        ({"updated_at": None}, "`updated_at`"),
        ({"updated_at": "yesterday"}, "`updated_at`"),
        ({"updated_at": "0001-01-01T00:00:00+14:00"}, "`updated_at`"),
        ({"updated_at": "2026-11-22T00:00:00Z"}, "`updated_at`"),
        ({"total_price": "much"}, "`total_price`"),
        ({"total_price": "1e500"}, "`total_price`"),
        ({"total_price": "NaN"}, "`total_price`"),
        ({"total_price": 10**16}, "`total_price`"),
        ({"line_items": "none"}, "`line_items`"),
        ({"line_items": [1]}, "`line_items`"),
        ({"customer": []}, "`customer`"),
        ({"currency": 1}, "`currency`"),
        ({"fulfillments": [{"id": 1}]}, "`updated_at`"),
    ],
)
def test_an_order_of_another_shape_is_refused(change: dict[str, Any], fault: str) -> None:
    with pytest.raises(InvalidBodyError) as caught:
        read("orders/updated", ORDER | change)

    assert any(reason.startswith(fault) for reason in caught.value.reasons)


def test_every_fault_is_told_once() -> None:
    with pytest.raises(InvalidBodyError) as caught:
        read("orders/create", {"fulfillments": [{}, {}]})

    assert sorted(caught.value.reasons) == sorted(set(caught.value.reasons))
    assert len(caught.value.reasons) == 3


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(sorted(ORDER | FULFILMENT)), inner),
    max_leaves=12,
)


@pytest.mark.parametrize("topic", ["orders/create", "fulfillments/update", "customers/redact"])
@given(document=JSON)
def test_whatever_the_document_it_is_read_or_refused(topic: str, document: Any) -> None:
    try:
        effect = read(topic, document)
    except InvalidBodyError:
        return
    if isinstance(effect, OrderChange):
        assert json.loads(json.dumps(effect.parts)) == effect.parts
        describe(effect.parts)


@given(st.dictionaries(st.sampled_from(sorted(ORDER)), JSON, max_size=4))
def test_whatever_is_changed_in_an_order_it_is_read_or_refused(changes: dict[str, Any]) -> None:
    try:
        change = read_change("orders/updated", ORDER | changes)
    except InvalidBodyError:
        return
    describe(change.parts)


class TestRedactions:
    def test_it_names_a_person_and_orders(self) -> None:
        assert read("customers/redact", REDACTION) == Redaction("aiko@example.com", "7001", ("5001", "5002"))

    def test_an_id_will_do(self) -> None:
        assert read("customers/redact", {"customer": {"id": 7001}, "orders_to_redact": []}) == Redaction(None, "7001")

    def test_spaces_around_an_address_are_no_part_of_it(self) -> None:
        effect = read("customers/redact", {"customer": {"email": " a@example.com "}, "orders_to_redact": []})

        assert effect == Redaction("a@example.com", None)

    @pytest.mark.parametrize("document", [ORDER, ORDER | {"orders_to_redact": [1]}, FULFILMENT, ORDER["customer"]])
    def test_nothing_else_that_was_signed_can_pass_for_one(self, document: Any) -> None:
        """The topic stands in a header that is not signed."""
        with pytest.raises(InvalidBodyError):
            read("customers/redact", document)

    @pytest.mark.parametrize("customer", [None, {}, "aiko", {"email": " "}])
    def test_without_a_person_it_is_refused(self, customer: Any) -> None:
        document = {"customer": customer, "orders_to_redact": []}

        with pytest.raises(InvalidBodyError):
            read("customers/redact", document)


@pytest.mark.parametrize(
    ("topic", "document", "subjects"),
    [
        ("orders/create", ORDER, ["order:5001", "customer:7001"]),
        ("orders/edited", {"order_id": 5001}, ["order:5001"]),
        ("fulfillments/create", FULFILMENT, ["order:5001"]),
        ("customers/update", {"id": 7001}, ["customer:7001"]),
        ("customers/redact", REDACTION, ["customer:7001"]),
        ("orders/create", {"id": None, "customer": 7}, []),
        ("products/update", {"id": 1}, []),
        ("orders/create", [], []),
    ],
)
def test_whom_a_document_is_about(topic: str, document: Any, subjects: list[str]) -> None:
    assert read_subjects(origin(topic), document) == subjects
