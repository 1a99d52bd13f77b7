import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chalicelib.errors import NotFoundError, UnavailableError
from chalicelib.webhooks.event_search import EventFilter, Position
from chalicelib.webhooks.management import MAX_ANSWER_BYTES, Management
from chalicelib.webhooks.management_request import MAX_PAGE
from chalicelib.webhooks.replaying import Rebuilt, Replayed
from tests.builders import NOW

RECEIVED_AT = datetime.fromtimestamp(NOW, UTC)
PLACE = Position(RECEIVED_AT, "github", "7")


def row(external_id: str = "7", **changes: Any) -> dict[str, Any]:
    return {
        "source": "github",
        "external_id": external_id,
        "event_type": "push",
        "state": "stored",
        "reason": None,
        "received_at": RECEIVED_AT,
        "size": 2,
    } | changes


@dataclass
class FakeEvents:
    """Holds rows, newest first, and remembers what was asked and parked."""

    rows: Sequence[Mapping[str, Any]] = ()
    broken: bool = False
    asked: list[tuple[EventFilter, int, Position | None]] = field(default_factory=list)
    parked: list[tuple[str, str, str]] = field(default_factory=list)

    def page(self, which: EventFilter, limit: int, after: Position | None) -> Sequence[Mapping[str, Any]]:
        if self.broken:
            raise UnavailableError("The database cannot be reached.")
        self.asked.append((which, limit, after))
        return self.rows[:limit]

    def count(self, which: EventFilter) -> int:
        return len(self.rows)

    def show(self, source: str, external_id: str) -> Mapping[str, Any]:
        for found in self.rows:
            if (found["source"], found["external_id"]) == (source, external_id):
                return {**found, "headers": {}, "body": b"\xff\x00", "conflicts": [{"received_at": RECEIVED_AT}]}
        raise NotFoundError("There is no such event.")

    def park(self, source: str, external_id: str, reason: str) -> None:
        self.parked.append((source, external_id, reason))

    def sources(self) -> Sequence[Mapping[str, Any]]:
        return [{"source": "github", "last_heard": RECEIVED_AT, "stored": 3, "parked": 1}]

    def server_version(self) -> str:
        return "18.4"


@dataclass
class FakeReplaying:
    last: Position | None = None
    last_key: tuple[str, str] | None = None
    asked: list[tuple[Any, ...]] = field(default_factory=list)

    def replay(self, which: EventFilter, limit: int, after: Position | None) -> Replayed:
        self.asked.append((which, limit, after))
        return Replayed(stored=4, parked=1, last=self.last)

    def rebuild_orders(self, limit: int, after: tuple[str, str] | None) -> Rebuilt:
        self.asked.append((limit, after))
        return Rebuilt(events=5, orders=2, last=self.last_key)


