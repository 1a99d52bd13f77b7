"""The event store on a real PostgreSQL."""

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import psycopg
import pytest

from chalicelib.errors import UnavailableError
from chalicelib.webhooks.event_store import Event, Outcome
from chalicelib.webhooks.processing import read_event
from tests.builders import make_envelope
from tests.integration.cloud import eventually
from tests.integration.place import Place


def event(external_id: str, body: bytes = b'{"a": 1}', **changes: Any) -> Event:
    return read_event(make_envelope(body, external_id=external_id, **changes))


def outcomes(place: Place, events: Sequence[Event]) -> list[Outcome]:
    return [written.outcome for written in place.store.write(events)]


def ids(place: Place) -> list[str]:
    return [external_id for (external_id,) in place.query("select external_id from webhook_events order by 1")]


def test_every_column_is_filled(place: Place) -> None:
    body = b'{"b": 1.10, "a": "\xc3\xa9"}'
    sent = make_envelope(body, external_id="a", headers={"user-agent": "x"})

    assert outcomes(place, [read_event(sent)]) == [Outcome.STORED]

    (row,) = place.query(
        "select source, external_id, event_type, state, reason, received_at, stored_at >= received_at, content_type,"
        " headers, body, body_sha256, payload::text, correlation_id from webhook_events"
    )
    assert row == (
        "github",
        "a",
        "issues",
        "stored",
        None,
        sent.received_at,
        True,
        "application/json",
        {"user-agent": "x"},
        body,
        hashlib.sha256(body).hexdigest(),
        '{"a": "é", "b": 1.10}',
        sent.correlation_id,
    )


@pytest.mark.parametrize("body", [b"", b"\x00", b"\xff\xfe", b"a\r\nb", b'"\\u0000"', bytes(range(256)), b"[" * 50_000])
def test_what_is_no_json_is_parked_with_every_byte(place: Place, body: bytes) -> None:
    assert outcomes(place, [event("a", body)]) == [Outcome.PARKED]

    ((kept, payload, reason),) = place.query("select body, payload, reason from webhook_events")
    assert kept == body
    assert payload is None
    assert reason


@pytest.mark.parametrize("text", ["1e999999", '{"a": 1e-999999999}', '["\\u0000"]', "[" * 60_000 + "]" * 60_000])
def test_what_only_postgresql_refuses_is_parked_too(place: Place, text: str) -> None:
    unsuspected = Event(make_envelope(text.encode(), external_id="a"), payload=text)

    assert outcomes(place, [event("b"), unsuspected, event("c")]) == [Outcome.STORED, Outcome.PARKED, Outcome.STORED]

    ((payload, reason),) = place.query("select payload, reason from webhook_events where external_id = 'a'")
    assert payload is None
    assert reason.startswith("PostgreSQL cannot keep the payload")


def test_a_redelivery_changes_nothing(place: Place) -> None:
    assert outcomes(place, [event("a")]) == [Outcome.STORED]
    before = place.query("select * from webhook_events")

    assert outcomes(place, [event("a", correlation_id="later")]) == [Outcome.DUPLICATE]
    assert place.query("select * from webhook_events") == before


def test_the_same_id_twice_in_a_batch(place: Place) -> None:
    assert outcomes(place, [event("a"), event("b"), event("a")]) == [
        Outcome.STORED,
        Outcome.STORED,
        Outcome.DUPLICATE,
    ]


def test_the_same_id_from_another_source_is_another_event(place: Place) -> None:
    assert outcomes(place, [event("a"), event("a", source="hmac-sha256")]) == [Outcome.STORED, Outcome.PARKED]


def test_the_same_id_with_other_bytes_is_a_conflict(place: Place) -> None:
    first, other = b'{"amount": 1}', b'{"amount": 1000}'

    assert outcomes(place, [event("a", first)]) == [Outcome.STORED]
    assert outcomes(place, [event("a", other)]) == [Outcome.CONFLICT]
    assert outcomes(place, [event("a", other), event("a", first)]) == [Outcome.DUPLICATE, Outcome.DUPLICATE]

    assert place.query("select body from webhook_events") == [(first,)]
    digest = hashlib.sha256(other).hexdigest()
    assert place.query("select source, external_id, body_sha256 from webhook_conflicts") == [("github", "a", digest)]


