"""Deltas: an answer shown while it comes, in about fifteen frames, for each costs a request."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from chalicelib.chat import frames
from chalicelib.chat.sessions import Session, Sessions
from chalicelib.errors import UnavailableError

LOOK_SECONDS = 1.0
"""So long a customer who is gone is not looked for again."""

ATTEMPTS_A_RUN = 100
"""Attempts are counted on from one run of an answer to the next: each run begins at the next multiple of this."""


@dataclass(frozen=True)
class Pace:
    """How many deltas an answer makes: ``characters`` are gathered first, and later a fifth of what was sent before.

    An answer of 600 characters makes about a dozen, one of 4,000 two dozen. None is held back for longer than
    ``seconds``, as long as the model goes on, and none follows another within ``interval`` seconds: nobody reads
    that fast, and a model that answers at once would only cost requests.
    """

    characters: int = 40
    share: int = 5
    seconds: float = 0.7
    interval: float = 0.05


class Socket(Protocol):
    def send(self, connection_id: str, frame: frames.Frame) -> bool:
        """Send a frame; whether the connection is still there. ``UnavailableError`` when that cannot be known."""


class DeltaSender:
    """Sends the deltas of one answer. A customer who comes back meanwhile gets all of it so far, as a new attempt.

    ``first_sent_at`` is when the customer had the first of them, None as long as there was none.
    """

    def __init__(
        self,
        socket: Socket,
        sessions: Sessions,
        session: Session,
        message_id: str,
        clock: Callable[[], float],
        *,
        run: int = 0,
        pace: Pace | None = None,
    ) -> None:
        self._socket = socket
        self._sessions = sessions
        self._session_id = session.session_id
        self._connection_id = session.connection_id
        self._message_id = message_id
        self._clock = clock
        self._pace = pace or Pace()
        self._attempt = run * ATTEMPTS_A_RUN
        self._index = 0
        self._said = ""
        self._sent = 0
        self._sent_at = 0.0
        self._looked_at = clock()
        self.first_sent_at: float | None = None

    def begin(self) -> None:
        """A new attempt: what was shown of earlier ones counts no more."""
        self._said = ""
        self._begin_frames()

    def add(self, text: str) -> None:
        """More of the answer; sent at once when it is the first, or when enough has come together."""
        self._said += text
        enough = max(self._pace.characters, self._sent // self._pace.share)
        waited = self._clock() - self._sent_at
        enough_now = len(self._said) - self._sent >= enough and waited >= self._pace.interval
        if not self._sent or enough_now or waited >= self._pace.seconds:
            self.flush()

    def flush(self) -> None:
        """Send what is held back. A customer who is gone finds the answer in the history."""
        if self._sent == len(self._said) or not (self._connection_id or self._find_again()):
            return
        if not self._send() and self._find_again():
            self._send()

    def _find_again(self) -> bool:
        """Look for the customer's new connection, now and then; whether there is one."""
        if self._connection_id is None and self._clock() - self._looked_at < LOOK_SECONDS:
            return False
        self._looked_at = self._clock()
        found = self._sessions.find(self._session_id)
        moved = found.connection_id if found and found.connection_id != self._connection_id else None
        self._connection_id = moved
        if moved:
            self._begin_frames()
        return moved is not None

    def _begin_frames(self) -> None:
        self._attempt += 1
        self._index = self._sent = 0
        self._sent_at = 0.0

    def _send(self) -> bool:
        """Send all that was not sent yet; whether the connection is still there."""
        assert self._connection_id is not None
        frame = frames.delta(self._message_id, self._attempt, self._index, self._said[self._sent :])
        try:
            if not self._socket.send(self._connection_id, frame):
                return False
            self.first_sent_at = self.first_sent_at or self._clock()
        except UnavailableError:
            pass  # a delta may be lost: the whole message follows
        self._index, self._sent, self._sent_at = self._index + 1, len(self._said), self._clock()
        return True
