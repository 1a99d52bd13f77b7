"""The calls table within a turn's time."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from chalicelib.aws.tables import Item, Write
from chalicelib.errors import UnavailableError
from chalicelib.voice.calls import CallsTable
from chalicelib.voice.deadline import Deadline, run_within

T = TypeVar("T")


@dataclass(frozen=True)
class TimelyTable:
    """A table that is waited for until ``deadline`` alone; ``UnavailableError`` then.

    What was asked for may still be done: every write of a call holds when its answer was lost.
    """

    table: CallsTable
    deadline: Deadline

    def get(self, key: Item) -> Item | None:
        return self._within(lambda: self.table.get(key))

    def write(self, write: Write, *, returning: str | None = None) -> Item:
        return self._within(lambda: self.table.write(write, returning=returning))

    def _within(self, work: Callable[[], T]) -> T:
        if left := self.deadline.left():
            try:
                return run_within(left, work)
            except TimeoutError:
                pass
        raise UnavailableError("The calls table does not answer in time.")
