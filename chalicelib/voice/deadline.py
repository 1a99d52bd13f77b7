"""The time a caller's turn may take, shared by everything it waits for."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

BUDGET_SECONDS = 6.0
"""For a whole turn: what a caller bears of silence, and two seconds less than Amazon Connect waits for a Lambda."""

RESERVE_SECONDS = 0.7
"""What a turn keeps of the function's own time: to store how the call stands, and to answer."""


@dataclass(frozen=True)
class Deadline:
    """The moment ``at`` by a monotonic ``clock``, both in seconds."""

    clock: Callable[[], float]
    at: float

    @classmethod
    def of_turn(cls, clock: Callable[[], float], remaining_milliseconds: float) -> Self:
        """The end of a turn that begins now, in a function that has that much time left."""
        return cls(clock, clock() + min(BUDGET_SECONDS, remaining_milliseconds / 1000 - RESERVE_SECONDS))

    def left(self) -> float:
        """The seconds until then, never less than none."""
        return max(0.0, self.at - self.clock())
