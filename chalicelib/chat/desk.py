"""The desk: the agents who are on duty, who waits for them, and telling everybody of a step.

An agent is known by their sockets, each an entry of the partition ``DESK``. Whatever changes there is shown to all of
them; whoever finds out that a socket is gone notes since when. An agent's conversations stay theirs when they are gone:
they find them when they come back. After two minutes another agent may go on with one, and their customers go back in
line: as soon as one of them writes, else when ``check_waiting`` comes by.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Self

from chalicelib import telemetry
from chalicelib.aws.tables import ConditionFailedError, Item, Table, delete, put, update
from chalicelib.chat import frames, handoff
from chalicelib.chat.deltas import Socket
from chalicelib.chat.handoff import AGENT, DESK, Handoffs, Step, gone_at
from chalicelib.chat.sessions import CONNECTION_SECONDS, Connection, Session, connection_key
from chalicelib.chat.tokens import Ticket
from chalicelib.errors import RequestError, UnauthorizedError, UnavailableError

AWAY_SECONDS = 120
"""After so long without a socket, an agent's conversations are free for others."""

_GONE_SECONDS = 3_600
"""How long it is kept since when an agent is gone; who is not known at all is gone as well."""


@dataclass(frozen=True)
class Agent:
    """One socket of an agent's.

    ``gone_at`` is when it was found to be gone, or its token expired, in seconds since the epoch.
    """

    connection_id: str
    name: str
    ttl: int
    gone_at: int | None = None

    @classmethod
    def from_item(cls, item: Item, now: float) -> Self:
        return cls(item["SK"].removeprefix(AGENT), item["agent"], item["ttl"], gone_at(item, now))


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
        who = {"agent": ticket.agent, "ttl": ttl} | ({"ends_at": ticket.until} if ticket.until is not None else {})
        try:
            self.table.transact(
                put({"PK": DESK, "SK": f"TICKET#{ticket.id}", "ttl": ttl}),
                put({**_agent_key(connection_id), **who}),
                put({**connection_key(connection_id), **who}),
            )
        except ConditionFailedError:
            raise UnauthorizedError from None

    def disconnect(self, connection: Connection) -> None:
        """An agent's socket is gone; note since when, once."""
        now = int(self.clock())
        note = update(
            _agent_key(connection.connection_id),
            "SET gone_at = :now, #ttl = :ttl",
            "attribute_exists(PK) AND attribute_not_exists(gone_at)",
            names={"ttl": "ttl"},
            now=now,
            ttl=now + _GONE_SECONDS,
        )
        try:
            self.table.transact(note, delete(connection_key(connection.connection_id)))
        except ConditionFailedError:
            return
        self._forget_older(connection.connection_id)

    def _forget_older(self, connection_id: str) -> None:
        """Of an agent's sockets that are gone keep the last one alone, and none while another one is open.

        It is read after this one's end was noted. So of two that end at once, at least one sees the other one's end,
        and the last of them stays: it tells since when the agent is gone.
        """
        agents = self.agents()
        last = next((agent for agent in agents if agent.connection_id == connection_id), None)
        if last is None or last.gone_at is None:
            return
        own = [agent for agent in agents if agent.name == last.name]
        is_open = any(agent.gone_at is None for agent in own)
        order = (last.gone_at, last.connection_id)
        for agent in own:
            if agent.gone_at is not None and (is_open or (agent.gone_at, agent.connection_id) < order):
                self.table.write(delete(_agent_key(agent.connection_id)))

    def agents(self) -> list[Agent]:
        """Every socket of an agent's, those included that are gone since a while ago."""
        now = self.clock()
        found = [Agent.from_item(item, now) for item in self.table.query(DESK, AGENT)]
        return [agent for agent in found if agent.ttl > now]

    def is_away(self, name: str | None, agents: list[Agent] | None = None) -> bool:
        """Whether an agent has had no socket for so long that others may go on with their conversations."""
        own = [agent for agent in (self.agents() if agents is None else agents) if agent.name == name]
        return all(agent.gone_at is not None and self.clock() - agent.gone_at >= AWAY_SECONDS for agent in own)

    def show_queue(self, only: str | None = None) -> None:
        """Show every agent, or ``only`` one connection, who waits and which conversations are theirs.

        Those of an agent who is away wait as well, and say whose they were.
        """
        agents, entries = self.agents(), self.handoffs.entries()
        away = {item["agent"] for item in entries if "agent" in item and self.is_away(item["agent"], agents)}
        for agent in agents:
            if agent.gone_at is not None or only not in (None, agent.connection_id):
                continue
            mine = [_entry(item) for item in entries if item.get("agent") == agent.name]
            waiting = [_entry(item) for item in entries if item.get("agent") in (None, *away - {agent.name})]
            self.show(agent.connection_id, frames.queue(waiting, mine))

    def tell(self, name: str | None, frame: frames.Frame) -> bool:
        """Show a frame to an agent, on every socket they have open; whether there is one, as far as can be known."""
        own = [agent for agent in self.agents() if agent.name == name and agent.gone_at is None]
        shown = [self.show(agent.connection_id, frame) for agent in own]
        return any(shown)

    def show(self, connection_id: str, frame: frames.Frame) -> bool:
        """Show a frame to an agent's socket, and note when it is gone; whether it is there, as far as can be known."""
        try:
            if self.socket.send(connection_id, frame):
                return True
        except UnavailableError as error:
            telemetry.logger.warning("frame not sent", type=str(frame["type"]), detail=str(error))
            return True  # the next change shows the queue again
        self.disconnect(Connection(connection_id))
        return False

    def take(self, session_id: str, step: Step) -> Session:
        """Take a step, as ``Handoffs.take`` does, and tell everybody whom it concerns."""
        after, turn = self.handoffs.take(session_id, step)
        if turn is None:
            self.reach(after, frames.handoff(after.status))
            return after
        self.reach(after, frames.message(turn))
        self.reach(after, frames.handoff(after.status))
        if step.agent:
            self.tell(step.agent, frames.handoff(after.status, session_id))
        self.show_queue()
        status = "left" if step.is_left else after.status
        telemetry.logger.info("session handed over", session_id=session_id, status=status, who=step.who)
        telemetry.count("Handoffs", status=status)
        return after

    def put_back(self, session: Session) -> Session | None:
        """Put a conversation back in line whose agent is away, and tell everybody; None when it stays where it is.

        So it does when the agent is back, and when anything happened since ``session`` was read: then whatever that
        was goes on.
        """
        if session.status != "handoff" or session.agent is None or not self.is_away(session.agent):
            return None
        try:
            return self.take(session.session_id, handoff.put_back(session.agent, session.seq))
        except RequestError:
            return None

    def reach(self, session: Session, frame: frames.Frame) -> bool:
        """Show a frame to a session's customer; whether they are there. Whoever comes back finds it in the history."""
        try:
            return session.connection_id is not None and self.socket.send(session.connection_id, frame)
        except UnavailableError:
            return False


def _agent_key(connection_id: str) -> Item:
    return {"PK": DESK, "SK": AGENT + connection_id}


def _entry(item: Item) -> dict[str, Any]:
    return dict(_fields(item))


def _fields(item: Item) -> Iterator[tuple[str, Any]]:
    for name in ("session_id", "customer", "agent", "left"):
        if name in item:
            yield name, item[name]
    yield "reason", frames.short(item["reason"], frames.SHOWN_REASON)
    yield "since", frames.iso(item["since"])
