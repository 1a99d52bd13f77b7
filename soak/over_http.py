"""The passage through HTTP and the queue of a local cloud, while its PostgreSQL and its functions are killed."""

import hashlib
import json
import random
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import psycopg
import requests

from soak import database
from soak.cloud import Cloud, running_cloud
from soak.deliveries import Delivery, Fate
from soak.killing import Killed
from soak.passage import Outcome, StuckError, wait_until
from soak.plan import make_deliveries
from soak.verification import verify

_SENDERS = 4
_ATTEMPTS = 100
_OUTAGE = 2.0
_PATIENCE = 300.0


def run(directory: Path, count: int, kills: int, chance: random.Random) -> Outcome:
    """Let ``count`` deliveries pass through a local cloud of its own in ``directory``."""
    deliveries = make_deliveries(count, chance, over_http=True)
    with running_cloud(directory) as cloud:
        with psycopg.connect(cloud.endpoints.postgres_dsn, autocommit=True) as connection:
            connection.execute(database.REFUSE.encode())
        begun = time.monotonic()
        killed = _send_and_kill(cloud, deliveries, kills, chance, begun)
        wait_until(lambda: cloud.depth() == 0, patience=_PATIENCE)
        seconds = time.monotonic() - begun
        redriven, dead = _redrive(cloud)
        with psycopg.connect(cloud.endpoints.postgres_dsn, autocommit=True) as connection:
            found = database.read_found(connection, sorted(set(map(_name_of_message, dead))))
    wanted = {_name(delivery) for delivery in deliveries if delivery.fate is Fate.DEAD}
    kinds = Counter(delivery.kind for delivery in deliveries)
    checks = verify(deliveries, wanted, found)
    return Outcome("local cloud", kinds, seconds, killed, redriven, len(dead), checks)


def _send_and_kill(
    cloud: Cloud, deliveries: Sequence[Delivery], kills: int, chance: random.Random, begun: float
) -> list[Killed]:
    """Deliver everything, each until it is acknowledged, and kill PostgreSQL and the function in turns meanwhile."""
    to_come = sorted((chance.randrange(len(deliveries)) for _ in range(kills)), reverse=True)
    killed: list[Killed] = []
    with requests.Session() as http, ThreadPoolExecutor(_SENDERS) as pool:
        http.trust_env = False
        sent = pool.map(lambda delivery: _deliver(cloud, http, delivery), deliveries)
        label = f"{len(deliveries):,} over HTTP"
        with click.progressbar(sent, length=len(deliveries), label=label, file=sys.stderr) as bar:
            for number, _ in enumerate(bar):
                while to_come and number >= to_come[-1]:
                    to_come.pop()
                    killed.append(_kill(cloud, len(killed), begun))
    return killed


def _deliver(cloud: Cloud, http: requests.Session, delivery: Delivery) -> None:
    """Deliver until it is acknowledged, as providers do."""
    for _ in range(_ATTEMPTS):
        if (status := cloud.deliver(http, delivery)) == 202:
            return
        time.sleep(0.2)
    raise StuckError(f"A delivery ({delivery.kind}) is not acknowledged: the last answer was {status}.")


def _kill(cloud: Cloud, number: int, begun: float) -> Killed:
    if number % 2:
        seconds = time.monotonic() - begun
        return Killed(seconds, cloud.kill_processing(), 0)
    wait_until(lambda: _answers(cloud.endpoints.postgres_dsn), patience=30)
    seconds = time.monotonic() - begun
    return Killed(seconds, cloud.kill_postgres(_OUTAGE), _OUTAGE)


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=5).close()
    except psycopg.OperationalError:
        return False
    return True


def _redrive(cloud: Cloud) -> tuple[int, list[str]]:
    """Put dead letters back as long as that helps any of them; how many were put back, and which stay."""
    redriven = 0
    dead = cloud.take_dead()
    while dead:
        for body in dead:
            cloud.enqueue(body)
        redriven += len(dead)
        wait_until(lambda: cloud.depth() == 0, patience=_PATIENCE)
        before, dead = len(dead), cloud.take_dead()
        if len(dead) == before:
            break
    return redriven, dead


def _name(delivery: Delivery) -> str:
    webhook = delivery.webhook
    return " ".join((*webhook.key, webhook.sha256)) if webhook else _digest(delivery.text)


def _name_of_message(body: str) -> str:
    """The same name, from a message in the dead-letter queue."""
    try:
        wire = json.loads(body)
        return f"{wire['source']} {wire['external_id']} {wire['body_sha256']}"
    except (ValueError, TypeError, KeyError, RecursionError):
        return _digest(body)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
