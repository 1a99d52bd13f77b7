"""What the soak sends is repeatable, of every kind, and judged alike by the application's own reader."""

import random
from collections import Counter
from datetime import UTC, datetime

import pytest

from chalicelib.errors import EnvelopeError
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.processing import read_event
from soak.deliveries import Delivery, Fate, by_event
from soak.killing import draw_kills
from soak.plan import make_deliveries
from soak.poison import PARKED
from tests.builders import no_object

DELIVERIES = make_deliveries(2_000, random.Random(3))


def test_the_same_seed_makes_the_same_deliveries() -> None:
    assert make_deliveries(2_000, random.Random(3)) == DELIVERIES
    assert make_deliveries(2_000, random.Random(4)) != DELIVERIES


def test_every_kind_is_there() -> None:
    kinds = Counter(delivery.kind for delivery in DELIVERIES)

    assert len(DELIVERIES) == len({delivery.message_id for delivery in DELIVERIES}) == 2_000
    assert kinds.keys() == {
        "order event", "other event", "duplicate", "conflict", "refused by a trigger", "no envelope", *PARKED
    }  # fmt: skip
    assert sum(len(variants) > 1 for variants in by_event(DELIVERIES).values()) > 30


@pytest.mark.parametrize("delivery", DELIVERIES[:500], ids=lambda delivery: delivery.kind)
def test_the_application_reads_each_as_it_is_meant(delivery: Delivery) -> None:
    text = delivery.to_message(datetime.now(UTC))
    if delivery.webhook is None:
        with pytest.raises(EnvelopeError):
            Envelope.from_message(text, no_object)
        return
    event = read_event(Envelope.from_message(text, no_object))
    if "PostgreSQL" not in delivery.reason:
        assert (event.reason is not None) == (delivery.fate is Fate.PARKED)
        assert (event.reason or "").startswith(delivery.reason)


def test_kills_are_drawn_from_the_seed_and_hit_everybody() -> None:
    kills = draw_kills(6, 4, random.Random(1))

    assert kills == draw_kills(6, 4, random.Random(1))
    assert [kill.share for kill in kills] == sorted(kill.share for kill in kills)
    assert {"PostgreSQL", "a worker"} <= {kill.victim for kill in kills}
