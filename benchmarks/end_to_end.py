"""End to end: how old events are when they are stored, on a whole local cloud.

The age of an event is the time from its receipt in the HTTP function, which is before its sender hears 202, to the
transaction that stores it; both clocks are this machine's.
"""

import random
import sys
import time
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import click
import psycopg

from benchmarks.batches import make_batches
from benchmarks.report import NotMeasuredError, Row, Section, Target, percentile
from localcloud.sending import Order, send
from soak.cloud import Cloud, running_cloud

_PATIENCE = 120.0
_RATE = 20.0
_NOISY, _QUIET = "github", "hmac-sha256"
_QUIET_EVENTS = 5

_P95 = Target("value", "at most", 1.0)
_AFTER_QUIET = Target("value", "at most", 5.0)

_AGES = """
select extract(epoch from stored_at - received_at)::float8 from webhook_events where external_id = any(%s) order by 1
"""


def measure(directory: Path, *, quick: bool) -> Section:
    """Ages in seconds: at a steady rate, in a burst after quiet, and of a quiet source beside a noisy one."""
    seconds, quiet, burst, noise = (1, 1, 20, 50) if quick else (30, 10, 300, 1_000)
    chance = random.Random(20)
    with click.progressbar(length=4, label="end to end", file=sys.stderr) as bar, running_cloud(directory) as cloud:
        _ages(cloud, _send(cloud, _NOISY, Order(_NOISY, 4), chance))  # the functions start with these
        bar.update(1)
        steady = _ages(cloud, _send(cloud, _NOISY, Order(_NOISY, round(seconds * _RATE), _RATE), chance))
        bar.update(1)
        time.sleep(quiet)
        sudden = _ages(cloud, _send(cloud, _NOISY, Order(_NOISY, burst), chance))
        bar.update(1)
        noisy, beside = _beside_noise(cloud, noise, chance)
        bar.update(1)
    rows = (
        Row("steady p50", "s", percentile(steady, 0.5)),
        Row("steady p95", "s", percentile(steady, 0.95), target=_P95),
        Row("steady max", "s", steady[-1]),
        Row("burst p50", "s", percentile(sudden, 0.5)),
        Row("burst max", "s", sudden[-1], target=_AFTER_QUIET),
        Row("beside a noisy source: quiet source max", "s", beside[-1]),
        Row("beside a noisy source: noisy source max", "s", noisy[-1]),
    )
    notes = (
        "Age from receipt to storing on a local cloud: real PostgreSQL, emulated API Gateway, SQS and Lambda.",
        f"Steady: {_RATE:.0f} events a second for {seconds} s. Burst: {quiet} s quiet, then {burst} events, 4 senders.",
        f"Noise: {noise:,} events of one source queued at once, then {_QUIET_EVENTS} of another over HTTP.",
        "Fair sharing of the queue by message group is AWS's part; the emulator need not have it.",
        "The plain design is not deployed beside it: its times would be those of the same emulator.",
    )
    return Section("end to end", rows, notes)


def _send(cloud: Cloud, source: str, order: Order, chance: random.Random) -> list[str]:
    """Send events over HTTP; their ids."""
    sent = list(send(cloud.endpoints.http, cloud.secrets[source][0], order, chance))
    if refused := [delivery for delivery in sent if delivery.status != 202]:
        raise NotMeasuredError(f"{len(refused)} deliveries were not accepted, the first with {refused[0].answer!r}")
    return [delivery.event.event_id for delivery in sent]


def _beside_noise(cloud: Cloud, noise: int, chance: random.Random) -> tuple[list[float], list[float]]:
    """Ages of a noisy source's events that are queued at once, and of a quiet source's that are sent after them."""
    envelopes = [envelope for batch in make_batches(noise // 10, chance, one_refused=False) for envelope in batch]
    url = cloud.queue_url("webhook-events")
    for start in range(0, len(envelopes), 10):
        entries = [
            {"Id": str(number), "MessageBody": envelope.to_message(), "MessageGroupId": envelope.source}
            for number, envelope in enumerate(envelopes[start : start + 10])
        ]
        cloud.sqs.send_message_batch(QueueUrl=url, Entries=entries)
    quiet = _send(cloud, _QUIET, Order(_QUIET, _QUIET_EVENTS), chance)
    return _ages(cloud, [envelope.external_id for envelope in envelopes]), _ages(cloud, quiet)


def _ages(cloud: Cloud, external_ids: Iterable[str]) -> list[float]:
    """Ages of events in seconds, sorted, once all of them are stored."""
    wanted = list(external_ids)
    deadline = time.monotonic() + _PATIENCE
    with closing(psycopg.connect(cloud.endpoints.postgres_dsn, autocommit=True)) as connection:
        while len(ages := [age for (age,) in connection.execute(_AGES, [wanted]).fetchall()]) < len(wanted):
            if time.monotonic() > deadline:
                raise NotMeasuredError(f"only {len(ages)} of {len(wanted)} events were stored in {_PATIENCE:.0f} s")
            time.sleep(0.1)
    return ages
