"""The webhooks of a manga shop on Shopify, told as a story: each order from its beginning to its end, one by one.

An order's customer, address and items follow from its number alone, so that every run tells of the same orders.
Fields and topics are those of Shopify's REST Admin API, version 2024-10.
"""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

FIRST_ORDER = 1001

_SHIPPED = ("orders/create", "orders/paid", "fulfillments/create", "orders/fulfilled", "fulfillments/update")
_CANCELLED = ("orders/create", "orders/paid", "orders/cancelled")
_CYCLE = (_SHIPPED, _SHIPPED, _CANCELLED, _SHIPPED)
"""How the first four orders go, and the next four, and so on."""

_ZONE = timezone(timedelta(hours=1))
_SHIPPING = Decimal("4.90")
_CARRIERS = ("Lantern Parcel", "North Quay Post", "Heron Express")


@dataclass(frozen=True)
class _Customer:
    number: int
    first_name: str
    last_name: str
    email: str
    street: str
    postcode: str
    city: str
    country: str


_CUSTOMERS = (
    _Customer(7001, "Aiko", "Tanabe", "aiko@example.com", "Korenmarkt 14", "9000", "Gent", "BE"),
    _Customer(7002, "Bram", "Çelik", "bram.celik@example.org", "Oudegracht 201 bis", "3511 NG", "Utrecht", "NL"),
    _Customer(7003, "Zoë", "Lindqvist", "zoe@example.net", "Södra Vägen 8", "412 54", "Göteborg", "SE"),
    _Customer(7004, "Íñigo", "Etxeberria", "inigo.e@example.com", "Calle de la Luna 3, 2º B", "28004", "Madrid", "ES"),
    _Customer(7005, "美咲", "小林", "misaki@example.org", "Immermannstraße 41", "40210", "Düsseldorf", "DE"),
    _Customer(7006, "Łucja", "Wójcik", "lucja.w@example.net", "ul. Długa 17/4", "31-147", "Kraków", "PL"),
    _Customer(7007, "Ngọc", "D'Souza", "ngoc@example.com", "12 rue de l'Évêché", "69005", "Lyon", "FR"),
)

_CATALOGUE = (
    ("Moonlit Courier, Vol. 3", "English / Paperback", "MLC-03-EN", "9.99"),
    ("Moonlit Courier, Vol. 1 to 5", "English / Box set", "MLC-BOX-EN", "44.50"),
    ("The Salt Atlas, Vol. 1", "Français / Broché", "TSA-01-FR", "7.95"),
    ("Paper Lanterns, Vol. 12", "Deutsch / Taschenbuch", "PLA-12-DE", "10.00"),
    ("Kettle & Crow, Vol. 7", "English / Hardcover", "KCR-07-EH", "17.99"),
    ("灯台の猫 (The Lighthouse Cat) 2", "日本語 / 文庫", "TLC-02-JA", "6.80"),
    ("Onigiri Detectives, Vol. 4", "Español / Rústica", "OND-04-ES", "8.50"),
    ("Clockwork Shrine, Vol. 9", "English / Paperback", "CWS-09-EN", "11.49"),
)


def next_step(number: int) -> tuple[int, str]:
    """The order and the topic of a delivery, counted from 0."""
    cycle, place = divmod(number, sum(map(len, _CYCLE)))
    order = FIRST_ORDER + cycle * len(_CYCLE)
    for topics in _CYCLE:
        if place < len(topics):
            return order, topics[place]
        place, order = place - len(topics), order + 1
    raise AssertionError("a place lies within its cycle")


def payload(order: int, topic: str, now: datetime) -> Mapping[str, Any]:
    """What Shopify sends for a step of an order's life; the steps are told a second apart, and end at ``now``."""
    story = _Order(order, now.astimezone(_ZONE).replace(microsecond=0))
    return story.fulfillment(topic) if topic.startswith("fulfillments/") else story.order(topic)


def email_of(order: int) -> str:
    """The address with which an order was placed: who knows both may ask for it in the chat."""
    return _Order(order, datetime.now(_ZONE)).customer.email