def test_one_refused_event_fails_alone(place: Place, caplog: pytest.LogCaptureFixture) -> None:
    place.refuse("bad")
    batch = [event(name) for name in ("a", "b", "c", "d", "bad", "e", "f", "g", "h", "i")]

    results = place.store.write(batch)

    assert [written.outcome for written in results].count(Outcome.STORED) == 9
    assert results[4].outcome is Outcome.FAILED
    assert results[4].detail == "RaiseException (P0001)"
    assert caplog.records == []
    assert ids(place) == ["a", "b", "c", "d", "e", "f", "g", "h", "i"]


def test_all_refused_fail_and_the_connection_stays_usable(place: Place) -> None:
    place.refuse("bad")

    assert outcomes(place, [event("bad")]) == [Outcome.FAILED]
    assert outcomes(place, [event("a")]) == [Outcome.STORED]


def test_a_dropped_connection_is_opened_anew(place: Place) -> None:
    assert outcomes(place, [event("a")]) == [Outcome.STORED]
    place.query(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )

    assert outcomes(place, [event("b")]) == [Outcome.STORED]
    assert ids(place) == ["a", "b"]


def test_a_connection_that_dies_in_the_middle_stores_nothing_or_all(place: Place) -> None:
    """Kills the backend while it waits for a lock: what was written is rolled back, and written once on the retry."""
    assert outcomes(place, [event("x")]) == [Outcome.STORED]
    with psycopg.connect(**place.parameters) as blocker:
        blocker.execute("lock table webhook_events in exclusive mode")
        results: list[Outcome] = []
        writer = threading.Thread(target=lambda: results.extend(outcomes(place, [event("a"), event("b")])))
        writer.start()
        waiting = "select pid from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
        ((pid,),) = eventually(lambda: place.query(waiting))
        place.query(f"select pg_terminate_backend({pid})")
        blocker.rollback()
    writer.join(30)

    assert results == [Outcome.STORED, Outcome.STORED]
    assert ids(place) == ["a", "b", "x"]


def test_an_unreachable_database_is_unavailable(place: Place) -> None:
    place.parameters = place.parameters | {"port": 1}

    with pytest.raises(UnavailableError):
        place.new_store().write([event("a")])


def test_writers_that_race_for_the_same_ids_store_each_once(place: Place) -> None:
    names = [f"event-{number}" for number in range(40)]
    results: list[Outcome] = []

    def write(order: list[str]) -> None:
        store = place.new_store()
        for start in range(0, len(order), 10):
            results.extend(written.outcome for written in store.write([event(name) for name in order[start:][:10]]))

    threads = [threading.Thread(target=write, args=[names[turn:] + names[:turn]]) for turn in (0, 7, 13, 21, 33)]
    threads += [threading.Thread(target=write, args=[list(reversed(names))])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert results.count(Outcome.STORED) == 40
    assert results.count(Outcome.DUPLICATE) == 40 * 5
    assert ids(place) == sorted(names)


class TestBodiesThatLieInTheBucket:
    def gone(self, external_id: str, body: bytes = b"{}") -> Event:
        """An event whose object was deleted: as a redelivery after the commit finds it."""
        return read_event(replace(make_envelope(body, external_id=external_id), body=None, body_key="github/1/2"))

    def test_a_redelivery_after_the_commit_is_a_duplicate(self, place: Place) -> None:
        assert outcomes(place, [event("a", b"{}")]) == [Outcome.STORED]

        assert outcomes(place, [event("b"), self.gone("a"), event("c")]) == [
            Outcome.STORED,
            Outcome.DUPLICATE,
            Outcome.STORED,
        ]
        assert place.query("select body from webhook_events where external_id = 'a'") == [(b"{}",)]

    def test_with_another_hash_it_is_a_conflict(self, place: Place) -> None:
        assert outcomes(place, [event("a", b"[1]")]) == [Outcome.PARKED]

        assert outcomes(place, [self.gone("a")]) == [Outcome.CONFLICT]

    def test_a_body_that_is_gone_before_it_was_stored_fails(self, place: Place) -> None:
        results = place.store.write([self.gone("a"), event("b")])

        assert [written.outcome for written in results] == [Outcome.FAILED, Outcome.STORED]
        assert "no longer in the bucket" in (results[0].detail or "")
