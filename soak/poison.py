"""Poison: everything that must be parked or dead-lettered, and must not hold up what is beside it."""

import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from soak.deliveries import Delivery, Fate, Webhook, new_id

_ORDER = {"id": 1, "order_number": 1, "updated_at": "2026-03-01T08:00:00Z", "line_items": []}


@dataclass(frozen=True)
class Poison:
    """A kind of event that is parked: its body, where it comes from, and how the reason begins.

    ``over_http`` says that the source accepts it; one that refuses invalid bodies answers 400.
    """

    body: Callable[[random.Random], bytes]
    reason: str
    source: str = "github"
    event_type: str = "push"
    over_http: bool = True


def _order(**changes: object) -> Callable[[random.Random], bytes]:
    return lambda chance: json.dumps(_ORDER | {"note": chance.random()} | changes).encode()


def _deep(chance: random.Random) -> bytes:
    depth = chance.randint(20_000, 60_000)
    return b"[" * depth + b"]" * depth


def _decimals(chance: random.Random) -> bytes:
    """A number with more decimals than PostgreSQL counts, and no exponent that would give it away."""
    return b'{"rate": 0.' + b"0" * chance.randint(17_000, 18_000) + b"1}"


def _unindexable(chance: random.Random) -> bytes:
    """An order whose address is longer than an index's row may be, and does not compress."""
    return _order(id=chance.randrange(10**12, 10**13), email=chance.randbytes(9_000).hex())(chance)


def _random_bytes(chance: random.Random) -> bytes:
    return b"\xff" + chance.randbytes(chance.randint(1, 400))


PARKED: Mapping[str, Poison] = {
    "no JSON": Poison(lambda chance: b'{"half": %d' % chance.randrange(10**9), "The body is not JSON"),
    "nothing at all": Poison(lambda _: b"", "The body is not JSON"),
    "NUL escapes": Poison(lambda chance: b'{"a\\u0000": %d}' % chance.randrange(10**9), "A text in the body"),
    "lone surrogates": Poison(lambda chance: b'["\\ud800", %d]' % chance.randrange(10**9), "A text in the body"),
    "invalid UTF-8": Poison(_random_bytes, "The body is not UTF-8"),
    "deep nesting": Poison(_deep, "The body is nested too deeply"),
    "huge exponents": Poison(lambda chance: b"[1e%d]" % chance.randint(5_000, 10**9), "The body is not usable JSON"),
    "numbers only PostgreSQL refuses": Poison(_decimals, "PostgreSQL cannot keep the payload"),
    "no object": Poison(lambda chance: b"[%d]" % chance.randrange(10**9), "The body must be a JSON object"),
    "an order without an id": Poison(_order(id=None), "`id` must be an id", "shopify", "orders/create"),
    "an order without a time": Poison(_order(updated_at="yesterday"), "`updated_at` must be", "shopify", "orders/paid"),
    "an order of another shape": Poison(
        _order(line_items={"1": "a book"}), "`line_items` must be a list", "shopify", "orders/updated"
    ),
    "a fulfilment of no order": Poison(
        _order(order_id=[]), "`order_id` must be an id", "shopify", "fulfillments/create"
    ),
    "orders only PostgreSQL refuses": Poison(
        _unindexable, "PostgreSQL cannot keep the payload", "shopify", "orders/create"
    ),
    "a shape its source refuses": Poison(
        lambda chance: b'{"typ": %d}' % chance.randrange(10**9), "`type` must be", "hmac-sha256", "unknown", False
    ),
    "an unknown source": Poison(
        lambda chance: b'{"a": %d}' % chance.randrange(10**9), "Its source is no longer known", "gone", "a", False
    ),
}

_NO_ENVELOPES: tuple[Callable[[random.Random], str], ...] = (
    lambda chance: f"rubbish {chance.randrange(10**9)}",
    lambda chance: json.dumps({"version": 2, "source": "github", "body": "", "n": chance.randrange(10**9)}),
    lambda chance: json.dumps([chance.randrange(10**9)]),
    lambda chance: "[" * chance.randint(50_000, 60_000),
    lambda chance: json.dumps({"version": 1, "source": "git\u0000hub", "n": chance.randrange(10**9)}),
)


def make_parked(chance: random.Random, *, over_http: bool) -> Delivery:
    """An event that is stored, with the reason why it is no more than that."""
    kinds = [name for name, poison in PARKED.items() if poison.over_http or not over_http]
    kind = chance.choice(kinds)
    poison = PARKED[kind]
    webhook = Webhook(poison.source, new_id(chance), poison.event_type, poison.body(chance))
    return Delivery(new_id(chance), kind, Fate.PARKED, webhook, reason=poison.reason)


def make_no_envelope(chance: random.Random) -> Delivery:
    """A message that nobody can read."""
    return Delivery(new_id(chance), "no envelope", Fate.DEAD, None, chance.choice(_NO_ENVELOPES)(chance))
