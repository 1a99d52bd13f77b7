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

MESSAGE_INTERVAL_MS = 2_000
MESSAGE_BURST_MS = 20_000
"""A session may send ten messages at once, and then one every two seconds."""

Status: TypeAlias = Literal["active", "waiting", "handoff", "closed"]


class RateLimitedError(RequestError):
    code = "rate_limited"


class SessionClosedError(RequestError):
    code = "session_closed"


@dataclass(frozen=True)
class Session:
    """A session as its META has it. Times are in seconds since the epoch.

    ``seq`` is the last number that was claimed, ``answered`` that of the last customer's turn that has its answer,
    ``unsummarised`` how many turns no summary covers yet, ``summary_upto`` the last turn that one does.
    ``waiting`` is the sort key of the session's entry on the desk.
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

    @classmethod
    def from_item(cls, item: Item) -> Self:
        return cls(**{name: item[name] for name in cls.__dataclass_fields__ if name in item})

    @property
    def ends_at(self) -> int:
        return self.created_at + LONGEST_SECONDS


@dataclass(frozen=True)
class Connection:
    """An open socket: of a session, until ``ends_at``, or of an agent."""

    connection_id: str
    session_id: str | None = None
    agent: str | None = None
    ends_at: int = 0


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
        self.table.write(put(item))
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
        assignments = {"ticket": ticket, "updated_at": int(self.clock()), "ttl": self._ttl(session.ends_at)} | known
        write = _set(session_key(session_id), assignments, "customer_id = :was", was=session.customer_id)
        try:
            item = self.table.write(write)
        except ConditionFailedError:
            raise UnauthorizedError from None
        return Session.from_item(item)

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
        try:
            before = self.table.write(write, returning="ALL_OLD")
        except ConditionFailedError:
            raise UnauthorizedError from None
        session = Session.from_item(before | {"connection_id": connection_id})
        item = {**connection_key(connection_id), "session_id": session_id, "ends_at": session.ends_at}
        self.table.write(put(item | {"ttl": now + CONNECTION_SECONDS}))
        return session, before.get("connection_id")

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

    def claim_message(self, connection: Connection) -> Session:
        """Claim a number for a customer's message and the next one for its answer.

        ``RateLimitedError``, ``SessionClosedError``, or ``UnauthorizedError`` when another socket took over.
        """
        assert connection.session_id is not None
        now_ms = int(self.clock() * 1000)
        attempts = (("allowed_at <= :now_ms", ":now_ms"), ("allowed_at BETWEEN :now_ms AND :burst", "allowed_at"))
        for within, since in attempts:
            try:
                return Session.from_item(self._claim(connection, now_ms, within, since))
            except ConditionFailedError as refused:
                self._require_open(connection, refused.items[0])
        raise RateLimitedError("You are writing faster than we can read; wait a moment.")

    def _claim(self, connection: Connection, now_ms: int, within: str, since: str) -> Item:
        uses_burst = ":burst" in within
        return self.table.write(
            update(
                session_key(connection.session_id or ""),
                f"SET allowed_at = {since} + :interval, updated_at = :now, #ttl = :ttl ADD seq :two",
                f"connection_id = :connection AND #ttl > :now AND #status <> :closed AND {within}",
                names={"ttl": "ttl", "status": "status"},
                interval=MESSAGE_INTERVAL_MS,
                now=now_ms // 1000,
                now_ms=now_ms,
                two=2,
                ttl=self._ttl(connection.ends_at),
                connection=connection.connection_id,
                closed="closed",
                **({"burst": now_ms + MESSAGE_BURST_MS - MESSAGE_INTERVAL_MS} if uses_burst else {}),
            )
        )

    def _require_open(self, connection: Connection, item: Item | None) -> None:
        if item is None or item["ttl"] <= self.clock():
            raise SessionClosedError("This conversation has ended; start a new one.")
        if item["status"] == "closed":
            raise SessionClosedError("This conversation was closed; start a new one.")
        if item.get("connection_id") != connection.connection_id:
            raise UnauthorizedError("This conversation goes on in another window.")

    def add_message(self, session: Session, message_id: str, content: str) -> tuple[Turn, bool]:
        """Store a customer's turn under the number claimed before; whether it is new.

        The same ``message_id`` a second time gives the turn as it was stored first.
        """
        turn = Turn(session.seq - 1, "customer", content, int(self.clock()), message_id)
        item = turn.to_item(session.session_id)
        marker = {"PK": item["PK"], "SK": f"MSG#{message_id}", "seq": turn.seq, "ttl": item["ttl"]}
        try:
            self.table.transact(put(item), put(marker))
        except ConditionFailedError as refused:
            stored = refused.items[1]
            if stored is None:
                raise
            return Turn(stored["seq"], "customer", content, turn.at, message_id), False
        return turn, True

    def turn(self, session_id: str, seq: int) -> Turn | None:
        """One turn, None when it is not there."""
        item = self.table.get({"PK": f"SESSION#{session_id}", "SK": turn_key(seq)})
        return Turn.from_item(item) if item else None

    def turns(self, session_id: str, limit: int = HISTORY) -> list[Turn]:
        """The newest turns of a session, in their order."""
        items = self.table.query(f"SESSION#{session_id}", TURN, newest_first=True, limit=limit)
        return [Turn.from_item(item) for item in reversed(items)]

    def turns_after(self, session: Session) -> list[Turn]:
        """The turns that no summary covers yet, in their order."""
        newest = self.turns(session.session_id, limit=200)
        return [turn for turn in newest if turn.seq > session.summary_upto]

    def _ttl(self, ends_at: int) -> int:
        return min(int(self.clock()) + IDLE_SECONDS, ends_at)


def _known(identity: Identity | None) -> dict[str, Any]:
    known = {"email": identity.email, "name": identity.name} if identity else {}
    return {name: value for name, value in known.items() if value}


def _set(key: Item, assignments: Item, condition: str, **values: Any) -> Write:
    names = {name: name for name in assignments}
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in assignments)
    return update(key, expression, condition, names=names, **assignments, **values)
