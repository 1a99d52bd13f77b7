"""The soak's verifier sees what is wrong; a proof that cannot fail proves nothing."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from soak.deliveries import Delivery, Fate, by_event
from soak.model import fold_orders
from soak.plan import make_deliveries
from soak.verification import Found, Stored, verify

DELIVERIES = make_deliveries(400, random.Random(5))
DEAD = sorted(delivery.message_id for delivery in DELIVERIES if delivery.fate is Fate.DEAD)


def perfect() -> Found:
    """What is there when all went well, and of conflicting events the first stayed."""
    rows, conflicts, webhooks = [], [], []
    for (source, external_id), variants in by_event(DELIVERIES).items():
        first, *others = variants.values()
        assert first.webhook
        if first.fate is Fate.DEAD:
            continue
        sha256 = first.webhook.sha256
        rows.append(Stored(source, external_id, first.fate, first.reason or None, sha256, sha256))
        conflicts += [(source, external_id, other.webhook.sha256) for other in others if other.webhook]
        if source == "shopify" and first.fate is Fate.STORED:
            webhooks.append(first.webhook)
    orders = fold_orders(webhooks)
    return Found(rows, conflicts, orders, orders, DEAD)


def faults(found: Found, deliveries: Sequence[Delivery] = DELIVERIES) -> Mapping[str, Sequence[str]]:
    return {check.name: check.faults for check in verify(deliveries, DEAD, found) if check.faults}


def test_nothing_is_wrong_with_a_perfect_run() -> None:
    assert faults(perfect()) == {}
    assert all(check.examined for check in verify(DELIVERIES, DEAD, perfect()))


def test_a_lost_event() -> None:
    found = perfect()
    lost = next(row for row in found.rows if row.source == "github" and row.state == "stored")

    assert faults(replace(found, rows=[row for row in found.rows if row is not lost])) == {
        "events lost": [" ".join(lost.key)]
    }


def test_a_doubled_event() -> None:
    found = perfect()

    assert faults(replace(found, rows=[*found.rows, found.rows[0]])) == {
        "events doubled": [f"{' '.join(found.rows[0].key)}, 2 times"]
    }


def test_an_event_that_nobody_sent() -> None:
    found = perfect()
    invented = Stored("github", "invented", "stored", None, "00", "00")

    assert faults(replace(found, rows=[*found.rows, invented])) == {"events that nobody sent": ["github invented"]}


@pytest.mark.parametrize("change", [{"body_hash": "00"}, {"sha256": "00", "body_hash": "00"}])
def test_an_altered_body(change: dict[str, str]) -> None:
    found = perfect()
    index = next(index for index, row in enumerate(found.rows) if row.source == "hmac-sha256" and row.state == "stored")
    rows = [*found.rows[:index], replace(found.rows[index], **change), *found.rows[index + 1 :]]

    assert "bodies altered" in faults(replace(found, rows=rows))


def test_good_events_that_are_parked_and_poison_that_is_not() -> None:
    found = perfect()
    rows = [replace(row, state="stored" if row.state == "parked" else "parked") for row in found.rows]

    assert len(faults(replace(found, rows=rows))["events in the wrong state"]) == len(rows)


def test_poison_that_is_parked_for_another_reason() -> None:
    found = perfect()
    rows = [replace(row, reason=row.reason and f"Not because {row.reason}") for row in found.rows]

    assert len(faults(replace(found, rows=rows))["events in the wrong state"]) == sum(
        row.state == "parked" for row in rows
    )


def test_conflicts_that_are_not_noted_or_without_reason() -> None:
    found = perfect()
    one, *others = found.conflicts

    assert faults(replace(found, conflicts=others)) == {"conflicts wrong": [f"not noted: {' '.join(one)}"]}
    assert faults(replace(found, conflicts=[("github", "a", "00"), *found.conflicts])) == {
        "conflicts wrong": ["noted without reason: github a 00"]
    }


def test_dead_letters_that_are_missing_too_many_or_doubled() -> None:
    found = perfect()

    assert faults(replace(found, dead=[*DEAD[2:], "other", "other"])) == {
        "dead letters wrong": [
            *(f"not dead-lettered: {name}" for name in DEAD[:2]),
            "dead-lettered: other",
            "dead-lettered twice: other, 2 times",
        ]
    }


def test_an_order_that_an_older_event_overwrote() -> None:
    """The state of an order as it would be had the newest of its events come first and been overwritten."""
    found = perfect()
    order_id = next(order_id for order_id, order in found.orders.items() if order["tracking"] and order["number"])
    told = [
        delivery.webhook
        for variants in by_event(DELIVERIES).values()
        for delivery in list(variants.values())[:1]
        if delivery.webhook and order_id.encode() in delivery.webhook.body and delivery.fate is Fate.STORED
    ]
    newest = found.orders[order_id]["external_id"]
    (wrong,) = fold_orders(webhook for webhook in told if webhook.external_id != newest).values()
    (problem,) = faults(replace(found, orders={**found.orders, order_id: wrong})).values()

    assert problem[0].startswith(f"order {order_id}: ")
    assert "external_id is " in problem[0]


def test_an_order_too_many_and_one_that_is_missing() -> None:
    found = perfect()
    first, *others = found.orders
    orders = {**{name: found.orders[name] for name in others}, "1": found.orders[first]}

    wrong = [f"order {first} is missing", "order 1 is too many"]
    assert faults(replace(found, orders=orders)) == {"orders that differ from the model": wrong}
    assert faults(replace(found, rebuilt=orders)) == {"orders that a rebuild makes otherwise": wrong}
