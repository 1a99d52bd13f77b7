"""Reception: what comes in over the sockets of customers and agents, and what they hear at once.

A customer's message is acknowledged when it is stored and its session is queued; the answer comes from elsewhere. The
same message a second time, at whatever stage, is acknowledged as it is stored, shown its answer if there is one, and
queued again if there is none. Whatever is no new message is taken from a share of the connection's.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.chat import frames, handoff
from chalicelib.chat.agents import Agents
from chalicelib.chat.deltas import Socket
from chalicelib.chat.desk import Desk
from chalicelib.chat.frames import FrameError, Inbound
from chalicelib.chat.handoff import Handoffs
from chalicelib.chat.messages import Messages, RateLimitedError
from chalicelib.chat.opening import read_ticket
from chalicelib.chat.sessions import Connection, Session, SessionClosedError, Sessions
from chalicelib.chat.summaries import Summaries
from chalicelib.chat.tokens import Tokens
from chalicelib.errors import FrontdeskError, RequestError, UnauthorizedError, UnavailableError


class Queue(Protocol):
    def send(self, body: str, *, group: str, once: str | None = None) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``.

        What was sent ``once`` under the same name, a few minutes ago at most, is not sent again.
        """


class Sockets(Socket, Protocol):
    def close(self, connection_id: str) -> bool:
        """Close a connection; whether it was still there."""


