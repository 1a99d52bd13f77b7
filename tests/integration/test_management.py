"""What operators ask of the database, on a real PostgreSQL."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.errors import NotFoundError
from chalicelib.webhooks.database import Database
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.event_search import EventFilter, EventSearch, Position
from chalicelib.webhooks.event_store import Event, EventStore
from chalicelib.webhooks.management import MAX_ANSWER_BYTES, Management
from chalicelib.webhooks.personal_data import MAX_PAGE_BYTES as MAX_ORDERS_BYTES
from chalicelib.webhooks.personal_data import PersonalData
from chalicelib.webhooks.processing import read_event
from chalicelib.webhooks.replaying import Replay
from chalicelib.webhooks.stored_events import MAX_PAGE_BYTES
from tests.builders import NOW, make_envelope
from tests.integration.conftest import Databases
from tests.integration.place import FixedCredentials

RECEIVED_AT = datetime.fromtimestamp(NOW, UTC)


@pytest.fixture
def database(databases: Databases) -> Iterator[Database]:
    database = Database(FixedCredentials(databases.create()))
    yield database
    database.close()


def store(database: Database, *envelopes: Envelope) -> None:
    EventStore(database).write([read_event(envelope) for envelope in envelopes])


def query(database: Database, statement: str) -> list[tuple[Any, ...]]:
    return database.run(lambda connection: connection.execute(statement.encode()).fetchall())


def execute(database: Database, statement: str) -> None:
    database.run(lambda connection: connection.execute(statement.encode()))


def order(number: int, email: str = "aiko@example.com", **changes: Any) -> Envelope:
    """A Shopify order, as its creation is told."""
    document = {
        "id": number,
        "order_number": 1000 + number,
        "email": email,
        "updated_at": "2026-11-20T12:00:00+00:00",
        "financial_status": "paid",
        "total_price": "17.90",
        "currency": "EUR",
        "line_items": [{"id": 1, "title": "Moonlit Courier 3", "quantity": 1}],
    }
    given = {"source": "shopify", "external_id": f"order-{number}", "event_type": "orders/create"} | changes
    return make_envelope(json.dumps(document).encode(), **given)


def redaction(email: str = "aiko@example.com", **changes: Any) -> Envelope:
    """Shopify's request to forget a customer."""
    body = json.dumps({"customer": {"id": 7, "email": email}, "orders_to_redact": []}).encode()
    given = {"source": "shopify", "external_id": "redaction", "event_type": "customers/redact"} | changes
    return make_envelope(body, **given)


def forget_what_was_read(database: Database) -> None:
    """Leave the stored events as code would have that could read none of them."""
    execute(database, "update webhook_events set state = 'parked', reason = 'Unknown.', payload = null")
    execute(database, "delete from orders")


