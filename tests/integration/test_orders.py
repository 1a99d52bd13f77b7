"""Orders and persons on a real PostgreSQL: in the same transaction as the event, whatever arrives when."""

import json
import random
import threading
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import psycopg
import pytest

from chalicelib.webhooks.event_store import Event, EventStore, Outcome
from chalicelib.webhooks.order_store import lock_orders
from chalicelib.webhooks.people import erase
from chalicelib.webhooks.personal_data import PersonalData
from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.shopify import Redaction
from chalicelib.webhooks.stored_events import Key, load, rebuild_orders, replay
from tests.builders import make_envelope
from tests.integration.cloud import eventually
from tests.integration.place import Place
from tests.unit.webhooks.test_shopify import FULFILMENT, ORDER, REDACTION

TABLE = "select * from orders order by order_id"


def shopify(external_id: str, topic: str, document: Any) -> Event:
    body = json.dumps(document).encode()
    return read_event(make_envelope(body, source="shopify", external_id=external_id, event_type=topic))


def story(order: int) -> list[Event]:
    """The life of one order, in the order in which Shopify tells it."""

    def told(step: int, topic: str, document: dict[str, Any], **changes: Any) -> Event:
        time = {"updated_at": f"2026-11-20T12:00:{step:02}Z"}
        return shopify(f"{order}-{step}", topic, document | time | changes)

    ids = {"id": order, "order_number": order, "customer": {"id": order * 10}, "email": f"{order}@example.com"}
    parcel = FULFILMENT | {"id": order * 100, "order_id": order, "name": f"#{order}.1"}
    return [
        told(1, "orders/create", ORDER | ids, financial_status="pending"),
        told(2, "orders/paid", ORDER | ids),
        told(3, "fulfillments/create", parcel),
        told(4, "orders/fulfilled", ORDER | ids, fulfillment_status="fulfilled"),
        told(5, "fulfillments/update", parcel, shipment_status="delivered"),
    ]


def write(place: Place, events: Sequence[Event]) -> list[Outcome]:
    return [written.outcome for written in place.store.write(events)]


def test_a_story_becomes_a_row(place: Place) -> None:
    assert write(place, story(1001)) == [Outcome.STORED] * 5

    rows = place.query("select number, customer_id, email, status, currency, external_id from orders")
    assert rows == [(1001, "10010", "1001@example.com", "delivered", "EUR", "1001-5")]


@pytest.mark.parametrize("seed", range(8))
def test_any_order_of_arrival_with_duplicates_ends_the_same(place: Place, seed: int) -> None:
    chance = random.Random(seed)
    events = [event for order in (1001, 1002, 1003) for event in story(order)]
    place.store.write(events)
    expected = place.query(TABLE)
    place.query("truncate orders, webhook_events")
    shuffled = events * 2
    chance.shuffle(shuffled)

    while shuffled:
        size = chance.randint(1, 10)
        place.store.write(shuffled[:size])
        shuffled = shuffled[size:]

    assert place.query(TABLE) == expected
    assert len(expected) == 3


