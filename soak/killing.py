"""Killing: which process dies when, drawn from the seed, and what died in the end."""

import random
import time
from collections.abc import Sequence
from dataclasses import dataclass

from localcloud.postgres import Postgres
from soak import database
from soak.workers import Pool

_FIRST, _LAST = 0.02, 0.95
_LONGEST_OUTAGE = 1.2
_POSTGRES, _WORKER, _BOTH = "PostgreSQL", "a worker", "PostgreSQL and all workers"


@dataclass(frozen=True)
class Kill:
    """A SIGKILL to come: when ``share`` of the deliveries are settled, after ``delay`` more seconds.

    What was killed stays down for ``outage`` seconds.
    """

    share: float
    victim: str
    delay: float
    outage: float
    worker: int


@dataclass(frozen=True)
class Killed:
    """What was killed, so many seconds after the beginning of the run."""

    seconds: float
    what: str
    outage: float


def draw_kills(count: int, workers: int, chance: random.Random) -> list[Kill]:
    """``count`` kills in the order of their shares; where there are several, PostgreSQL and a worker are among them."""
    victims = [_POSTGRES, _WORKER, *chance.choices((_POSTGRES, _WORKER, _BOTH), (4, 5, 1), k=max(0, count - 2))][:count]
    chance.shuffle(victims)
    shares = sorted(chance.uniform(_FIRST, _LAST) for _ in range(count))
    return [
        Kill(share, victim, chance.uniform(0, 0.03), chance.uniform(0, _LONGEST_OUTAGE), chance.randrange(workers))
        for share, victim in zip(shares, victims, strict=True)
    ]


def carry_out(kill: Kill, pool: Pool, postgres: Postgres, begun: float) -> Killed:
    """Kill, wait, and start again; ``begun`` is when the run began, of ``time.monotonic``. From the main thread."""
    time.sleep(kill.delay)
    seconds = time.monotonic() - begun
    workers: Sequence[int] = {_POSTGRES: (), _WORKER: (kill.worker,), _BOTH: range(len(pool.workers))}[kill.victim]
    pids = [pool.workers[index].kill() for index in workers]
    if kill.victim != _WORKER:
        assert postgres.process is not None
        pids.append(postgres.process.pid)
        postgres.kill()
    time.sleep(kill.outage)
    if kill.victim != _WORKER:
        database.restart(postgres)
    for index in workers:
        pool.restart(pool.workers[index])
    return Killed(seconds, f"{kill.victim} ({', '.join(map(str, pids))})", kill.outage)
