"""The plan of a run: which deliveries there are, in which order they are queued."""

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice

from localcloud.samples import make_event
from soak.deliveries import REFUSED, Delivery, Fate, Webhook, new_id
from soak.poison import make_no_envelope, make_parked
from soak.stories import encode, other_bytes, tell_orders

_DUPLICATES = 0.12
_CONFLICTS = 0.02
_PARKED = 0.05
_REFUSED = 0.004
_NO_ENVELOPES = 0.003
_ORDERS = 0.5
_LARGE = 0.003


def make_deliveries(count: int, chance: random.Random, *, over_http: bool = False) -> list[Delivery]:
    """``count`` deliveries, shuffled; with ``over_http`` such as the door accepts, a few of them large."""
    orders = tell_orders(chance)
    deliveries = [_to_be_stored("order event", webhook) for webhook in islice(orders, round(count * _ORDERS))]
    deliveries += [make_parked(chance, over_http=over_http) for _ in range(_share(count, _PARKED))]
    deliveries += [_refused(chance, orders) for _ in range(_share(count, _REFUSED))]
    deliveries += [make_no_envelope(chance) for _ in range(_share(count, _NO_ENVELOPES))]
    if over_http:
        deliveries += [_to_be_stored("large event", _large(chance)) for _ in range(_share(count, _LARGE))]
    rest = count - len(deliveries) - _share(count, _DUPLICATES) - _share(count, _CONFLICTS)
    others = _others(chance, over_http=over_http)
    deliveries += [_to_be_stored("other event", webhook) for webhook in islice(others, rest)]
    deliveries += [_conflict(chance, deliveries) for _ in range(_share(count, _CONFLICTS))]
    deliveries += [_duplicate(chance, deliveries) for _ in range(_share(count, _DUPLICATES))]
    chance.shuffle(deliveries)
    return deliveries


def _share(count: int, share: float) -> int:
    return max(1, round(count * share))


def _to_be_stored(kind: str, webhook: Webhook) -> Delivery:
    return Delivery(webhook.external_id, kind, Fate.STORED, webhook)


def _others(chance: random.Random, *, over_http: bool) -> Iterator[Webhook]:
    sources = ("github",) if over_http else ("github", "hmac-sha256")
    while True:
        source = chance.choice(sources)
        event = make_event(source, chance)
        yield Webhook(source, event.event_id, event.event_type, event.body, {"user-agent": "soak"})


def _large(chance: random.Random) -> Webhook:
    """An event that does not fit a message, so that it travels through the bucket."""
    return Webhook("github", new_id(chance), "push", encode({"ref": chance.randbytes(400_000).hex()}))


def _refused(chance: random.Random, orders: Iterator[Webhook]) -> Delivery:
    """An event that a trigger refuses: half of them say something of an order, which must not become true."""
    if chance.random() < 0.5:
        webhook = next(orders)
    else:
        webhook = Webhook("github", new_id(chance), "push", encode({"ref": chance.randrange(10**9)}))
    return Delivery(
        new_id(chance), "refused by a trigger", Fate.DEAD, replace(webhook, external_id=REFUSED + webhook.external_id)
    )


def _conflict(chance: random.Random, deliveries: list[Delivery]) -> Delivery:
    """The id of a good event with other bytes; whichever comes first stays."""
    while True:
        first = chance.choice(deliveries)
        if first.webhook is not None and first.fate is Fate.STORED:
            webhook = replace(first.webhook, body=other_bytes(first.webhook, chance))
            return replace(first, message_id=new_id(chance), kind="conflict", webhook=webhook)


def _duplicate(chance: random.Random, deliveries: list[Delivery]) -> Delivery:
    """The same once more, whatever it is."""
    return replace(chance.choice(deliveries), message_id=new_id(chance), kind="duplicate")
