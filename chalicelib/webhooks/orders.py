"""Orders: what is known of each, joined from what single events say.

Events come in any order, twice, and late. An order therefore keeps, for itself and for each of its fulfilments, the
newest thing it was told and how new that was; joining keeps the newer of two, so that it does not matter in which
order, or how often, events are joined. Everything a reader sees is computed from that.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

Parts: TypeAlias = dict[str, Any]
"""What is known of an order: ``{"order": part or None, "fulfilments": {id: part}}``, as it is kept in ``jsonb``.

Each part has a ``version``, a list of four texts that sort by age: the provider's time, the time at which the delivery
was triggered, and the source and id of the event.
"""


@dataclass(frozen=True)
class OrderChange:
    """What one event says of one order."""

    order_id: str
    parts: Parts


@dataclass(frozen=True)
class OrderRow:
    """An order as readers see it. The last three belong to the event that last changed it."""

    number: int | None
    customer_id: str | None
    email: str | None
    status: str
    items: list[dict[str, Any]]
    total: Decimal | None
    currency: str | None
    tracking: list[dict[str, Any]]
    updated_at: datetime
    source: str
    external_id: str


def join(one: Parts, other: Parts) -> Parts:
    """What is known after both were told; the order of the two makes no difference, nor does telling one twice."""
    fulfilments = {
        identifier: _newer(one["fulfilments"].get(identifier), other["fulfilments"].get(identifier))
        for identifier in sorted(one["fulfilments"].keys() | other["fulfilments"].keys())
    }
    return {"order": _newer(one["order"], other["order"]), "fulfilments": fulfilments}


def join_all(changes: Iterable[OrderChange]) -> dict[str, Parts]:
    """What several changes say, by order."""
    joined: dict[str, Parts] = {}
    for change in changes:
        known = joined.get(change.order_id)
        joined[change.order_id] = join(known, change.parts) if known else change.parts
    return joined


def describe(parts: Parts) -> OrderRow:
    """The row that follows from what is known."""
    order: dict[str, Any] = parts["order"] or {}
    told: list[dict[str, Any]] = [part for _, part in sorted(parts["fulfilments"].items())]
    fulfilments = [part for part in told if part["status"] not in ("cancelled", "error", "failure")]
    updated_at, _, source, external_id = max(part["version"] for part in (parts["order"], *told) if part)
    first = told[0] if told else {}
    total = order.get("total")
    return OrderRow(
        number=order.get("number") or first.get("order_number"),
        customer_id=order.get("customer_id"),
        email=order.get("email") or first.get("email"),
        status=_status(order, fulfilments),
        items=order.get("items", []),
        total=Decimal(total) if total is not None else None,
        currency=order.get("currency"),
        tracking=[track for part in fulfilments for track in _tracking(part)],
        updated_at=datetime.fromisoformat(updated_at),
        source=source,
        external_id=external_id,
    )


def without_customer(parts: Parts, email: str | None = None) -> Parts:
    """The same without who ordered; with an ``email`` only those parts lose it that bear that address."""

    def forget(part: dict[str, Any] | None) -> dict[str, Any] | None:
        if part is None or (email is not None and (part.get("email") or "").lower() != email):
            return part
        return part | {name: None for name in ("email", "customer_id") if name in part}

    fulfilments = {identifier: forget(part) for identifier, part in parts["fulfilments"].items()}
    return {"order": forget(parts["order"]), "fulfilments": fulfilments}


def _newer(one: dict[str, Any] | None, other: dict[str, Any] | None) -> dict[str, Any] | None:
    if one is None or other is None:
        return one or other
    return other if other["version"] >= one["version"] else one


def _status(order: Mapping[str, Any], fulfilments: list[dict[str, Any]]) -> str:
    """One word for where the order is; Shopify's own words, with ``delivered`` for when all of it has arrived."""
    if order.get("cancelled"):
        return "cancelled"
    if order.get("financial_status") == "refunded":
        return "refunded"
    fulfilled = _how_fulfilled(order, fulfilments)
    if fulfilled == "fulfilled" and fulfilments and all(part["shipment"] == "delivered" for part in fulfilments):
        return "delivered"
    return fulfilled or order.get("financial_status") or "open"


def _how_fulfilled(order: Mapping[str, Any], fulfilments: list[dict[str, Any]]) -> str | None:
    """``fulfilled``, ``partially_fulfilled`` or None, counted from the fulfilments where they say what is in them."""
    told = {"fulfilled": "fulfilled", "partial": "partially_fulfilled"}.get(order.get("fulfillment_status") or "")
    if not fulfilments:
        return told
    ordered = {item["id"]: item["quantity"] for item in order.get("items", []) if item["id"]}
    if not ordered or not all(part["quantities"] for part in fulfilments):
        return told or "fulfilled"
    sent: dict[str, int] = {}
    for part in fulfilments:
        for line, quantity in part["quantities"].items():
            sent[line] = sent.get(line, 0) + quantity
    complete = all(sent.get(line, 0) >= quantity for line, quantity in ordered.items())
    return "fulfilled" if complete else "partially_fulfilled"


def _tracking(part: Mapping[str, Any]) -> list[dict[str, Any]]:
    """One entry for each parcel of a fulfilment; one without a number where there is none."""
    numbers, urls = part["numbers"], part["urls"]
    parcels = [
        {"number": numbers[index] if index < len(numbers) else None, "url": urls[index] if index < len(urls) else None}
        for index in range(max(len(numbers), len(urls), 1))
    ]
    return [{"company": part["company"], "status": part["shipment"] or part["status"]} | parcel for parcel in parcels]
