"""Orders as a join: what is known does not depend on the order, or the number, of tellings."""

from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks.orders import OrderChange, Parts, describe, join, join_all

TIMES = [f"2026-11-20T12:00:0{second}.000000+00:00" for second in range(3)]


def version(second: int = 0, event: str = "a", triggered: str = "") -> list[str]:
    return [TIMES[second], triggered, "shopify", event]


def order_part(second: int = 0, event: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "version": version(second, event),
        "number": 1001,
        "customer_id": "7001",
        "email": "aiko@example.com",
        "cancelled": False,
        "financial_status": "paid",
        "fulfillment_status": None,
        "items": [
            {"id": "1", "title": "Moonlit Courier 3", "variant": None, "sku": "MC-3", "price": "9.50", "quantity": 2},
            {"id": "2", "title": "The Salt Atlas 1", "variant": None, "sku": "SA-1", "price": "8.00", "quantity": 1},
        ],
        "total": "27.00",
        "currency": "EUR",
    } | changes


def fulfilment_part(second: int = 0, event: str = "a", **changes: Any) -> dict[str, Any]:
    return {
        "version": version(second, event),
        "order_number": 1001,
        "email": "aiko@example.com",
        "status": "success",
        "shipment": None,
        "company": "Postbode",
        "numbers": ["PB1"],
        "urls": ["https://track.example.com/PB1"],
        "quantities": {"1": 2, "2": 1},
    } | changes


def known(order: dict[str, Any] | None = None, **fulfilments: dict[str, Any]) -> Parts:
    return {"order": order, "fulfilments": fulfilments}


EVENTS = st.sampled_from(["a", "b", "c"])
SECONDS = st.integers(0, 2)


@st.composite
def tellings(draw: st.DrawFn) -> Parts:
    """What one event says: its content follows from its version, as it does from a real event's id."""
    event, second = draw(EVENTS), draw(SECONDS)
    names = draw(st.sets(st.sampled_from(["f1", "f2", "f3"])))
    order = order_part(second, event, total=f"{second}.0{ord(event)}")
    fulfilments = {name: fulfilment_part(second, event, numbers=[f"{name}{second}{event}"]) for name in names}
    return known(order if draw(st.booleans()) or not names else None, **fulfilments)


@given(tellings(), tellings(), tellings())
def test_a_join_is_commutative_associative_and_idempotent(one: Parts, two: Parts, three: Parts) -> None:
    assert join(one, two) == join(two, one)
    assert join(join(one, two), three) == join(one, join(two, three))
    assert join(join(one, two), two) == join(one, two)


@given(st.lists(tellings(), min_size=1, max_size=6), st.randoms())
def test_a_row_does_not_depend_on_the_order_of_tellings(told: list[Parts], chance: Any) -> None:
    shuffled = [*told, *told]
    chance.shuffle(shuffled)

    assert describe(reduce(join, told)) == describe(reduce(join, shuffled))


def test_the_newest_telling_counts_for_the_order_and_each_fulfilment() -> None:
    parts = join(
        known(order_part(1, "b", total="27.00"), f1=fulfilment_part(0, "b", numbers=["old"])),
        known(order_part(0, "c", total="99.00"), f1=fulfilment_part(2, "c", numbers=["new"])),
    )

    row = describe(parts)

    assert row.total == Decimal("27.00")
    assert [parcel["number"] for parcel in row.tracking] == ["new"]
    assert (row.updated_at, row.source, row.external_id) == (
        datetime(2026, 11, 20, 12, 0, 2, tzinfo=UTC),
        "shopify",
        "c",
    )


def test_of_the_same_second_the_later_delivery_counts() -> None:
    paid = order_part(version=version(0, "a", "2026-11-20T12:00:00.5Z"), financial_status="paid")
    pending = order_part(version=version(0, "z", "2026-11-20T12:00:00.1Z"), financial_status="pending")

    assert describe(join(known(paid), known(pending))).status == "paid"


def test_a_fulfilment_may_come_before_its_order() -> None:
    row = describe(known(f1=fulfilment_part()))

    assert (row.number, row.email, row.customer_id, row.items, row.total) == (1001, "aiko@example.com", None, [], None)
    assert row.status == "fulfilled"


@pytest.mark.parametrize(
    ("changes", "fulfilments", "status"),
    [
        ({}, [], "paid"),
        ({"financial_status": "pending"}, [], "pending"),
        ({"financial_status": None}, [], "open"),
        ({"cancelled": True}, [{}], "cancelled"),
        ({"financial_status": "refunded"}, [{}], "refunded"),
        ({}, [{}], "fulfilled"),
        ({}, [{"quantities": {"1": 2}}], "partially_fulfilled"),
        ({}, [{"quantities": {"1": 2}}, {"quantities": {"2": 1}}], "fulfilled"),
        (
            {},
            [{"quantities": {"1": 1}}, {"quantities": {"1": 1, "2": 1}, "status": "cancelled"}],
            "partially_fulfilled",
        ),
        ({}, [{"status": "cancelled"}], "paid"),
        ({}, [{"shipment": "delivered"}], "delivered"),
        ({}, [{"shipment": "delivered", "quantities": {"1": 2}}], "partially_fulfilled"),
        ({}, [{"shipment": "delivered", "quantities": {"1": 2}}, {"quantities": {"2": 1}}], "fulfilled"),
        ({"fulfillment_status": "fulfilled"}, [], "fulfilled"),
        ({"fulfillment_status": "partial"}, [], "partially_fulfilled"),
        ({"fulfillment_status": "partial"}, [{"quantities": {}}], "partially_fulfilled"),
        ({"items": []}, [{}], "fulfilled"),
    ],
)
def test_a_status_says_where_the_order_is(
    changes: dict[str, Any], fulfilments: Sequence[dict[str, Any]], status: str
) -> None:
    parts = {f"f{number}": fulfilment_part(**part) for number, part in enumerate(fulfilments)}

    assert describe(known(order_part(**changes), **parts)).status == status


def test_each_parcel_of_a_fulfilment_is_listed() -> None:
    part = fulfilment_part(numbers=["PB1", "PB2"], urls=["https://track.example.com/PB1"], shipment="in_transit")

    assert describe(known(order_part(), f1=part)).tracking == [
        {"company": "Postbode", "status": "in_transit", "number": "PB1", "url": "https://track.example.com/PB1"},
        {"company": "Postbode", "status": "in_transit", "number": "PB2", "url": None},
    ]


def test_a_fulfilment_without_a_number_is_listed_too() -> None:
    part = fulfilment_part(numbers=[], urls=[])

    assert describe(known(order_part(), f1=part)).tracking == [
        {"company": "Postbode", "status": "success", "number": None, "url": None}
    ]


def test_changes_are_joined_by_order() -> None:
    told = [
        OrderChange("1", known(order_part(0, "a"))),
        OrderChange("2", known(order_part(0, "b"))),
        OrderChange("1", known(f1=fulfilment_part(1, "c"))),
    ]

    joined = join_all(told)

    assert joined.keys() == {"1", "2"}
    assert joined["1"] == known(order_part(0, "a"), f1=fulfilment_part(1, "c"))
