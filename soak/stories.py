"""Order stories: what a shop tells of its orders in the course of their lives, in the words of Shopify's webhooks."""

import copy
import json
import random
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from itertools import count
from typing import Any

from soak.deliveries import Webhook, new_id

_BEGIN = datetime(2026, 3, 1, 8, tzinfo=UTC)
_ZONES = (UTC, timezone(timedelta(hours=-4)), timezone(timedelta(hours=9)))
_TITLES = ("Moonlit Courier 3", "The Salt Atlas 1", "Paper Lanterns 12", "Kettle and Crow 7", "表紙が違う 2")
_COMPANIES = ("DHL", "bpost", "La Poste", None)

_SAME_MOMENT = 0.15
"""So many steps of a story happen at the very time of the one before."""


@dataclass
class _Story:
    """An order while it is told. ``order`` and ``fulfilments`` are as the shop has them at ``now``."""

    chance: random.Random
    order: dict[str, Any]
    fulfilments: list[dict[str, Any]]
    now: datetime

    def step(self) -> Webhook:
        """Let something happen to the order, and tell it."""
        if self.chance.random() >= _SAME_MOMENT:
            self.now += timedelta(seconds=self.chance.randint(1, 40_000))
        happenings = {self._edit: 4, self._pay: 3, self._ship: 6, self._refund: 0.3, self._cancel: 0.4}
        if self.fulfilments:
            happenings |= {self._move: 9, self._give_up: 0.5}
        (happening,) = self.chance.choices(list(happenings), list(happenings.values()))
        return happening()

    def create(self) -> Webhook:
        return self._tell_order("orders/create")

    def _edit(self) -> Webhook:
        if self.chance.random() < 0.4:
            self.order["email"] = f"reader{self.chance.randrange(5_000)}@example.com"
        for item in self.order["line_items"]:
            item["quantity"] = self.chance.randint(1, 4)
        self.order["current_total_price"] = f"{self.chance.randrange(500, 90_000) / 100:.2f}"
        return self._tell_order("orders/updated")

    def _pay(self) -> Webhook:
        self.order["financial_status"] = "paid"
        return self._tell_order("orders/paid")

    def _refund(self) -> Webhook:
        self.order["financial_status"] = "refunded"
        return self._tell_order("orders/updated")

    def _cancel(self) -> Webhook:
        self.order["cancelled_at"] = self._stamp()
        return self._tell_order("orders/cancelled")

    def _ship(self) -> Webhook:
        number = len(self.fulfilments) + 1
        parcels = [f"PX{self.chance.randrange(10**9)}" for _ in range(self.chance.choice((0, 1, 1, 2)))]
        self.fulfilments.append(
            {
                "id": self.order["id"] * 10 + number,
                "order_id": self.order["id"],
                "name": f"{self.order['name']}.{number}",
                "email": self.order["email"],
                "status": "success",
                "shipment_status": None,
                "tracking_company": self.chance.choice(_COMPANIES),
                "tracking_numbers": parcels,
                "tracking_urls": [f"https://parcels.example/{parcel}" for parcel in parcels[:1]],
                "line_items": [
                    {"id": item["id"], "quantity": self.chance.randint(1, item["quantity"])}
                    for item in self.order["line_items"]
                    if self.chance.random() < 0.8
                ],
            }
        )
        self.order["fulfillment_status"] = self.chance.choice(("partial", "fulfilled"))
        if self.chance.random() < 0.4:
            self.fulfilments[-1]["updated_at"] = self._stamp()
            return self._tell_order(self.chance.choice(("orders/fulfilled", "orders/partially_fulfilled")))
        return self._tell_fulfilment(self.fulfilments[-1], "fulfillments/create")

    def _move(self) -> Webhook:
        fulfilment = self.chance.choice(self.fulfilments)
        fulfilment["shipment_status"] = self.chance.choice(("in_transit", "out_for_delivery", "delivered", "delivered"))
        return self._tell_fulfilment(fulfilment, "fulfillments/update")

    def _give_up(self) -> Webhook:
        fulfilment = self.chance.choice(self.fulfilments)
        fulfilment["status"] = self.chance.choice(("cancelled", "error", "failure"))
        return self._tell_fulfilment(fulfilment, "fulfillments/update")

    def _tell_order(self, topic: str) -> Webhook:
        self.order["updated_at"] = self._stamp()
        told = [] if self.chance.random() < 0.3 else self.fulfilments
        return self._webhook(topic, {**self.order, "fulfillments": told})

    def _tell_fulfilment(self, fulfilment: dict[str, Any], topic: str) -> Webhook:
        fulfilment["updated_at"] = self._stamp()
        return self._webhook(topic, fulfilment)

    def _webhook(self, topic: str, document: dict[str, Any]) -> Webhook:
        headers = {"x-shopify-shop-domain": "example-manga.myshopify.com"}
        if self.chance.random() < 0.95:
            name = self.chance.choice(("x-shopify-triggered-at", "x-shopify-triggered-at", "shopify-triggered-at"))
            headers[name] = f"{self.now:%Y-%m-%dT%H:%M:%S}.{self.chance.choice(('0', '5'))}00000000Z"
        return Webhook("shopify", new_id(self.chance), topic, encode(document), headers)

    def _stamp(self) -> str:
        return self.now.astimezone(self.chance.choice(_ZONES)).isoformat()


def tell_orders(chance: random.Random, first_id: int = 5_000_000_000) -> Iterator[Webhook]:
    """Webhooks of one order after the other, without end; each has from one to a dozen."""
    for order_id in count(first_id):
        story = _begin(chance, order_id)
        yield story.create()
        for _ in range(chance.choice((0, 1, 3, 4, 5, 6, 8, 11))):
            yield story.step()


def other_bytes(webhook: Webhook, chance: random.Random) -> bytes:
    """What the same event might hold if its sender contradicted itself; an order's says something else."""
    document = copy.deepcopy(json.loads(webhook.body))
    document["note"] = f"told again {chance.randrange(10**9)}"
    if "financial_status" in document:
        document["financial_status"] = chance.choice(("pending", "paid", "authorized"))
        document["current_total_price"] = f"{chance.randrange(100, 999)}.25"
    return encode(document)


def encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()


def _begin(chance: random.Random, order_id: int) -> _Story:
    number = order_id % 10**9 + 1_000
    customer = {"id": 7_000_000_000 + chance.randrange(10**6), "email": f"reader{chance.randrange(5_000)}@example.com"}
    order = {
        "id": order_id,
        "name": f"#{number}",
        "order_number": number,
        "email": customer["email"] if chance.random() < 0.8 else None,
        "contact_email": None,
        "customer": customer if chance.random() < 0.9 else None,
        "currency": chance.choice(("EUR", "USD", "JPY")),
        "total_price": f"{chance.randrange(500, 90_000) / 100:.2f}",
        "financial_status": chance.choice(("pending", "authorized", None)),
        "fulfillment_status": None,
        "cancelled_at": None,
        "line_items": [
            {
                "id": order_id * 100 + line,
                "title": chance.choice(_TITLES),
                "variant_title": chance.choice(("Softcover", None)),
                "sku": f"MC-{chance.randrange(999)}",
                "price": f"{chance.randrange(500, 4000) / 100:.2f}",
                "quantity": chance.randint(1, 3),
            }
            for line in range(chance.randint(1, 4))
        ],
    }
    return _Story(chance, order, [], _BEGIN + timedelta(seconds=chance.randrange(30 * 86_400)))
