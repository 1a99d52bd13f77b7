"""Processing: events a second from the queue's batches of ten into a real PostgreSQL.

Frontdesk goes through Chalice and all of its own code: envelope, checks, one transaction a batch, log lines and
metrics. The plain design has psycopg's ordinary transactions and commits each row: three round trips. Beside it stands
the same with autocommit, one round trip a row, which is the quickest way to commit each.
"""

import json
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import Any, Literal, TypeAlias

import click
import psycopg
from psycopg import sql

import app
from benchmarks.batches import (
    BATCH,
    REFUSED,
    frontdesk_event,
    make_batches,
    make_order_batches,
    payload_event,
)
from benchmarks.plain import design
from benchmarks.report import NotMeasuredError, Row, Section, Target
from benchmarks.stand_ins import LambdaContext, NoBucket, SecretsManagerClient, discarded_output, wired
from chalicelib.aws.secrets import SecretCache, read_secret
from chalicelib.webhooks import event_store
from chalicelib.webhooks.credentials import SecretCredentials
from chalicelib.webhooks.database import Database
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.processing import Processor, read_event
from chalicelib.webhooks.schema import migrate, read_migrations
from localcloud.postgres import NAME, Postgres, new_password

Connection: TypeAlias = "psycopg.Connection[Any]"

_CONTEXT = LambdaContext("frontdesk-dev-process_webhooks")

_REFUSE = f"""
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
create trigger refuse before insert on webhook_events for each row when (new.external_id like '{REFUSED}%')
    execute function refuse();
create trigger refuse before insert on plain_rows for each row when (new.external_id like '{REFUSED}%')
    execute function refuse();
create trigger refuse before insert on plain_events for each row when (new.external_id like '{REFUSED}%')
    execute function refuse()
"""

_TARGET = Target("ratio", "at least", 4)
_COST_OF_ISOLATION = Target("value", "at most", 3)


def _rate_target(bare_insert: float) -> Target:
    """8,000 events a second, or 70 % of what the bare insert reaches on a machine too slow for that."""
    return Target("value", "at least", round(min(8_000, 0.7 * bare_insert)))


@dataclass(frozen=True)
class _Contender:
    """A way to store batches. ``run`` takes what ``prepare`` made of one and says how many messages come back."""

    table: str
    prepare: Callable[[Sequence[Envelope]], Any]
    run: Callable[[Any], int]
    batches: Literal["clean", "one refused", "orders"] = "clean"


def measure(directory: Path, *, quick: bool) -> Section:
    """Events a second of both designs, as a median of rounds in turns, on a server of its own in ``directory``."""
    rounds, batches = (1, 20) if quick else (11, 100)
    with _postgres(directory) as server, ExitStack() as stack:

        def connect(dsn: str = server.dsn, **options: Any) -> Connection:
            return stack.enter_context(closing(psycopg.connect(dsn, **options)))

        connection = connect(autocommit=True)
        migrate(connection, list(read_migrations()))
        connection.execute(design.SCHEMA)
        connection.execute(_REFUSE)
        database = Database(_credentials(server), partial(connect, ""))
        stack.enter_context(wired(processor=Processor(event_store.EventStore(database), NoBucket(), time.time)))
        rates = _take_turns(connection, _contenders(connect), rounds, batches)
    bare = rates["insert alone"]
    cost, plain_cost = (rates[name] / rates[f"{name}, refused"] for name in ("frontdesk", "plain"))
    rows = (
        Row("whole function", "events/s", rates["frontdesk"], rates["plain"], _TARGET),
        Row("whole function (plain: payload alone)", "events/s", rates["frontdesk"], rates["plain, payload"]),
        Row("whole function (plain: autocommit)", "events/s", rates["frontdesk"], rates["plain, autocommit"]),
        Row("whole function (plain: insert alone)", "events/s", rates["frontdesk"], bare, _rate_target(bare)),
        Row("events of orders", "events/s", rates["frontdesk, orders"], rates["plain, orders"]),
        Row("isolation: one in ten refused", "events/s", rates["frontdesk, refused"], rates["plain, refused"]),
        Row("isolation: cost of one in ten", "times", cost, plain_cost, _COST_OF_ISOLATION),
    )
    notes = (
        f"Median of {rounds} rounds in turns: batches of ten, bodies of 1.76 KB, PostgreSQL beside it with fsync.",
        "Both store raw bytes, hash, headers and jsonb; the plain design with one commit a row.",
        "Insert alone: the very same rows in a pipeline, ten in a transaction; nothing is read, checked or logged.",
        "Its target is 8,000 events/s, or 70 % of the insert alone where that is less.",
        "Events of orders: Shopify's, about 1 KB; Frontdesk brings the table of orders up to date with each batch.",
        "Cost of isolation: the clean rate divided by that of batches in which PostgreSQL refuses one message.",
    )
    return Section("processing", rows, notes)


