"""What a webhook takes in PostgreSQL, as the capacity figures have it."""

import random

import pytest

from benchmarks.batches import make_batches
from chalicelib.webhooks.processing import read_event
from ops.capacity.consumption import ROW_BYTES
from tests.integration.place import Place

BATCHES = 200


def test_a_row_takes_as_much_as_is_planned_for(place: Place) -> None:
    for batch in make_batches(BATCHES, random.Random(1), one_refused=False):
        place.store.write([read_event(envelope) for envelope in batch])

    ((size, rows),) = place.query("select pg_total_relation_size('webhook_events'), count(*) from webhook_events")

    assert size / rows == pytest.approx(ROW_BYTES, rel=0.1), "change ROW_BYTES in ops/capacity/consumption.py"
