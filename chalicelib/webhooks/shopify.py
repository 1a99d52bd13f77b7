"""Shopify's events: what they say of orders, and whom they want forgotten.

Shapes: Shopify's Admin REST API, the resources Order and Fulfillment, which its webhooks carry; and the mandatory
compliance webhook ``customers/redact``.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias

from chalicelib.errors import InvalidBodyError
from chalicelib.webhooks.orders import OrderChange


@dataclass(frozen=True)
class Redaction:
    """A person to forget, known by an e-mail address or a customer's id, with orders that are certainly theirs."""

    email: str | None
    customer_id: str | None
    order_ids: tuple[str, ...] = ()


Effect: TypeAlias = OrderChange | Redaction
"""What an event changes beyond being stored, in the same transaction."""

_ORDER_TOPICS = frozenset(
    f"orders/{what}" for what in ("create", "updated", "paid", "cancelled", "fulfilled", "partially_fulfilled")
)
_FULFILMENT_TOPICS = frozenset({"fulfillments/create", "fulfillments/update"})

_FULFILMENT_NAME = re.compile(r"\D*(\d{1,18})\D+\d+", re.ASCII)
"""A fulfilment is called ``#1001.1`` (or ``#1001-F1``): the order's number, and a number of its own."""

_AMOUNT = re.compile(r"-?\d{1,15}(\.\d{1,4})?", re.ASCII)

_MAX_NUMBER = 2**63 - 1

_CLOCKS_DIFFER_BY = timedelta(days=1)
"""What claims to be newer than that would rule its order for ever."""


@dataclass(frozen=True)
class Origin:
    """Where a document comes from: the delivered event, with the headers that were kept of it."""

    source: str
    external_id: str
    event_type: str
    headers: Mapping[str, str]
    received_at: datetime


def read_effect(origin: Origin, document: Any) -> Effect | None:
    """What an event changes, None when it is merely stored.

    ``InvalidBodyError`` when its topic promises an order or a customer, and its body is none.
    """
    read = _READERS.get(origin.event_type)
    if read is None:
        return None
    reader = _Reader(document if isinstance(document, dict) else {}, origin, [])
    effect = read(reader)
    if reader.faults:
        raise InvalidBodyError(list(dict.fromkeys(reader.faults)))
    return effect


def read_subjects(origin: Origin, document: Any) -> list[str]:
    """Which order and which customer a document is about, also where it is of no use otherwise."""
    resource = document if isinstance(document, dict) else {}
    topic = origin.event_type.partition("/")[0]
    customer = resource.get("customer")
    orders = (resource.get("order_id"), resource.get("id") if topic == "orders" else None)
    customers = (
        customer.get("id") if isinstance(customer, dict) else None,
        resource.get("id") if topic == "customers" else None,
    )
    return [f"order:{known}" for known in map(_text_of_id, orders) if known] + [
        f"customer:{known}" for known in map(_text_of_id, customers) if known
    ]


def _read_order(reader: "_Reader") -> OrderChange:
    fulfilments = {fulfilment.id("id"): fulfilment.fulfilment() for fulfilment in reader.resources("fulfillments")}
    return OrderChange(reader.id("id"), {"order": reader.order(), "fulfilments": fulfilments})


def _read_fulfilment(reader: "_Reader") -> OrderChange:
    return OrderChange(reader.id("order_id"), {"order": None, "fulfilments": {reader.id("id"): reader.fulfilment()}})


def _read_redaction(reader: "_Reader") -> Redaction:
    """A redaction looks like nothing else of Shopify's: its topic is not signed, and an order names a customer, too."""
    customer = reader.get("customer", dict, {})
    if not reader.is_redaction():
        reader.faults.append("A redaction has `orders_to_redact`, and no fields of an order or a customer.")
    redaction = Redaction(
        (_first_text(customer.get("email")) or "").strip() or None,
        _text_of_id(customer.get("id")),
        tuple(filter(None, map(_text_of_id, reader.get("orders_to_redact", list, [])))),
    )
    if not (redaction.email or redaction.customer_id):
        reader.faults.append("`customer` must have an email or an id.")
    return redaction


