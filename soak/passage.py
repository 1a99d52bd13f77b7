"""The passage of many deliveries through workers into PostgreSQL, while either is killed."""

import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
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
_VISIBILITY = 2.0
_PATIENCE = 120.0


class StuckError(Exception):
    """The queue does not become empty."""


@dataclass(frozen=True)
class Outcome:
    """What a passage came to. ``seconds`` is the time until the queue was first empty, kills and outages included."""

    name: str
    kinds: Mapping[str, int]
    seconds: float
    killed: Sequence[Killed]
    redriven: int
    dead: int
    doubled: int
    checks: Sequence[Check]

    @property
    def deliveries(self) -> int:
        return sum(self.kinds.values())

    @property
    def faults(self) -> list[str]:
        return [f"{self.name}: {check.name}: {fault}" for check in self.checks for fault in check.faults]


def run(directory: Path, count: int, kills: int, chance: random.Random) -> Outcome:
    """Let ``count`` deliveries pass; the database lies in ``directory``. Call this from the main thread."""
    deliveries = make_deliveries(count, chance)
    queue: Queue[Delivery] = Queue(random.Random(chance.random()), _VISIBILITY, time.monotonic)
    for delivery in deliveries:
        queue.send(delivery.message_id, delivery)
    with database.server(directory) as postgres:
        pool = Pool(queue, database.secret(postgres), directory / "workers.log", _WORKERS)
        pool.start()
        try:
            begun = time.monotonic()
            killed = _kill_meanwhile(pool, postgres, count, kills, chance, begun)
            seconds = time.monotonic() - begun
            redriven = _redrive(queue)
        finally:
            pool.stop()
        dead = {delivery.message_id for delivery in deliveries if delivery.fate is Fate.DEAD}
        with psycopg.connect(**postgres.owner) as connection:
            found = database.read_found(connection, [message.message_id for message in queue.dead])
        checks = verify(deliveries, dead, found)
    kinds = Counter(delivery.kind for delivery in deliveries)
    return Outcome("workers", kinds, seconds, killed, redriven, len(queue.dead), queue.doubled, checks)


def _kill_meanwhile(
    pool: Pool, postgres: Postgres, count: int, kills: int, chance: random.Random, begun: float
) -> list[Killed]:
    """Kill what is drawn while the queue empties, and return once it is empty."""
    to_come = draw_kills(kills, len(pool.workers), chance)
    killed: list[Killed] = []
    with click.progressbar(length=count, label=f"{count:,} deliveries", file=sys.stderr) as bar:

        def settled() -> int:
            number = count - pool.queue.left()
            bar.update(number - bar.pos)
            return number

        for kill in to_come:
            _wait(lambda share=kill.share: settled() >= share * count)  # type: ignore[misc]
            killed.append(carry_out(kill, pool, postgres, begun))
        _wait(lambda: settled() == count)
    return killed


def _redrive(queue: Queue[Delivery]) -> int:
    """Put dead letters back as long as that helps any of them; returns how many were put back."""
    redriven = 0
    while before := len(queue.dead):
        redriven += queue.redrive()
        _wait(lambda: queue.left() == 0)
        if len(queue.dead) == before:
            break
    return redriven


def _wait(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + _PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise StuckError("The queue does not become empty: messages neither succeed nor fail.")
        time.sleep(0.005)