@contextmanager
def _postgres(directory: Path) -> Iterator[Postgres]:
    temporary = directory / "tmp"
    temporary.mkdir(parents=True)
    server = Postgres(directory / "postgres", temporary, directory / "postgres.log", new_password())
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _credentials(server: Postgres) -> SecretCredentials:
    secret = {"host": "127.0.0.1", "port": server.port, "dbname": NAME, "username": NAME, "password": server.password}
    client = SecretsManagerClient({"database": json.dumps(secret)})
    return SecretCredentials(SecretCache(partial(read_secret, client), time.monotonic), "database")


def _contenders(connect: Callable[..., Connection]) -> Mapping[str, _Contender]:
    plain_connection = connect()
    autocommit_connection = connect(autocommit=True)
    bare_connection = connect(autocommit=True, prepare_threshold=None)

    def frontdesk(event: dict[str, Any]) -> int:
        return len(app.process_webhooks(event, _CONTEXT)["batchItemFailures"])

    def plain(event: dict[str, Any]) -> int:
        return len(design.process(event, _CONTEXT, plain_connection)["batchItemFailures"])

    def plain_payloads(event: dict[str, Any]) -> int:
        return len(design.process_payloads(event, _CONTEXT, plain_connection)["batchItemFailures"])

    def plain_autocommit(event: dict[str, Any]) -> int:
        return len(design.process(event, _CONTEXT, autocommit_connection)["batchItemFailures"])

    def insert_alone(rows: Sequence[Any]) -> int:
        with bare_connection.pipeline(), bare_connection.transaction(), psycopg.RawCursor(bare_connection) as cursor:
            cursor.executemany(event_store._statement(1), rows)
        return 0

    return {
        "frontdesk": _Contender("webhook_events", frontdesk_event, frontdesk),
        "plain": _Contender("plain_rows", frontdesk_event, plain),
        "plain, payload": _Contender("plain_events", payload_event, plain_payloads),
        "plain, autocommit": _Contender("plain_rows", frontdesk_event, plain_autocommit),
        "insert alone": _Contender("webhook_events", _prepared_rows, insert_alone),
        "frontdesk, orders": _Contender("webhook_events", frontdesk_event, frontdesk, "orders"),
        "plain, orders": _Contender("plain_rows", frontdesk_event, plain, "orders"),
        "frontdesk, refused": _Contender("webhook_events", frontdesk_event, frontdesk, "one refused"),
        "plain, refused": _Contender("plain_rows", frontdesk_event, plain, "one refused"),
    }


def _prepared_rows(batch: Sequence[Envelope]) -> list[Any]:
    return [event_store._row(read_event(envelope)) for envelope in batch]


def _take_turns(
    connection: Connection, contenders: Mapping[str, _Contender], rounds: int, batches: int
) -> dict[str, float]:
    """Events a second of each contender, median of the rounds; every other round goes in reverse order."""
    chance = random.Random(1760)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    with click.progressbar(range(-1, rounds), label="processing", file=sys.stderr) as turns:
        for turn in turns:
            names = sorted(contenders, reverse=turn % 2 == 0)
            for name in names:
                rate = _rate(connection, contenders[name], batches, chance)
                if turn >= 0:  # the round before warms up
                    rates[name].append(rate)
    return {name: median(measured) for name, measured in rates.items()}


def _rate(connection: Connection, contender: _Contender, batches: int, chance: random.Random) -> float:
    """Events a second into an empty table; ``NotMeasuredError`` when not all of them are where they belong."""
    table, switch = (
        sql.Identifier(contender.table),
        sql.SQL("enable" if contender.batches == "one refused" else "disable"),
    )
    connection.execute(sql.SQL("truncate {}, orders").format(table))
    connection.execute(sql.SQL("alter table {} {} trigger refuse").format(table, switch))
    prepared = [contender.prepare(batch) for batch in _make(contender, batches, chance)]
    with discarded_output():
        started = time.perf_counter()
        returned = sum(map(contender.run, prepared))
        seconds = time.perf_counter() - started
    (stored,) = connection.execute(sql.SQL("select count(*) from {}").format(table)).fetchone() or (0,)
    refused = batches if contender.batches == "one refused" else 0
    if (returned, stored) != (refused, batches * BATCH - refused):
        raise NotMeasuredError(f"{contender.table} holds {stored} events, and {returned} messages came back")
    return batches * BATCH / seconds


def _make(contender: _Contender, batches: int, chance: random.Random) -> Iterator[list[Envelope]]:
    if contender.batches == "orders":
        return make_order_batches(batches, chance)
    return make_batches(batches, chance, one_refused=contender.batches == "one refused")