def test_pages_show_every_event_once_newest_first(database: Database) -> None:
    times = [RECEIVED_AT - timedelta(minutes=number // 3) for number in range(20)]
    envelopes = [make_envelope(external_id=f"{number:02}", received_at=time) for number, time in enumerate(times)]
    store(database, *envelopes)
    search = EventSearch(database)

    found: list[tuple[datetime, str]] = []
    after: Position | None = None
    while rows := search.page(EventFilter(), 3, after):
        found += [(row["received_at"], row["external_id"]) for row in rows]
        after = Position(rows[-1]["received_at"], rows[-1]["source"], rows[-1]["external_id"])
        after = Position.from_cursor(after.to_cursor())

    assert found == sorted(((one.received_at, one.external_id) for one in envelopes), reverse=True)


@pytest.mark.parametrize(
    ("which", "expected"),
    [
        (EventFilter(), {"old", "new", "broken"}),
        (EventFilter(source="stripe"), {"new"}),
        (EventFilter(event_type="push"), {"broken"}),
        (EventFilter(state="parked"), {"broken"}),
        (EventFilter(external_id="old"), {"old"}),
        (EventFilter(since=RECEIVED_AT), {"new", "broken"}),
        (EventFilter(until=RECEIVED_AT), {"old"}),
        (EventFilter(source="github", state="stored"), {"old"}),
    ],
)
def test_a_filter_limits_what_is_found_and_counted(database: Database, which: EventFilter, expected: set[str]) -> None:
    store(
        database,
        make_envelope(external_id="old", received_at=RECEIVED_AT - timedelta(hours=1)),
        make_envelope(external_id="new", source="stripe"),
        make_envelope(b"no JSON", external_id="broken", event_type="push"),
    )
    search = EventSearch(database)

    assert {row["external_id"] for row in search.page(which, 10, None)} == expected
    assert search.count(which) == len(expected)


def test_an_event_is_shown_with_its_bytes_and_its_conflicts(database: Database) -> None:
    store(database, make_envelope(b'{"a": 1}', external_id="7"))
    store(database, make_envelope(b'{"a": 2}', external_id="7"))

    event = EventSearch(database).show("github", "7")

    assert event["body"] == b'{"a": 1}'
    assert event["headers"] == {"user-agent": "GitHub-Hookshot/0f3a1b2"}
    assert [conflict["body_sha256"] for conflict in event["conflicts"]] == [make_envelope(b'{"a": 2}').body_sha256]


def test_what_is_not_there_is_neither_shown_nor_parked(database: Database) -> None:
    with pytest.raises(NotFoundError):
        EventSearch(database).show("github", "7")
    with pytest.raises(NotFoundError):
        EventSearch(database).park("github", "7", "No.")


def test_a_parked_event_is_brought_back_by_a_replay(database: Database) -> None:
    store(database, make_envelope(external_id="7"))

    EventSearch(database).park("github", "7", "No.")
    assert query(database, "select state, reason from webhook_events") == [("parked", "No.")]

    replayed = Replay(database).replay(EventFilter(), 10, None)
    assert (replayed.stored, replayed.parked, replayed.last) == (1, 0, None)
    assert query(database, "select state, reason, payload from webhook_events") == [
        ("stored", None, {"action": "opened"})
    ]


def test_a_replay_goes_through_every_page_and_parks_what_is_no_event(database: Database) -> None:
    bodies = [b"no JSON" if number % 5 == 0 else b"{}" for number in range(20)]
    store(database, *(make_envelope(body, external_id=f"{number}") for number, body in enumerate(bodies)))
    execute(database, "update webhook_events set state = 'stored', reason = null, payload = '{}'")

    totals = [0, 0]
    after: Position | None = None
    while True:
        page = Replay(database).replay(EventFilter(), 3, after)
        totals = [totals[0] + page.stored, totals[1] + page.parked]
        after = page.last
        if after is None:
            break

    assert totals == [16, 4]
    assert query(database, "select count(*) from webhook_events where state = 'parked'") == [(4,)]


def test_a_replay_applies_what_the_present_code_reads(database: Database) -> None:
    store(database, order(1), order(2))
    before = query(database, "select order_id, status, email, total, parts from orders order by 1")
    forget_what_was_read(database)

    replayed = Replay(database).replay(EventFilter(source="shopify"), 10, None)

    assert replayed.stored == 2
    assert query(database, "select order_id, status, email, total, parts from orders order by 1") == before
    assert query(database, "select count(*) from webhook_events where subjects is null or payload is null") == [(0,)]


def test_a_replay_does_not_forget_a_person_who_came_back(database: Database) -> None:
    store(database, redaction())
    store(database, order(1, received_at=RECEIVED_AT + timedelta(days=90)))

    Replay(database).replay(EventFilter(), 10, None)

    assert query(database, "select email from orders") == [("aiko@example.com",)]


def test_a_replay_forgets_a_person_where_that_was_not_understood_before(database: Database) -> None:
    store(database, order(1))
    EventStore(database).write([Event(redaction(), reason="Unknown.")])

    Replay(database).replay(EventFilter(state="parked"), 10, None)

    assert query(database, "select email from orders") == [(None,)]
    assert query(database, "select body from webhook_events where external_id = 'order-1'") == [(b"",)]


def test_orders_are_rebuilt_the_same_however_often(database: Database) -> None:
    store(database, *(order(number) for number in range(1, 8)), make_envelope(external_id="other"))
    before = query(database, "select * from orders order by order_id")
    execute(database, "delete from orders where order_id < '5'")

    for _ in range(2):
        events, after = 0, None
        while True:
            page = Replay(database).rebuild_orders(3, after)
            events, after = events + page.events, page.last
            if after is None:
                break
        assert events == 7
        assert query(database, "select * from orders order by order_id") == before


@pytest.mark.parametrize("how", ["replay", "rebuild"])
def test_a_page_ends_before_its_bodies_fill_the_memory(database: Database, how: str) -> None:
    """49 events of 4 MiB at once took 1.4 GB."""
    store(database, *(order(number) for number in range(1, 6)))
    blanks = f"repeat(' ', {MAX_PAGE_BYTES // 2 - 500})"
    execute(database, f"update webhook_events set body = body || {blanks}::bytea")  # noqa: S608 - made of constants

    def next_page(after: Any) -> tuple[int, Any]:
        if how == "replay":
            replayed = Replay(database).replay(EventFilter(), 50, after)
            return replayed.stored, replayed.last
        rebuilt = Replay(database).rebuild_orders(50, after)
        return rebuilt.events, rebuilt.last

    numbers: list[int] = []
    after: Any = None
    while not numbers or after:
        number, after = next_page(after)
        numbers.append(number)

    assert numbers == [2, 2, 1]


@pytest.mark.parametrize("how", ["replay", "rebuild"])
def test_neither_waits_for_ever_for_an_erasure_nor_brings_data_back(databases: Databases, how: str) -> None:
    """Four threads do both at once, again and again, to the same person."""
    parameters = databases.create()

    def connect() -> Database:
        return Database(FixedCredentials(parameters))

    def read_again() -> None:
        database = connect()
        for _ in range(40):
            if how == "replay":
                Replay(database).replay(EventFilter(), 50, None)
            else:
                Replay(database).rebuild_orders(50, None)
        database.close()

    def erase() -> None:
        database = connect()
        for number in range(20):
            PersonalData(database).erase(f"person{number}@example.com")
        database.close()

    database = connect()
    store(database, *(order(number, f"person{number}@example.com") for number in range(20)))
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for work in (read_again, erase, read_again, erase)]:
            done.result()

    assert query(database, "select count(*), count(email) from orders") == [(20, 0)]
    assert query(database, "select count(*) from webhook_events where body <> ''") == [(0,)]
    database.close()


def test_a_person_is_exported_and_then_unknown(database: Database) -> None:
    store(database, order(1), order(2, "bram@example.com"), make_envelope(b'{"sender": "Aiko@Example.com"}'))
    people = PersonalData(database)

    orders, _ = people.orders("AIKO@example.com", 10, None)
    events, _ = people.events("AIKO@example.com", 10, None)
    assert [found["order_id"] for found in orders] == ["1"]
    assert orders[0]["total"] == "17.90"
    assert {place.source for place in events} == {"shopify", "github"}
    assert people.count("AIKO@example.com") == (2, 1)

    assert people.erase("aiko@example.com") == (2, 1)
    assert people.count("aiko@example.com") == (0, 0)
    assert people.events("aiko@example.com", 10, None) == ([], None)
    assert people.orders("bram@example.com", 10, None)[0]
    assert query(database, "select count(*) from webhook_events where body::text like '%%aiko%%'") == [(0,)]


def test_what_is_known_of_a_person_is_listed_in_pages(database: Database) -> None:
    store(
        database, *(order(number, received_at=RECEIVED_AT + timedelta(seconds=number // 3)) for number in range(1, 8))
    )
    people = PersonalData(database)

    orders: list[str] = []
    last: str | None = None
    while not orders or last:
        found, last = people.orders("aiko@example.com", 3, last)
        orders += [one["order_id"] for one in found]
    events: list[str] = []
    place: Position | None = None
    while not events or place:
        places, place = people.events("aiko@example.com", 3, place)
        events += [one.external_id for one in places]

    assert orders == [f"{number}" for number in range(1, 8)]
    assert events == [f"order-{number}" for number in range(1, 8)]


def test_an_answer_with_large_orders_fits(database: Database) -> None:
    """Lambda's answers take 6 MB."""
    store(database, *(order(number) for number in range(1, 6)))
    for length, which in ((MAX_ORDERS_BYTES // 2 - 100, "<> '5'"), (MAX_ORDERS_BYTES, "= '5'")):
        items = f"jsonb_build_array(repeat('é', {length // 2}))"
        execute(database, f"update orders set items = {items} where order_id {which}")  # noqa: S608 - made of constants
    management = Management(EventSearch(database), Replay(database), PersonalData(database), lambda: (2, 2))

    request = {"action": "list_person_orders", "email": "aiko@example.com"}
    answers = [management.handle(request)]
    while answers[-1]["cursor"]:
        answers.append(management.handle(request | {"cursor": answers[-1]["cursor"]}))

    assert [[one["order_id"] for one in answer["orders"]] for answer in answers] == [["1", "2"], ["3", "4"], ["5"]]
    assert max(len(json.dumps(answer)) for answer in answers) < MAX_ANSWER_BYTES
    assert answers[-1]["orders"][0]["items"] is None


def test_what_was_erased_stays_erased(database: Database) -> None:
    store(database, order(1))
    PersonalData(database).erase("aiko@example.com")

    assert Replay(database).replay(EventFilter(), 10, None).stored == 0
    Replay(database).rebuild_orders(10, None)

    assert query(database, "select email from orders") == [(None,)]
    assert query(database, "select body from webhook_events") == [(b"",)]


def test_a_value_that_postgresql_refuses_parks_its_event_alone(database: Database) -> None:
    store(database, make_envelope(external_id="good"), make_envelope(b'{"bad": 1}', external_id="bad"))
    execute(
        database,
        "create function refuse() returns trigger language plpgsql as $$"
        " begin raise exception 'refused' using errcode = '22000'; end $$",
    )
    execute(
        database,
        "create trigger refuse before update on webhook_events for each row"
        " when (new.external_id = 'bad' and new.payload is not null) execute function refuse()",
    )

    replayed = Replay(database).replay(EventFilter(), 10, None)

    assert (replayed.stored, replayed.parked) == (1, 1)
    assert query(database, "select reason from webhook_events where external_id = 'bad'") == [
        ("PostgreSQL cannot keep the payload, or what follows from it: refused.",)
    ]


def test_sources_are_described_by_what_they_sent(database: Database) -> None:
    store(database, make_envelope(), make_envelope(b"no JSON", external_id="x"))

    assert EventSearch(database).sources() == [
        {"source": "github", "last_heard": RECEIVED_AT, "stored": 1, "parked": 1}
    ]
    assert EventSearch(database).server_version()


def test_sources_of_too_many_events_are_described_without_counts(database: Database) -> None:
    store(database, make_envelope())
    execute(
        database,
        "insert into webhook_events select 'stripe', n::text, 'x', 'stored', null, now() - interval '1 day', now(), '',"
        " '{}', '', '', null, '' from generate_series(1, 30000) as n",
    )

    github, stripe = sorted(EventSearch(database, patience=0.001).sources(), key=lambda source: str(source["source"]))

    assert github == {"source": "github", "last_heard": RECEIVED_AT, "stored": None, "parked": None}
    assert stripe["last_heard"]
