"""Realistic webhooks, signed the way their providers sign.

Written apart from ``chalicelib.webhooks.signatures`` on purpose: one side's mistake must not hide the other's.
"""

import base64
import hashlib
import hmac
import json
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

_PEOPLE = ("aiko", "bram", "chidi", "dolores", "emre", "farida")
_REPOSITORIES = ("storefront", "inventory", "reader-app", "print-queue")
_TITLES = ("Moonlit Courier 3", "The Salt Atlas 1", "Paper Lanterns 12", "Kettle and Crow 7")


@dataclass(frozen=True)
class Event:
    """A webhook before it is signed. ``event_id`` is what Frontdesk must know it by."""

    event_id: str
    event_type: str
    body: bytes
    content_type: str = "application/json"


def make_event(source: str, chance: random.Random, body: bytes | None = None) -> Event:
    """A new event of a source; ``body`` replaces the invented one."""
    event_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
    event_type, document = _DOCUMENTS[source](chance, event_id)
    return Event(event_id, event_type, _compact(document) if body is None else body)


def sign(source: str, event: Event, secret: str, now: float) -> Mapping[str, str]:
    """The headers with which the provider would deliver an event at ``now``."""
    headers = {"Content-Type": event.content_type, "User-Agent": f"localcloud-send/{source}"}
    return headers | _SIGNERS[source](event, secret, now)


def _github(chance: random.Random, event_id: str) -> tuple[str, Any]:
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


def _standard_webhooks(chance: random.Random, event_id: str) -> tuple[str, Any]:
    kind = chance.choice(("invoice.paid", "invoice.overdue"))
    data = {
        "invoice": f"INV-{chance.randrange(10_000, 99_999)}",
        "supplier": "Paper & Ink Wholesale",
        "amount": {"value": f"{chance.randrange(5_000, 90_000) / 100:.2f}", "currency": "EUR"},
    }
    return kind, {"type": kind, "timestamp": datetime.now(UTC).isoformat(timespec="seconds"), "data": data}


def _hmac_sha256(chance: random.Random, event_id: str) -> tuple[str, Any]:
    kind = chance.choice(("parcel.collected", "parcel.in_transit", "parcel.delivered"))
    parcel = {"number": f"PX{chance.randrange(10**9, 10**10)}", "weight_grams": chance.randrange(150, 4000)}
    return kind, {"id": event_id, "type": kind, "parcel": parcel, "depot": chance.choice(("Ghent", "Lyon", "Turin"))}


_DOCUMENTS: Mapping[str, Callable[[random.Random, str], tuple[str, Any]]] = {
    "github": _github,
    "hmac-sha256": _hmac_sha256,
    "standard-webhooks": _standard_webhooks,
}


def _sign_github(event: Event, secret: str, now: float) -> dict[str, str]:
    signature = hmac.new(secret.encode(), event.body, hashlib.sha256).hexdigest()
    return {
        "X-GitHub-Delivery": event.event_id,
        "X-GitHub-Event": event.event_type,
        "X-GitHub-Hook-ID": "4711",
        "X-Hub-Signature-256": f"sha256={signature}",
    }


def _sign_hmac_sha256(event: Event, secret: str, now: float) -> dict[str, str]:
    return {"X-Signature-256": "sha256=" + hmac.new(secret.encode(), event.body, hashlib.sha256).hexdigest()}


def _sign_standard_webhooks(event: Event, secret: str, now: float) -> dict[str, str]:
    key = base64.b64decode(secret.split("_", 1)[1])
    signed = f"{event.event_id}.{int(now)}.".encode() + event.body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": event.event_id,
        "webhook-timestamp": str(int(now)),
        "webhook-signature": f"v1,{signature}",
    }


_SIGNERS: Mapping[str, Callable[[Event, str, float], dict[str, str]]] = {
    "github": _sign_github,
    "hmac-sha256": _sign_hmac_sha256,
    "standard-webhooks": _sign_standard_webhooks,
}

SOURCES = tuple(_SIGNERS)


def _compact(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
