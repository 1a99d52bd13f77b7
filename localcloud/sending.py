"""Sending webhooks to a running local cloud, as many and as fast as asked."""

import itertools
import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace

import requests

from localcloud.samples import SOURCES, Event, make_event, sign
from localcloud.signing import SIGNERS

SENDERS = 4
"""Deliveries that may be under way at once."""


_PATIENCE = 1_000
"""Samples that may be of other types than the one asked for, before it is clear that there is none."""


class NoSampleError(Exception):
    """A source has no samples, or none of the type that was asked for."""


@dataclass(frozen=True)
class Sent:
    """One delivery and what became of it. ``status`` 0 means that nobody answered."""

    event: Event
    status: int
    answer: str
    seconds: float


@dataclass(frozen=True)
class Order:
    """What to send. ``rate`` is in deliveries a second, None as fast as possible."""

    source: str
    count: int
    rate: float | None = None
    same_event: bool = False
    bad_signature: bool = False
    body: bytes | None = None
    event_type: str | None = None


def send(address: str, secret: str, order: Order, chance: random.Random) -> Iterator[Sent]:
    """Deliver events to ``address``, and yield each delivery in the order of sending; or raise ``NoSampleError``."""
    if order.source not in SOURCES or order.source not in SIGNERS:
        raise NoSampleError(
            f"{order.source} has no sample: add one in localcloud/samples.py and a signer in localcloud/signing.py."
        )
    http = requests.Session()
    http.trust_env = False
    http.mount("http://", requests.adapters.HTTPAdapter(pool_maxsize=SENDERS))
    url = f"{address}/webhooks/{order.source}"
    started = time.monotonic()
    with http, ThreadPoolExecutor(SENDERS) as pool:
        under_way: list[Future[Sent]] = []
        for number, event in enumerate(_events(order, chance)):
            if order.rate:
                time.sleep(max(0.0, started + number / order.rate - time.monotonic()))
            under_way.append(pool.submit(_deliver, http, url, event, secret, order))
            while under_way and (under_way[0].done() or len(under_way) >= 4 * SENDERS):
                yield under_way.pop(0).result()
        for future in under_way:
            yield future.result()


def _events(order: Order, chance: random.Random) -> Iterator[Event]:
    samples = _samples(order, chance)
    if order.same_event:
        yield from itertools.repeat(next(samples), order.count)
    else:
        yield from itertools.islice(samples, order.count)


def _samples(order: Order, chance: random.Random) -> Iterator[Event]:
    others: list[str] = []
    for number in itertools.count():
        event = make_event(order.source, chance, number, order.body)
        if order.event_type in (None, event.event_type):
            others = []
            yield event
        elif len(others) < _PATIENCE:
            others.append(event.event_type)
        else:
            known = ", ".join(sorted(set(others)))
            raise NoSampleError(f"There is no sample of {order.event_type}; {order.source} has {known}.")


def _deliver(http: requests.Session, url: str, event: Event, secret: str, order: Order) -> Sent:
    # The signature of another body: well-formed, and wrong.
    signed = replace(event, body=event.body + b" ") if order.bad_signature else event
    headers = sign(order.source, signed, secret, time.time(), url)
    started = time.monotonic()
    try:
        answer = http.post(url + event.query, data=event.body, headers=headers, timeout=30)
    except requests.RequestException as error:
        return Sent(event, 0, str(error), time.monotonic() - started)
    return Sent(event, answer.status_code, answer.text, time.monotonic() - started)