@dataclass
class FakePeople:
    """Has one order and one event on each page, and always another page."""

    asked: list[str] = field(default_factory=list)
    after: list[Any] = field(default_factory=list)

    def count(self, email: str) -> tuple[int, int]:
        self.asked.append(email)
        return 4, 2

    def orders(self, email: str, limit: int, after: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        self.after.append(after)
        return [{"order_id": "1", "updated_at": RECEIVED_AT}], "1"

    def events(self, email: str, limit: int, after: Position | None) -> tuple[Sequence[Position], Position | None]:
        self.after.append(after)
        return [PLACE], PLACE

    def erase(self, email: str) -> tuple[int, int]:
        self.asked.append(email)
        return 3, 1


def management(
    events: FakeEvents | None = None, replaying: FakeReplaying | None = None, people: FakePeople | None = None
) -> Management:
    return Management(events or FakeEvents(), replaying or FakeReplaying(), people or FakePeople(), lambda: (2, 2))


def test_a_page_ends_with_the_cursor_at_which_the_next_one_begins() -> None:
    events = FakeEvents([row(str(number), received_at=RECEIVED_AT - timedelta(number)) for number in range(5)])

    first = management(events).handle({"action": "list_events", "limit": 2})
    management(events).handle({"action": "list_events", "limit": 2, "cursor": first["cursor"]})

    assert [event["external_id"] for event in first["events"]] == ["0", "1"]
    assert first["events"][0]["received_at"] == "2026-11-20T12:00:00+00:00"
    assert events.asked[1][2] == Position(RECEIVED_AT - timedelta(1), "github", "1")


def test_the_last_page_has_no_cursor() -> None:
    events = FakeEvents([row(str(number)) for number in range(2)])

    assert management(events).handle({"action": "list_events", "limit": 2})["cursor"] is None


def test_a_page_ends_before_lambda_refuses_its_length() -> None:
    events = FakeEvents([row(str(number), content_type="\u2028" * 1024) for number in range(MAX_PAGE + 1)])
    events.rows = [{**found, "reason": "\U0001f512" * 1000} for found in events.rows]

    answer = management(events).handle({"action": "list_events"})

    assert 0 < len(answer["events"]) < MAX_PAGE
    assert len(json.dumps(answer)) < MAX_ANSWER_BYTES + 10_000
    assert answer["cursor"]


def test_filters_reach_the_store() -> None:
    events = FakeEvents()

    management(events).handle(
        {"action": "list_events", "source": "github", "event_type": "push", "state": "parked", "since": "2026-11-20"}
    )

    which, limit, after = events.asked[0]
    assert which == EventFilter("github", None, "push", "parked", datetime(2026, 11, 20, tzinfo=UTC), None)
    assert (limit, after) == (MAX_PAGE + 1, None)


def test_one_event_is_shown_with_its_bytes() -> None:
    answer = management(FakeEvents([row()])).handle({"action": "show_event", "source": "github", "external_id": "7"})

    assert base64.b64decode(answer["body"]) == b"\xff\x00"
    assert answer["conflicts"] == [{"received_at": "2026-11-20T12:00:00+00:00"}]


def test_an_unknown_event_is_said_to_be_unknown() -> None:
    answer = management().handle({"action": "show_event", "source": "github", "external_id": "7"})

    assert answer == {"error": {"code": "not_found", "message": "There is no such event."}}


def test_parking_takes_a_reason() -> None:
    events = FakeEvents()

    management(events).handle({"action": "park_event", "source": "github", "external_id": "7", "reason": "No."})

    assert events.parked == [("github", "7", "No.")]


@pytest.mark.parametrize("action", ["replay_events", "rebuild_orders"])
def test_replaying_and_rebuilding_go_page_by_page(action: str) -> None:
    replaying = FakeReplaying(PLACE, ("shopify", "7"))

    first = management(replaying=replaying).handle({"action": action, "limit": 5})
    management(replaying=replaying).handle({"action": action, "limit": 5, "cursor": first["cursor"]})

    assert [asked[-1] for asked in replaying.asked] == [None, PLACE if action == "replay_events" else ("shopify", "7")]


def test_replaying_and_rebuilding_count() -> None:
    assert management().handle({"action": "replay_events"}) == {"stored": 4, "parked": 1, "cursor": None}
    assert management().handle({"action": "rebuild_orders"}) == {"events": 5, "orders": 2, "cursor": None}


def test_a_person_is_counted_and_erased_by_address() -> None:
    people = FakePeople()

    counted = management(people=people).handle({"action": "count_person", "email": " aiko@example.com "})
    erased = management(people=people).handle({"action": "erase_person", "email": "aiko@example.com"})

    assert counted == {"events": 4, "orders": 2}
    assert erased == {"events": 3, "orders": 1}
    assert people.asked == ["aiko@example.com"] * 2


@pytest.mark.parametrize(
    ("action", "found", "after"),
    [
        ("list_person_orders", {"orders": [{"order_id": "1", "updated_at": "2026-11-20T12:00:00+00:00"}]}, "1"),
        ("list_person_events", {"events": [{"source": "github", "external_id": "7"}]}, PLACE),
    ],
)
def test_what_is_known_of_a_person_is_listed_page_by_page(action: str, found: dict[str, Any], after: Any) -> None:
    people = FakePeople()
    request = {"action": action, "email": "aiko@example.com"}

    first = management(people=people).handle(request)
    management(people=people).handle(request | {"cursor": first["cursor"]})

    assert {name: value for name, value in first.items() if name != "cursor"} == found
    assert people.after == [None, after]


def test_the_description_tells_schema_and_sources() -> None:
    answer = management().handle({"action": "describe"})

    assert answer["schema"] == {"current": 2, "newest": 2}
    assert answer["database_version"] == "18.4"
    assert answer["sources"]["github"]["last_heard"] == "2026-11-20T12:00:00+00:00"


@pytest.mark.parametrize(
    ("event", "what"),
    [
        ({}, "action"),
        ({"action": "drop_tables"}, "action"),
        ({"action": 7}, "action"),
        ({"action": "list_events", "limit": 0}, "limit"),
        ({"action": "list_events", "limit": MAX_PAGE + 1}, "limit"),
        ({"action": "list_events", "limit": True}, "limit"),
        ({"action": "list_events", "limit": "9"}, "limit"),
        ({"action": "list_events", "state": "lost"}, "state"),
        ({"action": "list_events", "since": "yesterday"}, "since"),
        ({"action": "list_events", "source": ""}, "source"),
        ({"action": "list_events", "source": 7}, "source"),
        ({"action": "list_events", "source": "a\x00b"}, "source"),
        ({"action": "list_events", "external_id": "\ud800"}, "external_id"),
        ({"action": "list_events", "cursor": "rubbish"}, "cursor"),
        ({"action": "list_events", "cursor": base64.b64encode(b"[1, 2]").decode()}, "cursor"),
        ({"action": "list_events", "cursor": base64.b64encode(b'["x", "a", "b"]').decode()}, "cursor"),
        ({"action": "list_events", "sauce": "github"}, "sauce"),
        ({"action": "show_event", "source": "github"}, "external_id"),
        ({"action": "park_event", "source": "github", "external_id": "7"}, "reason"),
        ({"action": "park_event", "source": "github", "external_id": "7", "reason": "x" * 1001}, "reason"),
        ({"action": "erase_person"}, "email"),
        ({"action": "erase_person", "email": "%"}, "email"),
        ({"action": "list_person_orders", "email": "a@b", "cursor": "rubbish"}, "cursor"),
    ],
)
def test_a_wrong_request_is_told_what_to_change(event: dict[str, Any], what: str) -> None:
    events, people = FakeEvents(), FakePeople()

    answer = management(events, people=people).handle(event)

    assert answer["error"]["code"] == "bad_request"
    assert what in answer["error"]["message"]
    assert (events.parked, people.asked) == ([], [])


def test_what_the_caller_cannot_correct_raises() -> None:
    with pytest.raises(UnavailableError):
        management(FakeEvents(broken=True)).handle({"action": "list_events"})