@dataclass(frozen=True)
class _Order:
    number: int
    now: datetime

    @property
    def id(self) -> int:
        return 5_637_120_000_000 + self.number * 32_768

    @property
    def customer(self) -> _Customer:
        return _CUSTOMERS[(self.number - FIRST_ORDER) % len(_CUSTOMERS)]

    @property
    def placed(self) -> str:
        """The same for all steps that are sent within the hour."""
        hour = self.now.replace(minute=0, second=0) - timedelta(hours=1)
        return (hour + timedelta(minutes=self.number % 59, seconds=17)).isoformat()

    def chance(self, what: str) -> random.Random:
        return random.Random(f"{what} of {self.number}")

    def at(self, topic: str) -> str:
        """The time of a step of the order's life."""
        topics = _CYCLE[(self.number - FIRST_ORDER) % len(_CYCLE)]
        return (self.now - timedelta(seconds=len(topics) - 1 - topics.index(topic))).isoformat()

    def order(self, topic: str) -> dict[str, Any]:
        items, customer = self.items(fulfilled=topic == "orders/fulfilled"), self.customer
        subtotal = sum((Decimal(item["price"]) * item["quantity"] for item in items), Decimal(0))
        total = str(subtotal + _SHIPPING)
        cancelled = topic == "orders/cancelled"
        return {
            "id": self.id,
            "admin_graphql_api_id": f"gid://shopify/Order/{self.id}",
            "order_number": self.number,
            "number": self.number - 1000,
            "name": f"#{self.number}",
            "email": customer.email,
            "contact_email": customer.email,
            "created_at": self.placed,
            "processed_at": self.placed,
            "updated_at": self.at(topic),
            "cancelled_at": self.at(topic) if cancelled else None,
            "cancel_reason": "customer" if cancelled else None,
            "closed_at": None,
            "currency": "EUR",
            "presentment_currency": "EUR",
            "subtotal_price": str(subtotal),
            "total_line_items_price": str(subtotal),
            "total_discounts": "0.00",
            "total_price": total,
            "current_total_price": "0.00" if cancelled else total,
            "taxes_included": True,
            "financial_status": self.financial_status(topic),
            "fulfillment_status": "fulfilled" if topic == "orders/fulfilled" else None,
            "customer": {
                "id": customer.number,
                "email": customer.email,
                "first_name": customer.first_name,
                "last_name": customer.last_name,
                "currency": "EUR",
            },
            "line_items": items,
            "shipping_address": self.address(),
            "shipping_lines": [{"title": "Standard", "price": str(_SHIPPING), "code": "standard"}],
            "fulfillments": [self.fulfillment("fulfillments/create")] if topic == "orders/fulfilled" else [],
            "note": None,
            "tags": "",
            "test": False,
        }

    def financial_status(self, topic: str) -> str:
        if topic == "orders/create":
            return "paid" if self.number % 3 == 0 else "pending"
        return "refunded" if topic == "orders/cancelled" else "paid"

    def items(self, *, fulfilled: bool) -> list[dict[str, Any]]:
        chance = self.chance("items")
        chosen = chance.sample(range(len(_CATALOGUE)), chance.randint(1, 3))
        return [self.item(place, chance.choice((1, 1, 1, 2, 3)), fulfilled=fulfilled) for place in chosen]

    def item(self, place: int, quantity: int, *, fulfilled: bool) -> dict[str, Any]:
        title, variant, sku, price = _CATALOGUE[place]
        return {
            "id": 14_200_000_000_000 + self.number * 100 + place,
            "product_id": 8_100_000_000_000 + place,
            "variant_id": 44_700_000_000_000 + place,
            "title": title,
            "variant_title": variant,
            "name": f"{title} - {variant}",
            "sku": sku,
            "vendor": "Paper & Ink Wholesale",
            "quantity": quantity,
            "price": price,
            "total_discount": "0.00",
            "grams": 210,
            "requires_shipping": True,
            "fulfillable_quantity": 0 if fulfilled else quantity,
            "fulfillment_service": "manual",
            "fulfillment_status": "fulfilled" if fulfilled else None,
        }

    def address(self) -> dict[str, Any]:
        customer = self.customer
        return {
            "first_name": customer.first_name,
            "last_name": customer.last_name,
            "name": f"{customer.first_name} {customer.last_name}",
            "address1": customer.street,
            "address2": None,
            "zip": customer.postcode,
            "city": customer.city,
            "country_code": customer.country,
            "phone": None,
        }

    def fulfillment(self, topic: str) -> dict[str, Any]:
        chance = self.chance("parcel")
        count = chance.choice((1, 1, 2))
        parcels = [f"LP{chance.randrange(10**9, 10**10)}{self.customer.country}" for _ in range(count)]
        urls = [f"https://tracking.example.com/parcels/{parcel}" for parcel in parcels]
        under_way = chance.choice(("in_transit", None))
        return {
            "id": 4_902_300_000_000 + self.number * 4_096,
            "order_id": self.id,
            "name": f"#{self.number}.1",
            "status": "success",
            "service": "manual",
            "created_at": self.at("fulfillments/create"),
            "updated_at": self.at(topic),
            "tracking_company": chance.choice(_CARRIERS),
            "tracking_number": parcels[0],
            "tracking_numbers": parcels,
            "tracking_url": urls[0],
            "tracking_urls": urls,
            "shipment_status": "delivered" if topic == "fulfillments/update" else under_way,
            "email": self.customer.email,
            "destination": self.address(),
            "line_items": self.items(fulfilled=True),
        }
