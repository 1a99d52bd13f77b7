"""Words for what the order tool answers, whatever keys that has."""

from collections.abc import Mapping, Sequence
from typing import Any

UNAVAILABLE = (
    "I cannot look up orders at the moment, I am sorry. Please ask again in a few minutes; or shall a colleague help? "
    "Just ask for a person."
)
ASK_FOR_EMAIL = "To look it up I need the e-mail address you ordered with."
ASK_FOR_ORDER = "I can look that up. Please tell me your order number and the e-mail address that you ordered with."

_TOLD_APART = {
    "number",
    "order_number",
    "name",
    "status",
    "items",
    "line_items",
    "tracking",
    "email",
    "customer_id",
    "updated_at",
}
_MISSING = {"not_found", "unknown", "missing"}


def describe_order(asked: Mapping[str, Any], answer: Any, *, failed: bool) -> str:
    """An order in a few sentences, the request for what is needed to find it, or that none can be looked up."""
    if not isinstance(answer, Mapping):
        return UNAVAILABLE if failed else str(answer) if answer else _not_found(asked)
    order = answer.get("order") if isinstance(answer.get("order"), Mapping) else answer
    assert isinstance(order, Mapping)
    if failed or _is_missing(order):
        return _say_error(asked, str(order.get("error") or ""), failed=failed)
    number = order.get("number") or order.get("order_number") or order.get("name") or asked.get("number")
    sentences = [f"Your order {number} is {_words(order.get('status') or 'being processed')}."]
    if items := _items(order.get("items") or order.get("line_items")):
        sentences.append(f"It contains {items}.")
    sentences.extend(_tracking(order.get("tracking")))
    sentences.extend(
        f"{_words(key).capitalize()}: {value}."
        for key, value in order.items()
        if key not in _TOLD_APART and isinstance(value, str | int | float) and not isinstance(value, bool) and value
    )
    return " ".join(sentences)


def _is_missing(order: Mapping[str, Any]) -> bool:
    return not order or bool(order.get("error")) or order.get("found") is False or order.get("status") in _MISSING


def _say_error(asked: Mapping[str, Any], error: str, *, failed: bool) -> str:
    """What a tool's error asks the assistant to do: a model reads it, and these are the words that matter to it."""
    if "e-mail" in error:
        return ASK_FOR_EMAIL
    is_known = "No such order" in error or error in _MISSING
    return UNAVAILABLE if "at the moment" in error or (failed and not is_known) else _not_found(asked)


def _not_found(asked: Mapping[str, Any]) -> str:
    which = f"an order {asked['number']}" if asked.get("number") else "that order"
    return (
        f"I cannot find {which} with what you told me. Please check the order number, and tell me the e-mail address "
        "that you ordered with."
    )


def _items(items: Any) -> str:
    """The items in one phrase: two of this, one of that."""
    if not isinstance(items, Sequence) or isinstance(items, str):
        return ""
    names = [_item(item) for item in items]
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)


def _item(item: Any) -> str:
    if not isinstance(item, Mapping):
        return str(item)
    name = item.get("title") or item.get("name") or item.get("sku") or "an item"
    quantity = item.get("quantity", 1)
    return f"{quantity} of {name}"


def _tracking(tracking: Any) -> list[str]:
    parcels = tracking if isinstance(tracking, list) else [tracking] if tracking else []
    return [_parcel(parcel) for parcel in parcels]


def _parcel(parcel: Any) -> str:
    if not isinstance(parcel, Mapping):
        return f"You can follow the parcel with the tracking number {parcel}."
    number = parcel.get("number") or parcel.get("tracking_number")
    company = parcel.get("company") or parcel.get("carrier")
    url = parcel.get("url") or parcel.get("tracking_url")
    sentence = "The parcel was delivered" if parcel.get("status") == "delivered" else "The parcel is on its way"
    sentence += f" with {company}" if company else ""
    sentence += f", tracking number {number}" if number else ""
    return f"{sentence}: {url}" if url else f"{sentence}."


def _words(name: Any) -> str:
    return str(name).replace("_", " ")
