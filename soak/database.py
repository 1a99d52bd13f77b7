"""PostgreSQL for a run: a server of its own that can be killed, its schema, and what it holds in the end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
from psycopg.rows import dict_row

from chalicelib.webhooks import stored_events
from chalicelib.webhooks.schema import migrate, read_migrations
from localcloud.postgres import NAME, Postgres, new_password
from localcloud.processes import free_port
from soak.deliveries import REFUSED, Key
from soak.verification import Found, Stored

_PAGE = 1_000

REFUSE = f"""
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'refused'; end $$;
create trigger refuse before insert on webhook_events for each row when (new.external_id like '{REFUSED}%')
    execute function refuse()
"""


@contextmanager
def server(directory: Path) -> Iterator[Postgres]:
    """A server with the application's schema, and a trigger that refuses events."""
    temporary = directory / "tmp"
    temporary.mkdir(parents=True)
    postgres = Postgres(directory / "postgres", temporary, directory / "postgres.log", new_password())
    try:
        postgres.start()
        with psycopg.connect(**postgres.owner, autocommit=True) as connection:
            migrate(connection, list(read_migrations()))
            connection.execute(REFUSE.encode())
        yield postgres
    finally:
        postgres.stop()


def secret(postgres: Postgres) -> dict[str, Any]:
    """The credentials as Secrets Manager would hold them."""
    return {
        "host": "127.0.0.1",
        "port": postgres.port,
        "dbname": NAME,
        "username": NAME,
        "password": postgres.password,
    }


def restart(postgres: Postgres) -> None:
    """Start a killed server again, at the port it had: a client's connection may hold that for a moment."""
    deadline = time.monotonic() + 10
    while free_port(postgres.port) != postgres.port and time.monotonic() < deadline:
        time.sleep(0.01)
    postgres.launch()
    postgres.wait()


def read_found(connection: "psycopg.Connection[Any]", dead: list[str]) -> Found:
    """What the database holds, before and after its orders are rebuilt; ``dead`` names the dead-lettered messages."""
    rows = connection.execute(
        "select source, external_id, state, reason, body_sha256, encode(sha256(body), 'hex') from webhook_events"
    ).fetchall()
    conflicts = connection.execute("select source, external_id, body_sha256 from webhook_conflicts").fetchall()
    orders = dict(read_orders(connection))
    return Found([Stored(*row) for row in rows], conflicts, orders, rebuild_orders(connection), dead)


def rebuild_orders(connection: "psycopg.Connection[Any]") -> dict[str, dict[str, Any]]:
    """Project all stored events into an empty table, as after a loss of it; returns what it holds then."""
    connection.execute("truncate orders")
    after: Key | None = None
    while True:
        _, _, after = stored_events.rebuild_orders(connection, after, _PAGE)
        if after is None:
            break
    return dict(read_orders(connection))


def read_orders(connection: "psycopg.Connection[Any]") -> Iterator[tuple[str, dict[str, Any]]]:
    """Ids and columns of the orders, ``parts`` left out."""
    for row in connection.cursor(row_factory=dict_row).execute("select * from orders").fetchall():
        del row["parts"]
        yield row.pop("order_id"), row
