"""Conversations from elsewhere, brought in whole or not at all.

Up to a hundred items are one transaction. More go in batches of 25, META last, so that nobody can see a session before
all of it is there; when that cannot be finished, what was written is removed again.
"""

import re
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby, pairwise
from typing import Any, get_args

from chalicelib.aws.tables import ConditionFailedError, Item, Table, put
from chalicelib.chat.sessions import IDLE_SECONDS, session_key
from chalicelib.chat.summaries import count_unsummarised
from chalicelib.chat.tokens import ANONYMOUS
from chalicelib.chat.turns import BACKSTOP_SECONDS, MAX_CONTENT_BYTES, Author, Turn

TRANSACTION_ITEMS = 100
TRANSACTION_BYTES = 3_500_000
"""DynamoDB takes 100 items and 4 MB at once."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)


class HistoryError(ValueError):
    """A line that cannot be used; says which and why."""


@dataclass(frozen=True)
class History:
    """One session from elsewhere, its turns numbered from 1."""

    session_id: str
    customer: Mapping[str, str] = field(default_factory=dict)
    turns: tuple[Turn, ...] = ()


def read_history(lines: Iterable[tuple[int, Any]]) -> list[History]:
    """The sessions that numbered lines tell of; ``HistoryError`` for the first that cannot be used."""
    read = [_read_line(number, line) for number, line in lines]
    histories = []
    for session_id, group in groupby(
        sorted(read, key=lambda one: one["session_id"]), key=lambda one: one["session_id"]
    ):
        rows = list(group)
        turns = [
            Turn(seq, row["author"], row["content"], row["at"], agent=row.get("agent"), response_id=_response(row, seq))
            for seq, row in enumerate(rows, 1)
        ]
        if any(later.at < earlier.at for earlier, later in pairwise(turns)):
            raise HistoryError(f"the turns of {session_id} are not in their order.")
        known = {name: row[name] for row in rows for name in ("customer_id", "name", "email") if row.get(name)}
        histories.append(History(session_id, known, tuple(turns)))
    return histories


def _response(row: Mapping[str, Any], seq: int) -> str | None:
    return None if row["author"] == "customer" else f"{row['session_id']}:{seq}"


def _read_line(number: int, line: Any) -> dict[str, Any]:
    fields = line if isinstance(line, dict) else {}
    session_id, author, content, at = (fields.get(name) for name in ("session_id", "author", "content", "at"))
    if not isinstance(session_id, str) or not _ID.fullmatch(session_id):
        raise HistoryError(f"line {number}: `session_id` must be 1 to 128 letters, digits, dots, colons or hyphens.")
    if author not in get_args(Author):
        raise HistoryError(f"line {number}: `author` must be one of {', '.join(get_args(Author))}.")
    if not isinstance(content, str) or not 0 < len(content.encode("utf-8", "replace")) <= MAX_CONTENT_BYTES:
        raise HistoryError(f"line {number}: `content` must be a text of 1 to {MAX_CONTENT_BYTES} bytes.")
    for name in ("customer_id", "name", "email", "agent"):
        if not isinstance(fields.get(name, ""), str):
            raise HistoryError(f"line {number}: `{name}` must be a text.")
    return {**fields, "at": _read_time(number, at)}


def _read_time(number: int, text: Any) -> int:
    try:
        time_of_it = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        time_of_it = None
    if time_of_it is None or time_of_it.tzinfo is None:
        raise HistoryError(f"line {number}: `at` must be a time with its offset, such as 2026-01-31T12:00:00Z.")
    return int(time_of_it.timestamp())


@dataclass(frozen=True)
class Importing:
    """Stores histories. ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float] = time.time

    def store(self, history: History) -> bool:
        """Store a session; False when there is one of that id, or what is left of one.

        ``UnavailableError`` when it could not be finished; then nothing of it is there.
        """
        if self.table.query(f"SESSION#{history.session_id}", limit=1):
            return False
        items = list(_items(history, int(self.clock())))
        size = sum(len(item.get("content", b"")) for item in items)
        if len(items) <= TRANSACTION_ITEMS and size <= TRANSACTION_BYTES:
            return self._store_at_once(items)
        return self._store_in_batches(items)

    def _store_at_once(self, items: list[Item]) -> bool:
        try:
            self.table.transact(*(put(item) for item in items))
        except ConditionFailedError:
            return False
        return True

    def _store_in_batches(self, items: list[Item]) -> bool:
        """The last item is META, which no other one may have made meanwhile."""
        *turns, meta = items
        try:
            self.table.write_batch(turns)
            self.table.write(put(meta))
        except ConditionFailedError:
            return False  # whoever made the session meanwhile owns what is there
        except BaseException:
            self.table.write_batch(deletes=[{"PK": item["PK"], "SK": item["SK"]} for item in items])
            raise
        return True


def _items(history: History, now: int) -> Iterator[Item]:
    """The turns of a session, and at last its META. The assistant has nothing to answer in it."""
    for turn in history.turns:
        yield turn.to_item(history.session_id) | {"ttl": now + BACKSTOP_SECONDS}
    yield {
        **session_key(history.session_id),
        "session_id": history.session_id,
        "customer_id": ANONYMOUS,
        **history.customer,
        "status": "active",
        "seq": len(history.turns),
        "answered": len(history.turns),
        **count_unsummarised(len(history.turns)),
        "summary_upto": 0,
        "allowed_at": 0,
        "created_at": now,
        "updated_at": now,
        "ttl": now + IDLE_SECONDS,
    }
