"""The calls table within a turn's time, with a table that never answers."""

import time
from dataclasses import dataclass, field
from threading import Event

import pytest

from chalicelib.aws.tables import Item, Write, update
from chalicelib.errors import UnavailableError
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.timely_table import TimelyTable


@dataclass
class SilentTable:
    """Answers once it is let."""

    let: Event = field(default_factory=Event)
    asked: int = 0

    def get(self, key: Item) -> Item | None:
        self.asked += 1
        self.let.wait(30)
        return {"found": True}

    def write(self, write: Write, *, returning: str | None = None) -> Item:
        return self.get({}) or {}


def test_what_answers_in_time_is_handed_on() -> None:
    table = SilentTable()
    table.let.set()

    timely = TimelyTable(table, Deadline(time.monotonic, time.monotonic() + 30))

    assert timely.get({"sessionId": "s"}) == {"found": True}
    assert timely.write(update({"sessionId": "s"}, "SET a = :a", a=1)) == {"found": True}


def test_nobody_waits_longer_than_the_deadline() -> None:
    table = SilentTable()
    timely = TimelyTable(table, Deadline(time.monotonic, time.monotonic() + 0.05))

    with pytest.raises(UnavailableError):
        timely.get({"sessionId": "s"})
    with pytest.raises(UnavailableError):
        timely.write(update({"sessionId": "s"}, "SET a = :a", a=1))

    assert table.asked == 1, "after the deadline nothing is asked any more"
    table.let.set()
