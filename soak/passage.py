"""The passage of many deliveries through workers into PostgreSQL, while either is killed."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import click
import psycopg

from localcloud.postgres import Postgres
from soak import database
from soak.deliveries import Delivery, Fate
from soak.killing import Killed, carry_out, draw_kills
from soak.plan import make_deliveries
from soak.queue import Queue
from soak.verification import Check, verify
from soak.workers import Pool

_WORKERS = 4
VISIBILITY = 2.0
"""Seconds for which a message in the queue stays hidden."""

_PATIENCE = 120.0


class StuckError(Exception):
    """Something that must come to an end does not."""


@dataclass(frozen=True)
class Outcome:
    """What a passage came to. ``seconds`` passed until all was settled but what fails three times, with all outages."""

    name: str
    kinds: Mapping[str, int]
    seconds: float
    killed: Sequence[Killed]
    redriven: int
    dead: int
    checks: Sequence[Check]

    @property
    def deliveries(self) -> int:
        return sum(self.kinds.values())

    @property
    def rate(self) -> float:
        """Deliveries a second."""
        return self.deliveries / self.seconds

    @property
    def faults(self) -> list[str]:
        return [f"{self.name}: {check.name}: {fault}" for check in self.checks for fault in check.faults]


def run(directory: Path, count: int, kills: int, chance: random.Random, visibility: float = VISIBILITY) -> Outcome:
    """Let ``count`` deliveries pass; the database lies in ``directory``. Call this from the main thread."""
    deliveries = make_deliveries(count, chance)
    queue: Queue[Delivery] = Queue(random.Random(chance.random()), visibility, time.monotonic)
    for delivery in deliveries:
        queue.send(delivery.message_id, delivery)
    with database.server(directory) as postgres:
        pool = Pool(queue, database.secret(postgres), directory / "workers.log", _WORKERS)
        pool.start()
        try:
            killed, seconds = _kill_meanwhile(pool, postgres, deliveries, kills, chance)
            redriven = _redrive(queue)
        finally:
            pool.stop()
        dead = {delivery.message_id for delivery in deliveries if delivery.fate is Fate.DEAD}
        with psycopg.connect(**postgres.owner, autocommit=True) as connection:
            found = database.read_found(connection, [message.message_id for message in queue.dead])
        checks = verify(deliveries, dead, found)
    kinds = Counter(delivery.kind for delivery in deliveries)
    return Outcome("workers", kinds, seconds, killed, redriven, len(queue.dead), checks)


def _kill_meanwhile(
    pool: Pool, postgres: Postgres, deliveries: Sequence[Delivery], kills: int, chance: random.Random
) -> tuple[list[Killed], float]:
    """Kill what is drawn while the queue empties, and return once it is empty: who died, and ``Outcome.seconds``."""
    begun, count, killed = time.monotonic(), len(deliveries), []
    good = sum(delivery.fate is not Fate.DEAD for delivery in deliveries)
    with click.progressbar(length=count, label=f"{count:,} deliveries", file=sys.stderr) as bar:
        wait_for = partial(_wait_for, pool.queue, count, lambda settled: bar.update(settled - bar.pos))
        for kill in draw_kills(kills, len(pool.workers), chance):
            wait_for(kill.share * count)
            killed.append(carry_out(kill, pool, postgres, begun))
        wait_for(good)
        seconds = time.monotonic() - begun
        wait_for(count)
    return killed, seconds


def _wait_for(queue: Queue[Delivery], count: int, show: Callable[[int], None], number: float) -> None:
    """Return once ``number`` of ``count`` deliveries are settled; ``StuckError`` when none is for a long time."""
    settled = count - queue.left()
    while settled < number:
        show(settled)
        before = settled
        wait_until(lambda before=before: count - queue.left() != before)  # type: ignore[misc]
        settled = count - queue.left()
    show(settled)


def _redrive(queue: Queue[Delivery]) -> int:
    """Put dead letters back as long as that helps any of them; returns how many were put back."""
    redriven = 0
    while before := len(queue.dead):
        redriven += queue.redrive()
        wait_until(lambda: queue.left() == 0)
        if len(queue.dead) == before:
            break
    return redriven


def wait_until(condition: Callable[[], bool], *, patience: float = _PATIENCE) -> None:
    """Return once a condition holds; ``StuckError`` when that takes longer than ``patience`` seconds."""
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise StuckError(f"Nothing has happened for {patience:.0f} seconds: messages neither succeed nor fail.")
        time.sleep(0.005)
