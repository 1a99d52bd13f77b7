"""A circuit breaker: while a dependency is down, its callers are told at once instead of waiting in vain."""

from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Lock

FAILURES = 3
"""In a row, until it opens. Two may be chance, and one operation makes two tries: alone it opens nothing, as a rule."""

OPEN_SECONDS = 30.0
"""Closed to everybody for so long: a caller who is told to try later finds out for real, and a bank that restarts gets
some rest. One environment serves one call at a time, so that few are refused for nothing."""


@dataclass
class Breaker:
    """Closed, open, or half-open with one probe under way. ``clock`` is monotonic, in seconds; any thread may use it.

    What is asked is numbered by era, a new one at each change of state: an answer from an earlier era changes nothing.
    """

    clock: Callable[[], float]
    _lock: Lock = field(default_factory=Lock, repr=False)
    _era: int = 0
    _failures: int = 0
    _opened_at: float | None = None
    _is_probing: bool = False

    def enter(self) -> int | None:
        """Ask for leave to make a request: the era to report it with, None when it must not be made.

        Whoever got leave must ``leave``, however it went.
        """
        with self._lock:
            if self._opened_at is None:
                return self._era
            if self._is_probing or self.clock() - self._opened_at < OPEN_SECONDS:
                return None
            self._is_probing = True
            self._era += 1
            return self._era

    def leave(self, era: int, *, is_alive: bool) -> None:
        """Report a request of an ``era``: whether the dependency showed that it is there."""
        with self._lock:
            if era != self._era:
                return
            if is_alive:
                self._failures, self._opened_at = 0, None
            else:
                self._failures += 1
                if self._is_probing or self._failures >= FAILURES:
                    self._opened_at = self.clock()
                    self._era += 1
            self._is_probing = False
