"""Management: what operators ask of the database, through a function that IAM guards.

A request is ``{"action": name, …}``, an answer a JSON object; times are ISO 8601 in UTC. What the caller can correct
is answered ``{"error": {"code": …, "message": …}}``, and everything else raises.
"""

import base64
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RequestError
from chalicelib.webhooks.event_search import EventFilter, EventSearch, Position
from chalicelib.webhooks.event_store import Outcome

MAX_PAGE = 500

MAX_ANSWER_BYTES = 5_000_000
"""A page ends before it is longer than this: Lambda's answers take 6 MB, and an event's texts may be long."""

MAX_REASON_LENGTH = 1000


@dataclass(frozen=True)
class Request:
    """A request's fields, read one by one; ``RequestError`` says what a field should be."""

    values: Mapping[str, Any]

    def require_only(self, allowed: Iterable[str]) -> None:
        if unknown := sorted(set(self.values) - set(allowed)):
            raise RequestError(f"There is no field {', '.join(map(repr, unknown))} in this action.")

    def optional_text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not (isinstance(value, str) and value and "\x00" not in value):
            raise RequestError(f"`{name}` must be a text that is not empty.")
        return value

    def text(self, name: str) -> str:
        value = self.optional_text(name)
        if value is None:
            raise RequestError(f"`{name}` is missing.")
        return value

    def time(self, name: str) -> datetime | None:
        text = self.optional_text(name)
        if text is None:
            return None
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            raise RequestError(f"`{name}` must be an ISO 8601 time such as 2026-01-31T12:00:00Z.") from None
        return time if time.tzinfo else time.replace(tzinfo=UTC)

    def limit(self) -> int:
        value = self.values.get("limit", MAX_PAGE)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE:
            raise RequestError(f"`limit` must be a whole number from 1 to {MAX_PAGE}.")
        return value

    def cursor(self) -> Position | None:
        text = self.optional_text("cursor")
        return Position.from_cursor(text) if text else None

    def filter(self) -> EventFilter:
        state = self.optional_text("state")
        if state not in (None, Outcome.STORED, Outcome.PARKED):
            raise RequestError("`state` must be stored or parked.")
        return EventFilter(
            source=self.optional_text("source"),
            external_id=self.optional_text("external_id"),
            event_type=self.optional_text("event_type"),
            state=state,
            since=self.time("since"),
            until=self.time("until"),
        )


_FILTER = ("source", "external_id", "event_type", "state", "since", "until")
_KEY = ("source", "external_id")


@dataclass(frozen=True)
class Management:
    """Answers operators. ``schema`` tells the schema's version in force, and the newest that this code knows."""

    search: EventSearch
    schema: Callable[[], tuple[int, int]]

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a request."""
        try:
            return self._answer(event)
        except RequestError as error:
            return {"error": {"code": error.code, "message": str(error)}}

    def _answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        actions: Mapping[str, tuple[Callable[[Request], dict[str, Any]], tuple[str, ...]]] = {
            "list_events": (self.list_events, (*_FILTER, "limit", "cursor")),
            "count_events": (self.count_events, _FILTER),
            "show_event": (self.show_event, _KEY),
            "park_event": (self.park_event, (*_KEY, "reason")),
            "describe": (self.describe, ()),
        }
        name = event.get("action")
        if not isinstance(name, str) or name not in actions:
            raise RequestError(f"`action` must be one of {', '.join(actions)}.")
        action, allowed = actions[name]
        request = Request({key: value for key, value in event.items() if key != "action"})
        request.require_only(allowed)
        return action(request)

    def list_events(self, request: Request) -> dict[str, Any]:
        limit = request.limit()
        rows = self.search.page(request.filter(), limit + 1, request.cursor())
        events: list[dict[str, Any]] = []
        size = 0
        for row in rows[:limit]:
            event = _plain(row)
            size += len(json.dumps(event))
            if events and size > MAX_ANSWER_BYTES:
                break
            events.append(event)
        more = len(events) < len(rows)
        return {"events": events, "cursor": _position(rows[len(events) - 1]).to_cursor() if more else None}

    def count_events(self, request: Request) -> dict[str, Any]:
        return {"count": self.search.count(request.filter())}

    def show_event(self, request: Request) -> dict[str, Any]:
        event = self.search.show(request.text("source"), request.text("external_id"))
        body = base64.b64encode(event["body"]).decode("ascii")
        return _plain(event) | {"body": body, "conflicts": [_plain(conflict) for conflict in event["conflicts"]]}

    def park_event(self, request: Request) -> dict[str, Any]:
        reason = request.text("reason")
        if len(reason) > MAX_REASON_LENGTH:
            raise RequestError(f"`reason` must have at most {MAX_REASON_LENGTH} characters.")
        source, external_id = request.text("source"), request.text("external_id")
        self.search.park(source, external_id, reason)
        return {"source": source, "external_id": external_id, "state": Outcome.PARKED, "reason": reason}

    def describe(self, _: Request) -> dict[str, Any]:
        sources = {row["source"]: _plain(row) for row in self.search.sources()}
        current, newest = self.schema()
        return {
            "schema": {"current": current, "newest": newest},
            "sources": sources,
            "database_version": self.search.server_version(),
        }


def _position(row: Mapping[str, Any]) -> Position:
    return Position(row["received_at"], row["source"], row["external_id"])


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as JSON has it: times become texts."""
    return {
        name: value.astimezone(UTC).isoformat() if isinstance(value, datetime) else value for name, value in row.items()
    }
