"""Agents: what the people at the desk do. They claim a conversation, read and write in it, return it or close it.

A claim of what is one's own already shows it again. Whoever is too late hears so, and gets a fresh queue.
"""

from dataclasses import dataclass

from chalicelib.chat import frames, handoff
from chalicelib.chat.desk import Desk
from chalicelib.chat.frames import Inbound
from chalicelib.chat.handoff import Handoffs, MovedError
from chalicelib.chat.sessions import Connection, Session, Sessions
from chalicelib.chat.summaries import Summaries
from chalicelib.chat.turns import Turn
from chalicelib.errors import NotFoundError, RequestError


@dataclass(frozen=True)
class Agents:
    """Serves agents."""

    sessions: Sessions
    handoffs: Handoffs
    summaries: Summaries
    desk: Desk

    def serve(self, connection: Connection, frame: Inbound) -> None:
        """Serve one frame. Errors that the agent can do something about are ``RequestError``."""
        agent, session_id = str(connection.agent), frame.session_id or ""
        match frame.action:
            case "ping":
                self.desk.show(connection.connection_id, frames.PONG)
            case "hello":
                self.desk.show_queue(connection.connection_id)
            case "claim":
                self._claim(connection, session_id, agent)
            case "return":
                self._end(connection, session_id, handoff.give_back(agent))
            case "close":
                self._end(connection, session_id, handoff.close(agent))
            case "message":
                self._say(connection, self._theirs(session_id, agent), frame)

    def _claim(self, connection: Connection, session_id: str, agent: str) -> None:
        try:
            session = self._known(session_id)
            if session.status != "handoff" or session.agent != agent:
                session = self.desk.take(session_id, self._step(session, agent))
        except RequestError:
            self.desk.show_queue(connection.connection_id)
            raise
        summary = self.summaries.latest(session.session_id) if session.summary_upto else None
        turns = self.sessions.turns(session_id)
        self.desk.show(connection.connection_id, conversation(session, summary, turns))

    def _step(self, session: Session, agent: str) -> handoff.Step:
        if session.status == "handoff" and session.agent and self.desk.is_away(session.agent):
            return handoff.take_over(agent, session.agent)
        return handoff.claim(agent)

    def _end(self, connection: Connection, session_id: str, step: handoff.Step) -> None:
        try:
            self.desk.take(session_id, step)
        except RequestError:
            self.desk.show_queue(connection.connection_id)
            raise

    def _say(self, connection: Connection, session: Session, frame: Inbound) -> None:
        turn, is_new = self.handoffs.say(session, str(frame.message_id), str(frame.content))
        if not is_new:
            turn = self.sessions.turn(session.session_id, turn.seq) or turn
        is_there = self.desk.reach(session, frames.message(turn))
        ack = {**frames.ack(str(frame.message_id), turn.seq), "session_id": session.session_id, "delivered": is_there}
        self.desk.show(connection.connection_id, ack)

    def _theirs(self, session_id: str, agent: str) -> Session:
        session = self._known(session_id)
        if session.status != "handoff" or session.agent != agent:
            raise MovedError("This conversation is not yours.")
        return session

    def _known(self, session_id: str) -> Session:
        session = self.sessions.find(session_id)
        if session is None:
            raise NotFoundError("There is no such conversation any more.")
        return session


def conversation(session: Session, summary: str | None, turns: list[Turn]) -> frames.Frame:
    """What an agent sees of a conversation, its newest turns as far as they fit beside the summary.

    ``connected`` says whether its customer has a socket.
    """
    room = frames.MAX_HISTORY_BYTES - frames.size(summary)
    return {
        "type": "conversation",
        "session_id": session.session_id,
        "status": session.status,
        "customer": session.name or session.email or session.customer_id,
        "connected": session.connection_id is not None,
        "summary": summary,
        "agent": session.agent,
        "history": frames.history(turns, room),
    }
