"""Webhooks of an exact size, from which both designs get their input."""

import json
import random
from dataclasses import replace
from typing import Any

from localcloud.samples import Event, make_event


def make_sized_event(source: str, size: int, chance: random.Random) -> Event:
    """A sample event whose body is a JSON document of ``size`` bytes, filled up with order lines."""
    event = make_event(source, chance)
    document = json.loads(event.body)
    lines: list[Any] = []
    document.setdefault("data", {}).update(lines=lines, padding="")
    room = size - len(_encode(document))
    while (line := _order_line(chance)) and (room := room - len(_encode(line)) - 1) >= 0:
        lines.append(line)
    document["data"]["padding"] = "." * (size - len(_encode(document)))
    return replace(event, body=_encode(document))


def _order_line(chance: random.Random) -> dict[str, Any]:
    return {
        "sku": f"PX{chance.randrange(10**9, 10**10)}",
        "title": chance.choice(("Moonlit Courier 3", "The Salt Atlas 1", "表紙が違う")),
        "price": {"value": f"{chance.randrange(500, 9000) / 100:.2f}", "currency": "EUR"},
        "quantity": chance.randint(1, 9),
        "gift": chance.random() < 0.5,
    }


def _encode(document: Any) -> bytes:
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