@dataclass(frozen=True)
class Reception:
    """Serves sockets. ``clock`` gives seconds since the epoch."""

    tokens: Tokens
    sessions: Sessions
    messages: Messages
    handoffs: Handoffs
    summaries: Summaries
    desk: Desk
    sockets: Sockets
    queue: Queue
    clock: Callable[[], float]

    def connect(self, connection_id: str, query: Mapping[str, Any] | None) -> HTTPStatus:
        """Let a socket in that has a ticket: 200; 401 for any other, 503 when that cannot be known."""
        try:
            ticket = read_ticket(self.tokens, dict(query or {}))
            if ticket.agent:
                self.desk.connect(ticket, connection_id)
                return HTTPStatus.OK
            assert ticket.session_id is not None
            telemetry.about(session_id=ticket.session_id)
            _, before = self.sessions.connect(ticket.session_id, ticket.id, connection_id)
        except UnauthorizedError:
            telemetry.count("SocketsRefused")
            return HTTPStatus.UNAUTHORIZED
        except UnavailableError:
            telemetry.logger.exception("socket cannot be let in")
            return HTTPStatus.SERVICE_UNAVAILABLE
        if before and before != connection_id:
            self._send_away(before, "This conversation goes on in another window.")
        return HTTPStatus.OK

    def receive(self, connection_id: str, body: str | None) -> None:
        """Serve one frame; whatever goes wrong is told in an ``error`` frame."""
        message_id: str | None = None
        try:
            connection = self.sessions.connection(connection_id)
            if connection is None:
                raise UnauthorizedError("This connection is not known; open a new one.")
            if connection.agent and 0 < connection.ends_at <= self.clock():
                self._send_away(connection_id, "Your token has expired; sign in with a new one.")
                return
            if connection.session_id:
                telemetry.about(session_id=connection.session_id)
            frame = frames.read_frame(body, agent=connection.agent is not None)
            if connection.agent and frame.session_id:
                telemetry.about(session_id=frame.session_id)
            message_id = frame.message_id
            if connection.agent:
                Agents(self.sessions, self.handoffs, self.summaries, self.desk).serve(connection, frame)
            else:
                self._serve_customer(connection, frame)
        except FrameError as error:
            self._tell(connection_id, frames.error(error.code, str(error), error.message_id))
        except RequestError as error:
            self._tell(connection_id, frames.error(_code(error), str(error), message_id))
        except UnavailableError as error:
            telemetry.logger.error("frame not served", exc_info=error)
            self._tell(connection_id, frames.error("unavailable", str(error), message_id))
        except Exception as error:  # noqa: BLE001 - the boundary of one frame; its text must not reach the client
            telemetry.logger.error("unexpected error", exc_info=error)
            text = "Something broke here; it is logged."
            self._tell(connection_id, frames.error(FrontdeskError.code, text, message_id))

    def disconnect(self, connection_id: str) -> None:
        """A socket is gone. Nothing depends on hearing so."""
        try:
            connection = self.sessions.connection(connection_id)
            if connection and connection.agent:
                self.desk.disconnect(connection)
            elif connection:
                telemetry.about(session_id=str(connection.session_id))
                self.sessions.disconnect(connection)
        except UnavailableError:
            telemetry.logger.exception("disconnect not noted")

    def _serve_customer(self, connection: Connection, frame: Inbound) -> None:
        match frame.action:
            case "ping":
                self._tell(connection.connection_id, frames.PONG)
            case "hello":
                self._greet(connection)
            case "request_human":
                self._request_human(connection, frame.reason or "")
            case "message":
                self._take_message(connection, str(frame.message_id), str(frame.content))

    def _greet(self, connection: Connection) -> None:
        self.messages.charge(connection)
        session = self._session(connection)
        turns = self.sessions.turns(session.session_id)
        self._tell(connection.connection_id, frames.session(session.session_id, session.status, turns))

    def _take_message(self, connection: Connection, message_id: str, content: str) -> None:
        added = self.messages.add(connection, message_id, content)
        session, turn = added.session, added.turn
        if not added.is_new:
            self.messages.charge(connection)
        is_heard = True
        if session.status == "active" and (added.is_new or session.answered < turn.seq):
            repeated = None if added.is_new else f"{session.session_id}:{turn.seq}"
            self.queue.send(session.session_id, group=session.session_id, once=repeated)
        elif session.status == "handoff" and (
            told := turn if added.is_new else self.sessions.turn(session.session_id, turn.seq)
        ):
            is_heard = self.desk.tell(session.agent, frames.message(told, session.session_id))
        self._tell(connection.connection_id, frames.ack(message_id, turn.seq))
        telemetry.logger.info("message taken", seq=turn.seq, status=session.status, repeated=not added.is_new)
        telemetry.count("ChatMessages" if added.is_new else "ChatMessagesRepeated")
        if not added.is_new and (answer := self.sessions.turn(session.session_id, turn.seq + 1)):
            self._tell(connection.connection_id, frames.message(answer))
        if not is_heard:
            with suppress(UnavailableError):  # the message is safe; ``check_waiting`` comes by within a minute
                self.desk.put_back(session)

    def _request_human(self, connection: Connection, reason: str) -> None:
        """Hand a conversation over. Asking again, while one waits or is helped, tells how it stands.

        Whose agent is away waits for another one.
        """
        self.messages.charge(connection)
        session = self._session(connection)
        if session.status == "closed":
            raise SessionClosedError("This conversation was closed; start a new one.")
        if session.status == "active" and not self.handoffs.has_room(session):
            raise RateLimitedError("More people wait than we can help at the moment; ask again in some minutes.")
        if self.desk.put_back(session) is None:
            self.desk.take(session.session_id, handoff.to_people("customer", reason))

    def _session(self, connection: Connection) -> Session:
        assert connection.session_id is not None
        session = self.sessions.find(connection.session_id)
        if session is None:
            raise SessionClosedError("This conversation has ended; start a new one.")
        if session.connection_id != connection.connection_id:
            raise UnauthorizedError("This conversation goes on in another window.")
        return session

    def _send_away(self, connection_id: str, reason: str) -> None:
        self._tell(connection_id, frames.error("unauthorized", reason))
        try:
            self.sockets.close(connection_id)
        except UnavailableError:
            telemetry.logger.warning("old socket not closed")

    def _tell(self, connection_id: str, frame: frames.Frame) -> None:
        """Send a frame to a client that may be gone; then its next ``hello`` tells all of it."""
        try:
            self.sockets.send(connection_id, frame)
        except UnavailableError as error:
            telemetry.logger.warning("frame not sent", type=str(frame["type"]), detail=str(error))


def _code(error: RequestError) -> str:
    """The codes of frames are fewer than those of HTTP."""
    return (
        error.code if error.code in ("too_large", "rate_limited", "unauthorized", "session_closed") else "bad_request"
    )
