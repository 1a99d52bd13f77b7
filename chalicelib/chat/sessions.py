"""Sessions: one partition each, whose ``META`` says whose it is, where it stands, and which number comes next.

Every write has a condition, so that none takes effect twice or on a session that has ended meanwhile. A session lives
for a day after it was last used, and for a week at most; DynamoDB deletes later than that, so that whoever reads one
looks at its end.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Self, TypeAlias

from chalicelib.aws.tables import ConditionFailedError, Item, Table, Write, delete, put, update
from chalicelib.chat.tokens import ANONYMOUS, Identity
from chalicelib.chat.turns import TURN, Turn, turn_key
from chalicelib.errors import RequestError, UnauthorizedError

IDLE_SECONDS = 86_400
LONGEST_SECONDS = 7 * 86_400
CONNECTION_SECONDS = 3 * 3_600
"""API Gateway closes a connection after two hours."""

HISTORY = 50
"""Turns that a client is shown when it comes back."""

Status: TypeAlias = Literal["active", "waiting", "handoff", "closed"]


class SessionClosedError(RequestError):
    code = "session_closed"


@dataclass(frozen=True)
class Session:
    """A session as its META has it. Times are in seconds since the epoch.

    ``seq`` is the last number that was claimed, ``answered`` that of the last customer's turn that has its answer,
    ``tokens`` what the model has charged for it, ``unsummarised`` how many turns no summary covers yet,
    ``summary_upto`` the last turn that one does, ``waiting`` the sort key of the session's entry on the desk.
    """

    session_id: str
    customer_id: str
    status: Status
    seq: int
    answered: int
    unsummarised: int
    summary_upto: int
    created_at: int
    updated_at: int
    ttl: int
    email: str | None = None
    name: str | None = None
    connection_id: str | None = None
    agent: str | None = None
    waiting: str | None = None
    tokens: int = 0

    @classmethod
    def from_item(cls, item: Item) -> Self:
        return cls(**{name: item[name] for name in cls.__dataclass_fields__ if name in item})

    @property
    def ends_at(self) -> int:
        return self.created_at + LONGEST_SECONDS

    def lives_until(self, now: int) -> int:
        """When a session ends that is used now."""
        return min(now + IDLE_SECONDS, self.ends_at)


@dataclass(frozen=True)
class Connection:
    """An open socket: of a session, or of an agent, until ``ends_at``, which is 0 where nothing is known of it.

    ``requests_at`` is from when on a request that is no new message needs no burst any more, in milliseconds.
    """

    connection_id: str
    session_id: str | None = None
    agent: str | None = None
    ends_at: int = 0
    requests_at: int = 0


def session_key(session_id: str) -> Item:
    return {"PK": f"SESSION#{session_id}", "SK": "META"}


def connection_key(connection_id: str) -> Item:
    return {"PK": f"CONN#{connection_id}", "SK": "META"}


@dataclass(frozen=True)
class Sessions:
    """The sessions in their table. ``clock`` gives seconds since the epoch, ``make_id`` a new id nobody can guess."""

    table: Table
    clock: Callable[[], float]
    make_id: Callable[[], str]

    def open(self, session_id: str, identity: Identity | None, ticket: str) -> Session:
        """A new session under an id of ``make_id``, to which ``ticket`` opens the first socket."""
        now = int(self.clock())
        item = {
            **session_key(session_id),
            "session_id": session_id,
            "customer_id": identity.customer_id if identity else ANONYMOUS,
            **_known(identity),
            "status": "active",
            "seq": 0,
            "answered": 0,
            "unsummarised": 0,
            "summary_upto": 0,
            "allowed_at": 0,
            "ticket": ticket,
            "created_at": now,
            "updated_at": now,
            "ttl": now + IDLE_SECONDS,
        }
        try:
            self.table.write(put(item))
        except ConditionFailedError as refused:
            if (refused.items[0] or {}).get("ticket") != ticket:  # otherwise it is our own, whose answer was lost
                raise
        return Session.from_item(item)

    def resume(self, session_id: str, identity: Identity | None, ticket: str) -> Session:
        """A session that somebody proved to own, ready for another socket.

        A customer who was anonymous so far may say who they are; nobody may become somebody else.
        ``UnauthorizedError`` when there is no such session for them any more.
        """
        session = self.find(session_id)
        if session is None or session.status == "closed":
            raise UnauthorizedError
        if identity and session.customer_id not in (ANONYMOUS, identity.customer_id):
            raise UnauthorizedError
        known = {"customer_id": identity.customer_id, **_known(identity)} if identity else {}
        now = int(self.clock())
        assignments = {"ticket": ticket, "updated_at": now, "ttl": session.lives_until(now)} | known
        write = _set(session_key(session_id), assignments, "customer_id = :was", was=session.customer_id)
        return Session.from_item(self._write_once(write, "ticket", ticket))

    def find(self, session_id: str) -> Session | None:
        """A session, None when there is none or it has ended."""
        item = self.table.get(session_key(session_id))
        return Session.from_item(item) if item and item["ttl"] > self.clock() else None

    def connect(self, session_id: str, ticket: str, connection_id: str) -> tuple[Session, str | None]:
        """Bind a socket to a session, and use up its ticket; returns the connection that it takes the place of, too.

        ``UnauthorizedError`` when the ticket is not the session's last one, or was used.
        """
        now = int(self.clock())
        key = session_key(session_id)
        write = update(
            key,
            "SET connection_id = :connection, updated_at = :now REMOVE ticket",
            "ticket = :ticket AND #ttl > :now AND #status <> :closed",
            names={"ttl": "ttl", "status": "status"},
            connection=connection_id,
            ticket=ticket,
            now=now,
            closed="closed",
        )
        before = self._write_once(write, "connection_id", connection_id, returning="ALL_OLD")
        session = Session.from_item(before | {"connection_id": connection_id})
        item = {**connection_key(connection_id), "session_id": session_id, "ends_at": session.ends_at}
        self.table.write(put(item | {"ttl": now + CONNECTION_SECONDS}, None))
        return session, before.get("connection_id")

    def _write_once(self, write: Write, mark: str, value: str, *, returning: str | None = None) -> Item:
        """Carry out a write; when its condition fails since it was carried out before, the session as that left it.

        So it is when the table's answer was lost: the attribute ``mark`` has the ``value`` that only this write gives.
        """
        try:
            return self.table.write(write, returning=returning)
        except ConditionFailedError as refused:
            item = refused.items[0]
            if item is None or item.get(mark) != value:
                raise UnauthorizedError from None
            return item

    def connection(self, connection_id: str) -> Connection | None:
        """What a connection is of, None when nothing is known of it."""
        item = self.table.get(connection_key(connection_id))
        fields = Connection.__dataclass_fields__
        return Connection(connection_id, **{name: item[name] for name in fields if name in item}) if item else None

    def disconnect(self, connection: Connection) -> None:
        """Note that a socket is gone, unless another one has taken its place."""
        self.table.write(delete(connection_key(connection.connection_id)))
        if connection.session_id:
            try:
                self.table.write(
                    update(
                        session_key(connection.session_id),
                        "REMOVE connection_id SET disconnected_at = :now",
                        "connection_id = :connection",
                        now=int(self.clock()),
                        connection=connection.connection_id,
                    )
                )
            except ConditionFailedError:
                return

    def turn(self, session_id: str, seq: int) -> Turn | None:
        """One turn, None when it is not there."""
        item = self.table.get({"PK": f"SESSION#{session_id}", "SK": turn_key(seq)})
        return Turn.from_item(item) if item else None

    def turns(self, session_id: str, limit: int = HISTORY) -> list[Turn]:
        """The newest turns of a session, in their order."""
        items = self.table.query(f"SESSION#{session_id}", TURN, newest_first=True, limit=limit)
        return [Turn.from_item(item) for item in reversed(items)]

    def turns_from(self, session_id: str, seq: int) -> list[Turn]:
        """All turns from a number on, in their order."""
        items = self.table.query(f"SESSION#{session_id}", TURN, first=turn_key(max(seq, 0)))
        return [Turn.from_item(item) for item in items]


def _known(identity: Identity | None) -> dict[str, Any]:
    known = {"email": identity.email, "name": identity.name} if identity else {}
    return {name: value for name, value in known.items() if value}


def _set(key: Item, assignments: Item, condition: str, **values: Any) -> Write:
    names = {name: name for name in assignments}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in assignments)
    return update(key, expression, condition, names=names, **assignments, **values)
