"""The model: what the orders must be, worked out from all events at once, in the order in which things happened.

It shares no code with ``chalicelib.webhooks.orders``, which joins events two by two as they come: one side's mistake
must not hide the other's.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from soak.deliveries import Webhook

Moment = tuple[datetime, str, str, str]
"""When something was told: the shop's time, when the delivery was triggered, source and id of the event."""

Order = dict[str, Any]
"""A row of ``orders`` without its key and ``parts``."""


@dataclass
class _Told:
    """Everything told of one order."""

    snapshots: list[tuple[Moment, Any]] = field(default_factory=list)
    fulfilments: dict[str, list[tuple[Moment, Any]]] = field(default_factory=dict)


def fold_orders(webhooks: Iterable[Webhook]) -> dict[str, Order]:
    """The orders by their ids, after these events."""
    told: dict[str, _Told] = {}
    for webhook in webhooks:
        resource = json.loads(webhook.body)
        if webhook.event_type.startswith("orders/"):
            order = told.setdefault(str(resource["id"]), _Told())
            order.snapshots.append((_moment(webhook, resource), resource))
            for fulfilment in resource["fulfillments"]:
                _listen(order, webhook, fulfilment)
        else:
            _listen(told.setdefault(str(resource["order_id"]), _Told()), webhook, resource)
    return {order_id: _describe(everything) for order_id, everything in told.items()}


def _listen(order: _Told, webhook: Webhook, fulfilment: Any) -> None:
    order.fulfilments.setdefault(str(fulfilment["id"]), []).append((_moment(webhook, fulfilment), fulfilment))


def _moment(webhook: Webhook, resource: Any) -> Moment:
    triggered = [webhook.headers.get(f"{prefix}shopify-triggered-at") for prefix in ("x-", "")]
    time = datetime.fromisoformat(resource["updated_at"]).astimezone(UTC)
    return time, next(filter(None, triggered), ""), *webhook.key


def _describe(told: _Told) -> Order:
    last_told = [max(tellings, key=lambda telling: telling[0]) for _, tellings in sorted(told.fulfilments.items())]
    newest = max(told.snapshots, key=lambda telling: telling[0], default=None)
    time, _, source, external_id = max(moment for moment, _ in (*last_told, *([newest] if newest else ())))
    order = newest[1] if newest else {}
    fulfilments = [fulfilment for _, fulfilment in last_told]
    counting = [fulfilment for fulfilment in fulfilments if fulfilment["status"] == "success"]
    customer = order.get("customer") or {}
    total = order.get("current_total_price") or order.get("total_price")
    named = fulfilments[0] if fulfilments else {}
    return {
        "number": order.get("order_number") or int(named["name"].lstrip("#").split(".")[0]),
        "customer_id": str(customer["id"]) if customer else None,
        "email": order.get("email") or customer.get("email") or named.get("email"),
        "status": _status(order, counting),
        "items": [_item(line) for line in order.get("line_items", ())],
        "total": Decimal(total) if total else None,
        "currency": order.get("currency"),
        "tracking": [parcel for fulfilment in counting for parcel in _parcels(fulfilment)],
        "updated_at": time,
        "source": source,
        "external_id": external_id,
    }


def _status(order: Mapping[str, Any], fulfilments: list[Any]) -> str:
    if order.get("cancelled_at"):
        return "cancelled"
    money = order.get("financial_status")
    if money == "refunded":
        return "refunded"
    sent = _sent(order, fulfilments)
    if sent == "fulfilled" and fulfilments and {part["shipment_status"] for part in fulfilments} == {"delivered"}:
        return "delivered"
    return sent or money or "open"


def _sent(order: Mapping[str, Any], fulfilments: list[Any]) -> str:
    """How much of an order has left: counted in pieces if every fulfilment names its lines, else as the shop says."""
    said = {"fulfilled": "fulfilled", "partial": "partially_fulfilled", None: ""}[order.get("fulfillment_status")]
    if not fulfilments:
        return said
    lines = order.get("line_items")
    if not lines or any(not part["line_items"] for part in fulfilments):
        return said or "fulfilled"
    missing = {line["id"]: line["quantity"] for line in lines}
    for part in fulfilments:
        for line in part["line_items"]:
            missing[line["id"]] -= line["quantity"]
    return "partially_fulfilled" if any(left > 0 for left in missing.values()) else "fulfilled"


def _item(line: Mapping[str, Any]) -> dict[str, Any]:
    copied = {name: line[name] for name in ("title", "sku", "price", "quantity")}
    return copied | {"id": str(line["id"]), "variant": line["variant_title"]}


def _parcels(fulfilment: Mapping[str, Any]) -> list[dict[str, Any]]:
    numbers, urls = fulfilment["tracking_numbers"] or [None], fulfilment["tracking_urls"]
    common = {
        "company": fulfilment["tracking_company"],
        "status": fulfilment["shipment_status"] or fulfilment["status"],
    }
    padded = [*urls, *[None] * (len(numbers) - len(urls))]
    return [common | {"number": number, "url": url} for number, url in zip(numbers, padded, strict=True)]
