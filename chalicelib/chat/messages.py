"""Messages: what a customer says, stored once and in order."""

import random
from collections.abc import Callable
from dataclasses import dataclass, replace

from chalicelib.aws.tables import ConditionFailedError, Item, Table, Write, put, update
from chalicelib.chat.sessions import Connection, Session, SessionClosedError, connection_key, session_key
from chalicelib.chat.turns import Turn
from chalicelib.errors import RequestError, UnauthorizedError, UnavailableError

MESSAGE_INTERVAL_MS = 2_000
MESSAGE_BURST_MS = 40_000
"""A session may send twenty messages at once, and then one every two seconds."""

REQUEST_BURST_MS = 120_000
"""What is no new message, such as one that is repeated, may come sixty times at once on each connection."""

CONTENDERS = 30
"""Attempts to store a message among others of its session; of those that meet, one succeeds each time."""

CONTENTION_SECONDS = 0.05

MSG = "MSG#"


class RateLimitedError(RequestError):
    code = "rate_limited"


@dataclass(frozen=True)
class Added:
    """A customer's message in its session. One that is not new bears its number, but not what was stored first."""

    session: Session
    turn: Turn
    is_new: bool


def next_allowed(allowed_at: int, now_ms: int, burst_ms: int = MESSAGE_BURST_MS) -> int | None:
    """From when on a message needs no burst any more, once one was taken now; None when none may be taken now."""
    following = max(allowed_at, now_ms) + MESSAGE_INTERVAL_MS
    return following if following <= now_ms + burst_ms else None


def message_key(session_id: str, turn: Turn) -> Item:
    """The key of the entry by which a repeated message is known."""
    return {"PK": f"SESSION#{session_id}", "SK": f"{MSG}{turn.message_id}"}


def agent_message_key(session: Session, message_id: str) -> Item:
    """The same for what an agent says: ids are their own, and no customer's has a ``#`` in it."""
    return {"PK": f"SESSION#{session.session_id}", "SK": f"{MSG}AGENT#{session.agent}#{message_id}"}


@dataclass(frozen=True)
class Messages:
    """The customers' messages in the table of the sessions. ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]

    def add(self, connection: Connection, message_id: str, content: str) -> Added:
        """Store a customer's turn under the session's next number; the one after it is kept for the answer.

        All of it is one transaction on what META was a moment ago, so that turns appear in the order of their numbers.
        The same ``message_id`` again gives the turn as it was stored first, whatever became of the session since.
        ``RateLimitedError``, ``SessionClosedError``, or ``UnauthorizedError`` when another socket took over.
        """
        key = session_key(str(connection.session_id))
        meta = self.table.get(key)
        for _ in range(CONTENDERS):
            try:
                session, allowed_at = self._admit(connection, meta)
            except (RateLimitedError, SessionClosedError):
                if (
                    meta
                    and meta["ttl"] > self.clock()
                    and (stored := self._stored(Session.from_item(meta), message_id))
                ):
                    return stored
                raise
            turn = Turn(session.seq + 1, "customer", content, int(self.clock()), message_id)
            try:
                self.table.transact(*self._message_writes(session, turn, allowed_at))
            except ConditionFailedError as refused:
                if refused.items[0]:
                    return _repeated(session, refused.items[0], turn)
                self.table.sleep(random.uniform(0, CONTENTION_SECONDS))  # noqa: S311 - jitter, no secret
                meta = refused.items[2] if refused.failed[2] else self.table.get(key)
                continue
            return Added(replace(session, seq=turn.seq + 1), turn, is_new=True)
        raise UnavailableError("The conversation moves too fast at the moment; send it again.", retry_after=1)

    def charge(self, connection: Connection) -> None:
        """Take one request that is no new message from a connection's share; ``RateLimitedError`` when it is used up.

        The share is the connection's, so that no message waits for it.
        """
        was = connection.requests_at
        for _ in range(CONTENDERS):
            now_ms = int(self.clock() * 1000)
            if next_allowed(was, now_ms, REQUEST_BURST_MS) is None:
                break
            try:
                self.table.write(_request_write(connection, was, now_ms))
            except ConditionFailedError as refused:
                if refused.items[0] is None:
                    raise UnauthorizedError("This connection is not known; open a new one.") from None
                was = refused.items[0].get("requests_at", 0)
                continue
            return
        raise RateLimitedError("You are asking faster than we can answer; wait a moment.")

    def _admit(self, connection: Connection, meta: Item | None) -> tuple[Session, int]:
        """A session that takes a message of this connection now, and from when on it takes the next without burst."""
        if meta is None or meta["ttl"] <= self.clock():
            raise SessionClosedError("This conversation has ended; start a new one.")
        if meta.get("connection_id") != connection.connection_id:
            raise UnauthorizedError("This conversation goes on in another window.")
        if meta["status"] == "closed":
            raise SessionClosedError("This conversation was closed; start a new one.")
        allowed_at = next_allowed(meta["allowed_at"], int(self.clock() * 1000))
        if allowed_at is None:
            raise RateLimitedError("You are writing faster than we can read; wait a moment.")
        return Session.from_item(meta), allowed_at

    def _message_writes(self, session: Session, turn: Turn, allowed_at: int) -> list[Write]:
        item = turn.to_item(session.session_id)
        claim = update(
            session_key(session.session_id),
            "SET seq = :seq, allowed_at = :allowed_at, updated_at = :now, #ttl = :ttl",
            "seq = :was AND connection_id = :connection AND #status = :status",
            names={"ttl": "ttl", "status": "status"},
            seq=turn.seq + 1,
            allowed_at=allowed_at,
            now=turn.at,
            ttl=session.lives_until(turn.at),
            was=session.seq,
            connection=session.connection_id,
            status=session.status,
        )
        return [put({**message_key(session.session_id, turn), "seq": turn.seq, "ttl": item["ttl"]}), put(item), claim]

    def _stored(self, session: Session, message_id: str) -> Added | None:
        marker = self.table.get({"PK": f"SESSION#{session.session_id}", "SK": MSG + message_id})
        return _repeated(session, marker, Turn(0, "customer", "", 0, message_id)) if marker else None


def _repeated(session: Session, marker: Item, turn: Turn) -> Added:
    return Added(session, replace(turn, seq=marker["seq"]), is_new=False)


def _request_write(connection: Connection, was: int, now_ms: int) -> Write:
    """Note one more request on a connection. Those that come at the same time do not stand in each other's way."""
    key = connection_key(connection.connection_id)
    if was < now_ms:
        is_idle = "attribute_exists(PK) AND (attribute_not_exists(requests_at) OR requests_at < :now)"
        return update(key, "SET requests_at = :next", is_idle, next=now_ms + MESSAGE_INTERVAL_MS, now=now_ms)
    return update(
        key,
        "SET requests_at = requests_at + :interval",
        "requests_at BETWEEN :now AND :latest",
        interval=MESSAGE_INTERVAL_MS,
        now=now_ms,
        latest=now_ms + REQUEST_BURST_MS - MESSAGE_INTERVAL_MS,
    )
