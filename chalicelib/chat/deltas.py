"""Deltas: an answer shown while it comes, in about fifteen frames, for each costs a request."""

from collections.abc import Callable
from typing import Protocol

from chalicelib.chat import frames
from chalicelib.chat.sessions import Session, Sessions
from chalicelib.errors import UnavailableError

CHARACTERS = 40
"""So much is gathered before it is sent; an answer of 600 characters makes fifteen deltas."""

SECONDS = 0.7
"""And so long it is held back at most."""


class Socket(Protocol):
    def send(self, connection_id: str, frame: frames.Frame) -> bool:
        """Send a frame; whether the connection is still there. ``UnavailableError`` when that cannot be known."""


class DeltaSender:
    """Sends the deltas of one answer. A customer who comes back meanwhile gets all of it so far, as a new attempt."""

    def __init__(
        self, socket: Socket, sessions: Sessions, session: Session, message_id: str, clock: Callable[[], float]
    ) -> None:
        self._socket = socket
        self._sessions = sessions
        self._session_id = session.session_id
        self._connection_id = session.connection_id
        self._message_id = message_id
        self._clock = clock
        self._attempt = 0
        self._index = 0
        self._sent = ""
        self._held = ""
        self._sent_at = 0.0

    def begin(self) -> None:
        """A new attempt: what was shown of earlier ones counts no more."""
        self._attempt += 1
        self._index = 0
        self._sent = self._held = ""
        self._sent_at = 0.0

    def add(self, text: str) -> None:
        """More of the answer; sent at once when it is the first, or when enough has come together."""
        self._held += text
        late = self._clock() - self._sent_at >= SECONDS
        if not self._sent or len(self._held) >= CHARACTERS or late:
            self.flush()

    def flush(self) -> None:
        """Send what is held back. A customer who is gone finds the answer in the history."""
        if not self._held or self._connection_id is None:
            return
        text, self._held = self._held, ""
        self._sent_at = self._clock()
        if self._send(text):
            self._index += 1
            self._sent += text
        else:
            self._find_again(self._sent + text)

    def _find_again(self, everything: str) -> None:
        found = self._sessions.find(self._session_id)
        moved = found.connection_id if found and found.connection_id != self._connection_id else None
        self._connection_id = moved
        if moved:
            self.begin()
            if self._send(everything):
                self._index, self._sent = 1, everything

    def _send(self, text: str) -> bool:
        assert self._connection_id is not None
        frame = frames.delta(self._message_id, self._attempt, self._index, text)
        try:
            return self._socket.send(self._connection_id, frame)
        except UnavailableError:
            return True  # a delta may be lost: the whole message follows
