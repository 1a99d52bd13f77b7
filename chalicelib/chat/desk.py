"""The desk: the agents who are on duty, what they see, and whom they talk to.

An agent is known by their socket, an entry of the partition ``DESK``. Whatever changes there is shown to all of them;
an entry whose socket is gone is removed by whoever finds out.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.tables import ConditionFailedError, Item, Table, delete, put
from chalicelib.chat import frames
from chalicelib.chat.deltas import Socket
from chalicelib.chat.handoff import DESK, Handoffs
from chalicelib.chat.sessions import CONNECTION_SECONDS, Connection, Session, connection_key
from chalicelib.chat.tokens import Ticket
from chalicelib.errors import UnauthorizedError, UnavailableError

AGENT = "AGENT#"


@dataclass(frozen=True)
class Desk:
    """The desk in the table of the sessions. ``clock`` gives seconds since the epoch."""

    table: Table
    handoffs: Handoffs
    socket: Socket
    clock: Callable[[], float]

    def connect(self, ticket: Ticket, connection_id: str) -> None:
        """Put an agent on duty, and use up their ticket. ``UnauthorizedError`` when it was used before."""
        ttl = int(self.clock()) + CONNECTION_SECONDS
        try:
            self.table.transact(
                put({"PK": DESK, "SK": f"TICKET#{ticket.id}", "ttl": ttl}),
                put({"PK": DESK, "SK": AGENT + connection_id, "agent": ticket.agent, "ttl": ttl}),
                put({**connection_key(connection_id), "agent": ticket.agent, "ttl": ttl}),
            )
        except ConditionFailedError:
            raise UnauthorizedError from None

    def disconnect(self, connection: Connection) -> None:
        """An agent's socket is gone. Their conversations stay theirs: they come back, or another one is told."""
        self.table.write(delete({"PK": DESK, "SK": AGENT + connection.connection_id}))
        self.table.write(delete(connection_key(connection.connection_id)))

    def agents(self) -> list[tuple[str, str]]:
        """Connection and name of every agent on duty."""
        now = self.clock()
        return [
            (item["SK"].removeprefix(AGENT), item["agent"])
            for item in self.table.query(DESK, AGENT)
            if item["ttl"] > now
        ]

    def show_queue(self) -> None:
        """Show every agent who waits and which conversations are theirs."""
        entries = self.handoffs.entries()
        waiting = [_entry(item) for item in entries if "agent" not in item]
        for connection_id, agent in self.agents():
            mine = [_entry(item) for item in entries if item.get("agent") == agent]
            self.show(connection_id, {"type": "queue", "waiting": waiting, "mine": mine})

    def tell(self, agent: str | None, frame: frames.Frame) -> None:
        """Show a frame to an agent, on every socket they have open."""
        for connection_id, name in self.agents():
            if name == agent:
                self.show(connection_id, frame)

    def show(self, connection_id: str, frame: frames.Frame) -> None:
        try:
            if self.socket.send(connection_id, frame):
                return
        except UnavailableError:
            return  # the next change shows the queue again
        self.disconnect(Connection(connection_id))


def conversation(session: Session, summary: str | None, turns: list[Any]) -> frames.Frame:
    """What an agent sees of a conversation."""
    return {
        "type": "conversation",
        "session_id": session.session_id,
        "status": session.status,
        "customer": session.name or session.email or session.customer_id,
        "summary": summary,
        "agent": session.agent,
        "history": [frames.shown(turn) for turn in turns],
    }


def _entry(item: Item) -> dict[str, Any]:
    return dict(_fields(item))


def _fields(item: Item) -> Iterator[tuple[str, Any]]:
    for name in ("session_id", "customer", "reason", "agent"):
        if name in item:
            yield name, item[name]
    yield "since", frames.iso(item["since"])
