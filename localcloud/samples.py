"""Realistic webhooks of every source, invented anew each time; ``signing.py`` signs them."""

import json
import random
import string
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from localcloud import messages, shop
from localcloud.event import Event, hash_id, json_body, new_uuid
from localcloud.signing import sign

__all__ = ["SOURCES", "Event", "make_event", "sign"]

_PEOPLE = ("aiko", "bram", "chidi", "dolores", "emre", "farida")
_REPOSITORIES = ("storefront", "inventory", "reader-app", "print-queue")
_TITLES = ("Moonlit Courier 3", "The Salt Atlas 1", "Paper Lanterns 12", "Kettle and Crow 7", "灯台の猫 2")

_IDS_IN_BODY = {"hmac-sha256": "id", "meta": None, "slack": "event_id", "stripe": "id"}
"""The field of a body that is the event's id, None where the provider gives no id at all."""


def make_event(source: str, chance: random.Random, number: int = 0, body: bytes | None = None) -> Event:
    """A new event of a source.

    ``number`` counts the events of one run from 0; where a source tells a story, it says how far. ``body`` replaces the
    invented one, and then counts as JSON.
    """
    event = _SAMPLES[source](chance, number)
    return event if body is None else _with_body(source, event, body)


def _with_body(source: str, event: Event, body: bytes) -> Event:
    """The same event with a body of any bytes. Twilio signs those by their hash alone, which the URL then names."""
    event_id = _id_in(body, _IDS_IN_BODY[source]) if source in _IDS_IN_BODY else event.event_id
    return replace(
        event, event_id=event_id, body=body, content_type="application/json", hash_in_url=source == "twilio", about=""
    )


def _id_in(body: bytes, field: str | None) -> str:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        document = None
    found = document.get(field) if isinstance(document, dict) else None
    return found if isinstance(found, str) and found else hash_id(body)


def _github(chance: random.Random, number: int) -> Event:
    event_type, document = _github_document(chance)
    event_id = new_uuid(chance)
    headers = {"X-GitHub-Delivery": event_id, "X-GitHub-Event": event_type, "X-GitHub-Hook-ID": "4711"}
    return Event(event_id, event_type, json_body(document), headers=headers)


def _github_document(chance: random.Random) -> tuple[str, Any]:
    owner, name = "example-manga", chance.choice(_REPOSITORIES)
    sender = {"login": chance.choice(_PEOPLE), "id": chance.randrange(10**6), "type": "User"}
    repository = {"id": chance.randrange(10**8), "name": name, "full_name": f"{owner}/{name}", "private": True}
    common = {"repository": repository, "sender": sender}
    kind = chance.choice(("push", "issues", "pull_request"))
    if kind == "push":
        commits = [
            {"id": f"{chance.getrandbits(160):040x}", "message": f"Correct the price of {chance.choice(_TITLES)}"}
            for _ in range(chance.randint(1, 3))
        ]
        return kind, {
            "ref": "refs/heads/main",
            "before": "0" * 40,
            "after": commits[-1]["id"],
            "commits": commits,
        } | common
    number = chance.randrange(1, 2000)
    title = f"{chance.choice(_TITLES)} shows the wrong cover: 表紙が違う"
    if kind == "issues":
        return kind, {"action": "opened", "issue": {"number": number, "title": title, "state": "open"}} | common
    return kind, {"action": "opened", "number": number, "pull_request": {"title": title, "draft": False}} | common


