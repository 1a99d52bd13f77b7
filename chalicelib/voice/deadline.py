"""The time a caller's turn may take, and work that must not outlast it."""

from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from threading import Thread
from typing import Self, TypeVar

T = TypeVar("T")

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

    def earlier(self, seconds: float) -> "Deadline":
        """A deadline so much before this one."""
        return Deadline(self.clock, self.at - seconds)


def run_within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work`` returns or raises; ``TimeoutError`` when that takes longer.

    Late work is not ended, it is no longer waited for: it goes on in a thread that does not keep the process alive. (A
    pool's threads would: Python waits for them when it ends.) Starting one takes a tenth of a millisecond.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - raised where it is waited for
            future.set_exception(error)

    Thread(target=run, name=f"late after {seconds:.3f} s", daemon=True).start()
    return future.result(seconds)