class _Reader:
    """Reads one resource and gathers what is wrong with it, one sentence for each fault."""

    def __init__(self, resource: Mapping[str, Any], origin: Origin, faults: list[str]) -> None:
        self.faults = faults
        self._resource = resource
        self._origin = origin

    def order(self) -> dict[str, Any]:
        customer = self.get("customer", dict, {})
        total = self._resource.get("current_total_price", self._resource.get("total_price"))
        return {
            "version": self._version(),
            "number": self._number("order_number"),
            "customer_id": _text_of_id(customer.get("id")),
            "email": _first_text(
                self._resource.get("email"), self._resource.get("contact_email"), customer.get("email")
            ),
            "cancelled": self._resource.get("cancelled_at") is not None,
            "financial_status": self.get("financial_status", str),
            "fulfillment_status": self.get("fulfillment_status", str),
            "items": [self._item(item) for item in self._objects("line_items")],
            "total": self._amount(total),
            "currency": self.get("currency", str),
        }

    def resources(self, name: str) -> list["_Reader"]:
        """Readers of the resources that this one contains."""
        return [_Reader(resource, self._origin, self.faults) for resource in self._objects(name)]

    def fulfilment(self) -> dict[str, Any]:
        number = _FULFILMENT_NAME.fullmatch(self.get("name", str) or "")
        return {
            "version": self._version(),
            "order_number": int(number[1]) if number else None,
            "email": self.get("email", str),
            "status": self.get("status", str),
            "shipment": self.get("shipment_status", str),
            "company": self.get("tracking_company", str),
            "numbers": self._texts("tracking_numbers", "tracking_number"),
            "urls": self._texts("tracking_urls", "tracking_url"),
            "quantities": {
                line: quantity
                for item in self._objects("line_items")
                if (line := _text_of_id(item.get("id"))) and (quantity := _quantity(item))
            },
        }

    def is_redaction(self) -> bool:
        foreign = {"line_items", "order_number", "updated_at", "created_at", "id"}
        return isinstance(self._resource.get("orders_to_redact"), list) and not foreign & self._resource.keys()

    def id(self, name: str) -> str:
        identifier = _text_of_id(self._resource.get(name))
        if identifier is None:
            self.faults.append(f"`{name}` must be an id.")
        return identifier or ""

    def _version(self) -> list[str]:
        headers = self._origin.headers
        triggered = headers.get("x-shopify-triggered-at") or headers.get("shopify-triggered-at") or ""
        return [self._time("updated_at"), triggered, self._origin.source, self._origin.external_id]

    def _time(self, name: str) -> str:
        """A time in UTC, written so that texts sort as times do."""
        try:
            time = datetime.fromisoformat(self._resource[name])
            time = (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)
        except (KeyError, TypeError, ValueError, OverflowError, OSError):
            self.faults.append(f"`{name}` must be an ISO 8601 time.")
            return ""
        if time > self._origin.received_at + _CLOCKS_DIFFER_BY:
            self.faults.append(f"`{name}` lies in the future.")
        return time.isoformat(timespec="microseconds")

    def _number(self, name: str) -> int | None:
        text = _text_of_id(self._resource.get(name)) or ""
        if text.isascii() and text.isdecimal() and len(text) <= 19 and 0 < int(text) <= _MAX_NUMBER:
            return int(text)
        self.faults.append(f"`{name}` must be a positive whole number.")
        return None

    def _amount(self, value: Any) -> str | None:
        """An amount of money as a text of digits, at most 15 before the point and 4 after it."""
        if value is None or (isinstance(value, str | int | float) and _AMOUNT.fullmatch(str(value))):
            return None if value is None else str(value)
        self.faults.append("`total_price` must be an amount.")
        return None

    def _item(self, item: Mapping[str, Any]) -> dict[str, Any]:
        texts = {name: _first_text(item.get(key)) for name, key in _ITEM_TEXTS.items()}
        return {"id": _text_of_id(item.get("id")), **texts, "quantity": _quantity(item)}

    def _objects(self, name: str) -> list[dict[str, Any]]:
        found = self.get(name, list, [])
        if not all(isinstance(element, dict) for element in found):
            self.faults.append(f"`{name}` must be a list of objects.")
            return []
        return list(found)

    def _texts(self, several: str, single: str) -> list[str]:
        values = self.get(several, list, []) or [self._resource.get(single)]
        return [value for value in values if isinstance(value, str) and value]

    def get(self, name: str, kind: Callable[..., Any], default: Any = None) -> Any:
        value = self._resource.get(name)
        if value is None:
            return default
        if not isinstance(value, kind):  # type: ignore[arg-type]
            self.faults.append(f"`{name}` must be {_KINDS[kind]}.")
            return default
        return value


_KINDS: Mapping[Any, str] = {str: "a text", list: "a list", dict: "an object"}

_ITEM_TEXTS = {"title": "title", "variant": "variant_title", "sku": "sku", "price": "price"}


def _quantity(item: Mapping[str, Any]) -> int:
    value = item.get("quantity")
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**31 else 0


def _text_of_id(value: Any) -> str | None:
    """Ids are numbers or texts, and kept as texts."""
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _MAX_NUMBER:
        return str(value)
    return value if isinstance(value, str) and 0 < len(value) <= 255 else None


def _first_text(*values: Any) -> str | None:
    return next((value for value in values if isinstance(value, str) and value), None)


_READERS: Mapping[str, Callable[[_Reader], Effect]] = {
    **dict.fromkeys(_ORDER_TOPICS, _read_order),
    **dict.fromkeys(_FULFILMENT_TOPICS, _read_fulfilment),
    "customers/redact": _read_redaction,
}
