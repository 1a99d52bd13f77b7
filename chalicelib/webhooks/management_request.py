"""A request to ``manage_events``, read field by field."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from chalicelib.errors import RequestError
from chalicelib.webhooks.cursors import from_cursor
from chalicelib.webhooks.envelope import storable
from chalicelib.webhooks.event_search import EventFilter, Position
from chalicelib.webhooks.event_store import Outcome
from chalicelib.webhooks.stored_events import Key

MAX_PAGE = 500


@dataclass(frozen=True)
class ManagementRequest:
    """The fields of a request; ``RequestError`` says what a field should be."""

    values: Mapping[str, Any]

    def require_only(self, allowed: Iterable[str]) -> None:
        if unknown := sorted(set(self.values) - set(allowed)):
            raise RequestError(f"There is no field {', '.join(map(repr, unknown))} in this action.")

    def optional_text(self, name: str) -> str | None:
        value = self.values.get(name)
        if value is not None and not (isinstance(value, str) and value and value == storable(value)):
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

    def email(self) -> str:
        email = self.text("email").strip()
        if not re.fullmatch(r"[^@\s]+@[^@\s]+", email):
            raise RequestError("`email` must be an e-mail address.")
        return email

    def limit(self) -> int:
        value = self.values.get("limit", MAX_PAGE)
        if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= MAX_PAGE:
            raise RequestError(f"`limit` must be a whole number from 1 to {MAX_PAGE}.")
        return value

    def cursor(self) -> Position | None:
        text = self.optional_text("cursor")
        return Position.from_cursor(text) if text else None

    def key_cursor(self) -> Key | None:
        """The cursor of a list that is sorted by source and id."""
        text = self.optional_text("cursor")
        if text is None:
            return None
        source, external_id = from_cursor(text, 2)
        return source, external_id

    def order_cursor(self) -> str | None:
        """The cursor of a list that is sorted by order."""
        text = self.optional_text("cursor")
        return from_cursor(text, 1)[0] if text else None

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
