"""The chat's parts over an empty sessions table of moto's, with a clock and sockets that a test moves."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from chalicelib.aws.tables import Item, Table
from chalicelib.chat.agents import Agents
from chalicelib.chat.desk import Desk
from chalicelib.chat.frames import Frame, Inbound
from chalicelib.chat.handoff import Handoffs
from chalicelib.chat.hours import OpeningHours
from chalicelib.chat.messages import Messages
from chalicelib.chat.sessions import Connection, Session, Sessions
from chalicelib.chat.summaries import Summaries
from chalicelib.chat.tokens import Identity, Ticket
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError
from tests.builders import NOW
from tests.tables import TABLE, sessions_table


@dataclass
class TickingClock:
    """Goes on by a millisecond with each look, as clocks do."""

    now: float = NOW

    def __call__(self) -> float:
        self.now += 0.001
        return self.now


@dataclass
class FakeSocket:
    """Keeps the frames that are sent; ``gone`` connections do not get theirs, and a ``broken`` one knows nothing."""

    sent: list[tuple[str, Frame]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    broken: bool = False

    def send(self, connection_id: str, frame: Frame) -> bool:
        if self.broken:
            raise UnavailableError("The connection cannot be reached at the moment.")
        if connection_id in self.gone:
            return False
        self.sent.append((connection_id, frame))
        return True

    def frames(self, connection_id: str, kind: str | None = None) -> list[Frame]:
        """What a connection was sent."""
        return [frame for one, frame in self.sent if one == connection_id and kind in (None, frame["type"])]


class Place:
    """``ana`` and ``bo`` are agents' connections, as far as a test puts them on duty; ``cust`` is the customer's."""

    def __init__(self, client: Any, hours: str = "") -> None:
        self.clock, self.socket = TickingClock(), FakeSocket()
        self.table = Table(client, TABLE, sleep=lambda _: None)
        self.sessions = Sessions(self.table, self.clock, lambda: uuid4().hex)
        self.messages = Messages(self.table, self.clock)
        self.handoffs = Handoffs(self.table, self.clock, OpeningHours.read(hours))
        self.desk = Desk(self.table, self.handoffs, self.socket, self.clock)
        self.agents = Agents(self.sessions, self.handoffs, Summaries(self.table), self.desk)

    def open(self, session_id: str = "s1", *, connected: bool = True) -> Session:
        session = self.sessions.open(session_id, Identity("c1", "aiko@example.com", "Aiko"), "ticket")
        if connected:
            self.sessions.connect(session_id, "ticket", "cust")
        return self.sessions.find(session_id) or session

    def on_duty(self, name: str, connection_id: str | None = None) -> str:
        connection_id = connection_id or name
        self.desk.connect(Ticket(uuid4().hex, agent=name), connection_id)
        return connection_id

    def do(self, agent: str, action: str, session_id: str = "s1", **fields: str) -> None:
        """Serve an agent's frame on the connection of the same name."""
        self.agents.serve(Connection(agent, agent=agent), Inbound(action, session_id=session_id, **fields))

    def say(self, content: str, session_id: str = "s1", message_id: str | None = None) -> Turn:
        """A customer's message, as reception stores it."""
        self.clock.now += 3
        return self.messages.add(Connection("cust", session_id), message_id or uuid4().hex, content).turn

    def session(self, session_id: str = "s1") -> Session:
        found = self.sessions.find(session_id)
        assert found is not None
        return found

    def told(self, session_id: str = "s1") -> list[tuple[str, str]]:
        return [(turn.author, turn.content) for turn in self.sessions.turns(session_id)]

    def items(self, prefix: str, session_id: str = "s1") -> list[Item]:
        return self.table.query(f"SESSION#{session_id}", prefix)

    def queue(self, connection_id: str) -> Frame:
        """The queue that a connection was shown last."""
        return self.socket.frames(connection_id, "queue")[-1]

    def waiting(self, connection_id: str) -> Sequence[str]:
        return [entry["session_id"] for entry in self.queue(connection_id)["waiting"]]

    def mine(self, connection_id: str) -> Sequence[str]:
        return [entry["session_id"] for entry in self.queue(connection_id)["mine"]]


@contextmanager
def open_place(hours: str = "") -> Iterator[Place]:
    with sessions_table() as client:
        yield Place(client, hours)