def _standard_webhooks(chance: random.Random, number: int) -> Event:
    kind = chance.choice(("invoice.paid", "invoice.overdue"))
    data = {
        "invoice": f"INV-{chance.randrange(10_000, 99_999)}",
        "supplier": "Paper & Ink Wholesale",
        "amount": {"value": f"{chance.randrange(5_000, 90_000) / 100:.2f}", "currency": "EUR"},
    }
    document = {"type": kind, "timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "data": data}
    return Event(f"msg_{chance.getrandbits(128):032x}", kind, json_body(document))


def _hmac_sha256(chance: random.Random, number: int) -> Event:
    event_id = new_uuid(chance)
    kind = chance.choice(("parcel.collected", "parcel.in_transit", "parcel.delivered"))
    parcel = {"number": f"PX{chance.randrange(10**9, 10**10)}", "weight_grams": chance.randrange(150, 4000)}
    depot = chance.choice(("Ghent", "Lyon", "Kraków"))
    return Event(event_id, kind, json_body({"id": event_id, "type": kind, "parcel": parcel, "depot": depot}))


def _stripe(chance: random.Random, number: int) -> Event:
    event_id, kind = f"evt_{_letters(chance, 24)}", chance.choice(tuple(_STRIPE_OBJECTS))
    amount, second = chance.randrange(680, 25_000), int(datetime.now(UTC).timestamp())
    customer = {"customer": f"cus_{_letters(chance, 14)}", "currency": "eur", "created": second - 2, "livemode": False}
    document = {
        "id": event_id,
        "object": "event",
        "api_version": "2024-10-28.acacia",
        "created": second,
        "type": kind,
        "data": {"object": customer | _STRIPE_OBJECTS[kind](chance, amount)},
        "livemode": False,
        "pending_webhooks": 1,
        "request": {"id": f"req_{_letters(chance, 14)}", "idempotency_key": new_uuid(chance)},
    }
    return Event(event_id, kind, json_body(document))


def _payment_intent(chance: random.Random, amount: int) -> dict[str, Any]:
    return {
        "id": f"pi_{_letters(chance, 24)}",
        "object": "payment_intent",
        "amount": amount,
        "amount_received": amount,
        "status": "succeeded",
        "description": f"{chance.choice(_TITLES)}, réf. {chance.randrange(1001, 1100)}",
        "payment_method_types": [chance.choice(("card", "bancontact", "sepa_debit"))],
    }


def _refunded_charge(chance: random.Random, amount: int) -> dict[str, Any]:
    return {
        "id": f"ch_{_letters(chance, 24)}",
        "object": "charge",
        "amount": amount,
        "amount_refunded": amount,
        "refunded": True,
        "billing_details": {"name": chance.choice(("Zoë Lindqvist", "小林 美咲")), "email": "zoe@example.net"},
    }


def _paid_invoice(chance: random.Random, amount: int) -> dict[str, Any]:
    return {
        "id": f"in_{_letters(chance, 24)}",
        "object": "invoice",
        "number": f"PX-{chance.randrange(10_000):04d}",
        "amount_due": amount,
        "amount_paid": amount,
        "amount_remaining": 0,
        "status": "paid",
    }


_STRIPE_OBJECTS: Mapping[str, Callable[[random.Random, int], dict[str, Any]]] = {
    "charge.refunded": _refunded_charge,
    "invoice.paid": _paid_invoice,
    "payment_intent.succeeded": _payment_intent,
}


def _shopify(chance: random.Random, number: int) -> Event:
    order, topic = shop.next_step(number)
    event_id, now = new_uuid(chance), datetime.now(UTC)
    headers = {
        "X-Shopify-Topic": topic,
        "X-Shopify-Webhook-Id": event_id,
        "X-Shopify-Event-Id": new_uuid(chance),
        "X-Shopify-Shop-Domain": "moonlit-manga.example.com",
        "X-Shopify-API-Version": "2024-10",
        "X-Shopify-Triggered-At": f"{now:%Y-%m-%dT%H:%M:%S.%f}{chance.randrange(1000):03d}Z",
    }
    body = json_body(shop.payload(order, topic, now))
    return Event(event_id, topic, body, headers=headers, about=f"order {order}, {shop.email_of(order)}")


def _letters(chance: random.Random, length: int) -> str:
    return "".join(chance.choices(string.ascii_letters + string.digits, k=length))


_SAMPLES: Mapping[str, Callable[[random.Random, int], Event]] = {
    "github": _github,
    "hmac-sha256": _hmac_sha256,
    "meta": messages.meta,
    "shopify": _shopify,
    "slack": messages.slack,
    "standard-webhooks": _standard_webhooks,
    "stripe": _stripe,
    "twilio": messages.twilio,
}

SOURCES = tuple(_SAMPLES)
"""The sources that have samples. One of ``chalicelib.webhooks.sources`` need not be among them."""