def test_writers_that_race_for_the_same_orders_lose_nothing(place: Place) -> None:
    events = [event for order in range(1001, 1009) for event in story(order)]
    place.store.write(events)
    expected = place.query(TABLE)
    place.query("truncate orders, webhook_events")
    outcomes: list[Outcome] = []

    def run(seed: int) -> None:
        mine, store = list(events), place.new_store()
        random.Random(seed).shuffle(mine)
        for start in range(0, len(mine), 10):
            outcomes.extend(written.outcome for written in store.write(mine[start:][:10]))

    threads = [threading.Thread(target=run, args=[seed]) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert place.query(TABLE) == expected
    assert outcomes.count(Outcome.STORED) == len(events)
    assert outcomes.count(Outcome.DUPLICATE) == len(events) * 5


def test_an_event_and_its_order_are_stored_together_or_not_at_all(place: Place) -> None:
    place.query(
        "create function no() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$;"
        " create trigger no before insert on orders for each row when (new.number = 1002) execute function no()"
    )
    first, second, third = story(1001)[0], story(1002)[0], story(1003)[0]

    assert write(place, [first, second, third]) == [Outcome.STORED, Outcome.FAILED, Outcome.STORED]
    assert place.query("select number from orders order by 1") == [(1001,), (1003,)]
    assert place.query("select external_id from webhook_events order by 1") == [("1001-1",), ("1003-1",)]

    place.query("drop function no cascade")
    assert write(place, [second]) == [Outcome.STORED]
    assert place.query("select count(*) from orders") == [(3,)]


def test_what_an_order_can_never_keep_is_parked(place: Place) -> None:
    place.query(
        "create function no() returns trigger language plpgsql as $$"
        " begin raise exception 'too much' using errcode = '22003'; end $$;"
        " create trigger no before insert on orders for each row execute function no()"
    )

    assert write(place, [story(1001)[0]]) == [Outcome.PARKED]

    assert place.query("select state, reason from webhook_events") == [
        ("parked", "PostgreSQL cannot keep the payload, or what follows from it: too much.")
    ]


def test_an_order_of_an_unknown_shape_is_parked_at_once(place: Place) -> None:
    assert write(place, [shopify("a", "orders/create", {"id": 1}), story(1001)[0]]) == [
        Outcome.PARKED,
        Outcome.STORED,
    ]

    ((reason, payload),) = place.query("select reason, payload from webhook_events where external_id = 'a'")
    assert "`updated_at` must be an ISO 8601 time." in reason
    assert payload == {"id": 1}


class TestReadingStoredEventsAgain:
    def keys(self, place: Place) -> list[Key]:
        return [(source, name) for source, name in place.query("select source, external_id from webhook_events")]

    def rebuild(self, place: Place, limit: int) -> tuple[int, int]:
        after: Key | None = None
        events = pages = 0
        while True:
            one, _, after = place.new_database().run(partial(rebuild_orders, after=after, limit=limit))
            events, pages = events + one, pages + 1
            if after is None:
                return events, pages

    @pytest.mark.parametrize("limit", [1, 4, 15, 500])
    def test_rebuilt_orders_are_the_same(self, place: Place, limit: int) -> None:
        for order in (1001, 1002, 1003):
            place.store.write(story(order))
        expected = place.query(TABLE)
        place.query("truncate orders")

        assert self.rebuild(place, limit)[0] == 15
        assert place.query(TABLE) == expected
        assert self.rebuild(place, limit)[0] == 15
        assert place.query(TABLE) == expected

    def test_rebuilding_mends_a_row_and_removes_none(self, place: Place) -> None:
        place.store.write([*story(1001), *story(1002)])
        expected = place.query(TABLE)
        place.query("update orders set status = 'lost', items = '[]' where number = 1001")
        place.query("delete from webhook_events where external_id like '1002%%'")

        assert self.rebuild(place, 100)[0] == 5
        assert place.query(TABLE) == expected

    def test_a_parked_event_is_stored_once_it_can_be_read(self, place: Place) -> None:
        place.store.write(story(1001))
        expected = place.query(TABLE)
        place.query("truncate orders")
        place.query("update webhook_events set state = 'parked', reason = 'not understood', payload = null")

        results = place.new_database().run(lambda connection: replay(connection, self.keys(place)))

        assert [written.outcome for written in results] == [Outcome.STORED] * 5
        assert place.query("select distinct state, reason, payload is null from webhook_events") == [
            ("stored", None, False)
        ]
        assert place.query(TABLE) == expected

    def test_what_still_cannot_be_read_stays_parked(self, place: Place) -> None:
        place.store.write([shopify("a", "orders/create", {}), *story(1001)])
        place.query("update webhook_events set reason = 'old' where external_id = 'a'")

        results = place.new_database().run(lambda connection: replay(connection, self.keys(place)))

        assert [written.outcome for written in results].count(Outcome.PARKED) == 1
        ((reason,),) = place.query("select reason from webhook_events where external_id = 'a'")
        assert reason != "old"

    def test_one_that_postgresql_refuses_is_parked_and_the_others_are_replayed(self, place: Place) -> None:
        place.store.write([*story(1001), *story(1002)])
        place.query("truncate orders")
        place.query(
            "create function no() returns trigger language plpgsql as $$"
            " begin raise exception 'too much' using errcode = '22003'; end $$;"
            " create trigger no before insert on orders for each row when (new.number = 1002) execute function no()"
        )

        place.new_database().run(lambda connection: replay(connection, self.keys(place)))

        assert place.query("select count(*) from webhook_events where state = 'parked'") == [(5,)]
        assert place.query("select number, status from orders") == [(1001, "delivered")]

    def test_events_are_loaded_as_they_were_received(self, place: Place) -> None:
        events = story(1001)
        place.store.write(events)

        loaded = place.new_database().run(lambda connection: load(connection, self.keys(place)))

        assert sorted(loaded, key=lambda one: one.external_id) == [event.envelope for event in events]


REDACTED = {"customer": {"id": 10010, "email": "1001@Example.com"}, "orders_to_redact": []}


class TestPersons:
    REDACT = shopify("redact", "customers/redact", REDACTED)

    def test_a_redaction_forgets_the_person_in_events_and_orders(self, place: Place) -> None:
        place.store.write([*story(1001), *story(1002)])
        others = place.query("select * from webhook_events where external_id like '1002%%' order by 1, 2")

        assert write(place, [self.REDACT]) == [Outcome.STORED]

        erased = place.query(
            "select distinct body, payload, headers::text, subjects, erased_at is null"
            " from webhook_events where external_id not like '1002%%'"
        )
        assert erased == [(b"", None, "{}", None, False)]
        assert place.query("select number, customer_id, email, status from orders order by 1") == [
            (1001, None, None, "delivered"),
            (1002, "10020", "1002@example.com", "delivered"),
        ]
        assert not place.query("select 1 from orders where parts::text like '%%1001@example%%'")
        assert place.query("select * from webhook_events where external_id like '1002%%' order by 1, 2") == others

    def test_a_redelivery_does_not_bring_the_data_back(self, place: Place) -> None:
        place.store.write(story(1001))
        place.store.write([self.REDACT])
        before = place.query("select * from webhook_events order by 1, 2"), place.query(TABLE)

        assert write(place, [*story(1001), self.REDACT]) == [Outcome.DUPLICATE] * 6

        assert (place.query("select * from webhook_events order by 1, 2"), place.query(TABLE)) == before

    def test_in_the_same_batch_it_comes_last(self, place: Place) -> None:
        write(place, [self.REDACT, *story(1001)])

        assert place.query("select email, customer_id from orders") == [(None, None)]
        assert place.query("select distinct body from webhook_events") == [(b"",)]

    def test_rebuilding_does_not_bring_the_data_back(self, place: Place) -> None:
        place.store.write(story(1001))
        place.store.write([self.REDACT])
        before = place.query(TABLE)

        assert place.new_database().run(lambda connection: rebuild_orders(connection, None, 100)) == (0, 0, None)
        place.new_database().run(lambda connection: replay(connection, [("shopify", "1001-1")]))

        assert place.query(TABLE) == before

    def test_a_person_is_found_by_address_in_any_case_and_any_source(self, place: Place) -> None:
        place.store.write(story(1001))
        place.store.write([read_event(make_envelope(b'{"to":"1001@EXAMPLE.com"}', external_id="g"))])
        place.store.write([read_event(make_envelope(b"\xff 1001@example.com", external_id="raw"))])
        place.store.write([read_event(make_envelope(b'{"to":"91001@example.com"}', external_id="other"))])

        found, _ = PersonalData(place.new_database()).events("1001@Example.com", 100, None)

        names = {position.external_id for position in found}
        assert names == {"g", "raw", *(event.envelope.external_id for event in story(1001))}

    def test_orders_named_in_a_redaction_are_forgotten_without_an_address(self, place: Place) -> None:
        place.store.write([shopify("a", "orders/create", ORDER | {"email": None, "customer": None})])

        assert write(place, [shopify("r", "customers/redact", REDACTION | {"customer": {"id": 1}})]) == [Outcome.STORED]

        assert place.query("select body from webhook_events where external_id = 'a'") == [(b"",)]

    def test_without_an_address_those_who_have_none_are_not_meant(self, place: Place) -> None:
        """Shopify writes an empty text where it knows no address."""
        stranger = FULFILMENT | {"id": 7, "order_id": 1001, "email": ""}
        place.store.write([shopify("a", "fulfillments/create", stranger), *story(1002)])
        before = place.query("select body from webhook_events where external_id = 'a'")

        write(
            place, [shopify("r", "customers/redact", {"customer": {"id": 10020, "email": ""}, "orders_to_redact": []})]
        )

        assert place.query("select body from webhook_events where external_id = 'a'") == before
        assert place.query("select email from orders where order_id = '1002'") == [(None,)]

    def test_an_unknown_person_changes_nothing(self, place: Place) -> None:
        place.store.write(story(1001))
        before = place.query("select * from webhook_events order by 1, 2")

        with place.new_database()._connect() as connection, connection.transaction():
            assert erase(connection, Redaction("nobody@example.com", None)) == (0, 0)
            assert erase(connection, Redaction(None, "1")) == (0, 0)

        assert place.query("select * from webhook_events order by 1, 2") == before


def test_batches_that_are_written_one_by_one_take_orders_in_the_same_sequence(place: Place) -> None:
    """Else each of two could wait for an order that the other has: PostgreSQL would let one of them fail."""
    place.refuse("bad")
    bad = shopify("bad", "orders/create", ORDER)
    forth = [shopify("m-1", "orders/create", ORDER | {"id": 1}), shopify("m-2", "orders/create", ORDER | {"id": 2})]
    back = [shopify("n-1", "orders/create", ORDER | {"id": 2}), shopify("n-2", "orders/create", ORDER | {"id": 1})]
    waiting = "select pid from pg_stat_activity where wait_event = 'advisory' and datname = current_database()"
    results: list[Outcome] = []

    def store(events: Sequence[Event], store: EventStore) -> None:
        results.extend(written.outcome for written in store.write(events))

    threads = [threading.Thread(target=store, args=[[bad, *events], place.new_store()]) for events in (back, forth)]
    with psycopg.connect(**place.parameters) as blocker:
        lock_orders(blocker, ["2"])
        for number, thread in enumerate(threads, start=1):
            thread.start()
            eventually(lambda number=number: len(place.query(waiting)) == number)  # type: ignore[misc]
        blocker.rollback()
    for thread in threads:
        thread.join(30)

    assert results.count(Outcome.FAILED) == 2
    assert results.count(Outcome.STORED) == 4


class TestErasure:
    REDACT = TestPersons.REDACT

    def test_written_one_by_one_it_comes_last_too(self, place: Place) -> None:
        """One refused event has the batch written event by event."""
        place.refuse("refused")

        write(place, [self.REDACT, *story(1001), read_event(make_envelope(external_id="refused"))])

        assert place.query("select email, customer_id from orders") == [(None, None)]
        assert place.query("select distinct body from webhook_events") == [(b"",)]

    def test_what_was_received_before_and_comes_later_is_emptied(self, place: Place) -> None:
        place.store.write(story(1001)[:1])
        place.store.write([self.REDACT])
        late = [*story(1001)[1:], read_event(make_envelope(b'{"to":"1001@example.com"}', external_id="late"))]

        assert set(write(place, late)) == {Outcome.STORED}

        assert place.query("select distinct body, erased_at is null from webhook_events") == [(b"", False)]
        assert place.query("select email, customer_id, status from orders") == [(None, None, "delivered")]

    def test_what_is_received_afterwards_is_kept(self, place: Place) -> None:
        place.store.write([self.REDACT])
        later = datetime.now(UTC) + timedelta(seconds=1)
        envelope = replace(story(1001)[0].envelope, received_at=later)

        place.store.write([read_event(envelope)])

        assert place.query("select email from orders") == [("1001@example.com",)]

    def test_a_parked_event_is_found_by_its_order(self, place: Place) -> None:
        bad = ORDER | {"email": None, "total_price": "much", "shipping_address": {"name": "Aiko Mori"}}
        assert write(place, [shopify("bad", "orders/create", bad)]) == [Outcome.PARKED]

        write(place, [shopify("r", "customers/redact", {"customer": {"id": 7001}, "orders_to_redact": []})])

        assert place.query("select body, payload from webhook_events where external_id = 'bad'") == [(b"", None)]

    def test_who_shares_a_customers_id_is_left_alone(self, place: Place) -> None:
        place.store.write([shopify("a", "orders/create", ORDER | {"email": "ann@example.com"})])
        other = ORDER | {"id": 5002, "order_number": 1002, "email": "bob@example.com"}
        place.store.write([shopify("b", "orders/create", other)])

        place.store.write([shopify("c", "x", {"to": "ann@example.com"})])
        PersonalData(place.new_database()).erase("ann@example.com")

        assert place.query("select email from orders order by number") == [(None,), ("bob@example.com",)]
        assert place.query("select external_id from webhook_events where erased_at is null") == [("b",)]

    def test_an_address_that_only_a_fulfilment_bears_is_forgotten_there(self, place: Place) -> None:
        place.store.write([shopify("o", "orders/create", ORDER)])
        place.store.write([shopify("f", "fulfillments/create", FULFILMENT | {"email": "old@example.com"})])

        PersonalData(place.new_database()).erase("old@example.com")

        ((email, parts),) = place.query("select email, parts from orders")
        assert email == ORDER["email"]
        assert parts["fulfilments"]["9001"]["email"] is None

    def test_persons_are_erased_while_others_write(self, place: Place) -> None:
        """Whatever meets what, nobody waits for ever, and nothing of the erased is left."""
        orders = range(2001, 2031)
        failures: list[Outcome] = []

        def run(seed: int, erases: bool) -> None:
            store, chance = place.new_store(), random.Random(seed)
            mine = [event for order in orders for event in ([redaction(order)] if erases else story(order))]
            chance.shuffle(mine)
            for start in range(0, len(mine), 7):
                results = [written.outcome for written in store.write(mine[start:][:7])]
                failures.extend(outcome for outcome in results if outcome is Outcome.FAILED)

        threads = [threading.Thread(target=run, args=[seed, seed == 0]) for seed in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)

        assert failures == []
        assert place.query("select email, customer_id from orders where coalesce(email, customer_id) is not null") == []
        assert place.query("select external_id from webhook_events where body <> ''") == []


def redaction(order: int) -> Event:
    document = {"customer": {"id": order * 10, "email": f"{order}@example.com"}, "orders_to_redact": [order]}
    return shopify(f"redact-{order}", "customers/redact", document)
