"""The time that is left of a turn, shared by everything a turn waits for."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Deadline:
    """``clock`` gives seconds, ``at`` is when they are used up by that clock."""

    clock: Callable[[], float]
    at: float

    def left(self) -> float:
        """Seconds left, never negative."""
        return max(0.0, self.at - self.clock())
