"""Management: what operators ask of the database, through a function that IAM guards.

A request is ``{"action": name, …}``, an answer a JSON object; times are ISO 8601 in UTC. What the caller can correct
is answered ``{"error": {"code": …, "message": …}}``, and everything else raises.
"""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.errors import RequestError
from chalicelib.webhooks.cursors import to_cursor
from chalicelib.webhooks.event_search import EventFilter, Position
from chalicelib.webhooks.event_store import Outcome
from chalicelib.webhooks.management_request import ManagementRequest
from chalicelib.webhooks.pages import fitting
from chalicelib.webhooks.replaying import Rebuilt, Replayed
from chalicelib.webhooks.stored_events import Key

MAX_ANSWER_BYTES = 5_000_000
"""A page ends before it is longer than this: Lambda's answers take 6 MB, and an event's texts may be long."""

MAX_REASON_LENGTH = 1000


_FILTER = ("source", "external_id", "event_type", "state", "since", "until")
_KEY = ("source", "external_id")


class Events(Protocol):
    """Stored events, as rows by column."""

    def page(self, which: EventFilter, limit: int, after: Position | None) -> Sequence[Mapping[str, Any]]:
        """Up to ``limit`` events behind ``after``, newest first, without their bodies."""

    def count(self, which: EventFilter) -> int:
        """How many match."""

    def show(self, source: str, external_id: str) -> Mapping[str, Any]:
        """One event with headers, body and conflicts, or ``NotFoundError``."""

    def park(self, source: str, external_id: str, reason: str) -> None:
        """Park one event, or ``NotFoundError``."""

    def sources(self) -> Sequence[Mapping[str, Any]]:
        """What is known of each source that was ever heard."""

    def server_version(self) -> str:
        """The database's own version."""


class Replaying(Protocol):
    """Reading events again, oldest first, a page at a time."""

    def replay(self, which: EventFilter, limit: int, after: Position | None) -> Replayed:
        """Give events what they would get today."""

    def rebuild_orders(self, limit: int, after: Key | None) -> Rebuilt:
        """Tell the orders again what events say."""


class People(Protocol):
    """What is known of persons."""

    def count(self, email: str) -> tuple[int, int]:
        """How many events and orders are theirs."""

    def orders(self, email: str, limit: int, after: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Their orders behind one, and the last of them, None where no more come after."""

    def events(self, email: str, limit: int, after: Position | None) -> tuple[Sequence[Position], Position | None]:
        """Their events behind one, and the last of them as above."""

    def erase(self, email: str) -> tuple[int, int]:
        """Forget it; how many events and orders that changed."""


@dataclass(frozen=True)
class Management:
    """Answers operators. ``schema`` tells the schema's version in force, and the newest that this code knows."""

    search: Events
    replaying: Replaying
    people: People
    schema: Callable[[], tuple[int, int]]

    def handle(self, event: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out a request."""
        try:
            return self._answer(event)
        except RequestError as error:
            return {"error": {"code": error.code, "message": str(error)}}

    def _answer(self, event: Mapping[str, Any]) -> dict[str, Any]:
        actions: Mapping[str, tuple[Callable[[ManagementRequest], dict[str, Any]], tuple[str, ...]]] = {
            "list_events": (self.list_events, (*_FILTER, "limit", "cursor")),
            "count_events": (self.count_events, _FILTER),
            "show_event": (self.show_event, _KEY),
            "park_event": (self.park_event, (*_KEY, "reason")),
            "replay_events": (self.replay_events, (*_FILTER, "limit", "cursor")),
            "rebuild_orders": (self.rebuild_orders, ("limit", "cursor")),
            "count_person": (self.count_person, ("email",)),
            "list_person_orders": (self.list_person_orders, ("email", "limit", "cursor")),
            "list_person_events": (self.list_person_events, ("email", "limit", "cursor")),
            "erase_person": (self.erase_person, ("email",)),
            "describe": (self.describe, ()),
        }
        name = event.get("action")
        if not isinstance(name, str) or name not in actions:
            raise RequestError(f"`action` must be one of {', '.join(actions)}.")
        action, allowed = actions[name]
        request = ManagementRequest({key: value for key, value in event.items() if key != "action"})
        request.require_only(allowed)
        telemetry.logger.info("operator asked", action=name)
        return action(request)

    def list_events(self, request: ManagementRequest) -> dict[str, Any]:
        limit = request.limit()
        rows = self.search.page(request.filter(), limit + 1, request.cursor())
        found = [_plain(row) for row in rows[:limit]]
        events = found[: fitting((len(json.dumps(event)) for event in found), MAX_ANSWER_BYTES)]
        more = len(events) < len(rows)
        return {"events": events, "cursor": _position(rows[len(events) - 1]).to_cursor() if more else None}

    def count_events(self, request: ManagementRequest) -> dict[str, Any]:
        return {"count": self.search.count(request.filter())}

    def show_event(self, request: ManagementRequest) -> dict[str, Any]:
        event = self.search.show(request.text("source"), request.text("external_id"))
        body = base64.b64encode(event["body"]).decode("ascii")
        return _plain(event) | {"body": body, "conflicts": [_plain(conflict) for conflict in event["conflicts"]]}

    def park_event(self, request: ManagementRequest) -> dict[str, Any]:
        reason = request.text("reason")
        if len(reason) > MAX_REASON_LENGTH:
            raise RequestError(f"`reason` must have at most {MAX_REASON_LENGTH} characters.")
        source, external_id = request.text("source"), request.text("external_id")
        self.search.park(source, external_id, reason)
        return {"source": source, "external_id": external_id, "state": Outcome.PARKED, "reason": reason}

    def replay_events(self, request: ManagementRequest) -> dict[str, Any]:
        page = self.replaying.replay(request.filter(), request.limit(), request.cursor())
        return {"stored": page.stored, "parked": page.parked, "cursor": page.last.to_cursor() if page.last else None}

    def rebuild_orders(self, request: ManagementRequest) -> dict[str, Any]:
        page = self.replaying.rebuild_orders(request.limit(), request.key_cursor())
        return {"events": page.events, "orders": page.orders, "cursor": to_cursor(*page.last) if page.last else None}

    def count_person(self, request: ManagementRequest) -> dict[str, Any]:
        events, orders = self.people.count(request.email())
        return {"events": events, "orders": orders}

    def list_person_orders(self, request: ManagementRequest) -> dict[str, Any]:
        orders, last = self.people.orders(request.email(), request.limit(), request.order_cursor())
        return {"orders": [_plain(order) for order in orders], "cursor": to_cursor(last) if last else None}

    def list_person_events(self, request: ManagementRequest) -> dict[str, Any]:
        """Of each event what ``show_event`` wants: all their bodies would not fit an answer."""
        places, last = self.people.events(request.email(), request.limit(), request.cursor())
        events = [{"source": place.source, "external_id": place.external_id} for place in places]
        return {"events": events, "cursor": last.to_cursor() if last else None}

    def erase_person(self, request: ManagementRequest) -> dict[str, Any]:
        events, orders = self.people.erase(request.email())
        return {"events": events, "orders": orders}

    def describe(self, _: ManagementRequest) -> dict[str, Any]:
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
