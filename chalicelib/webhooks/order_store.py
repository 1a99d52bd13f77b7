"""The table ``orders``: changes are joined to what it holds, under a lock for each order."""

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from chalicelib.webhooks.orders import OrderChange, Parts, describe, join, join_all, without_customer

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = """
select pg_advisory_xact_lock(%s, hashtext(order_id))
  from (select unnest(%s::text[]) as order_id order by 1) as orders
"""

_LOCK_CLASS = 0x6F726472  # "ordr": any number that no other lock of this database has

_SELECT = "select order_id, parts from orders where order_id = any(%s)"

_UPSERT = """
insert into orders (order_id, number, customer_id, email, status, items, total, currency, tracking, updated_at, source,
                    external_id, parts)
values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
on conflict (order_id) do update
   set number = excluded.number, customer_id = excluded.customer_id, email = excluded.email,
       status = excluded.status, items = excluded.items, total = excluded.total, currency = excluded.currency,
       tracking = excluded.tracking, updated_at = excluded.updated_at, source = excluded.source,
       external_id = excluded.external_id, parts = excluded.parts
"""


def project(connection: "Connection[Any]", changes: Sequence[OrderChange]) -> int:
    """Join changes to the orders, inside a transaction of the caller's; returns how many orders those are.

    Two that change the same order wait for each other here, in the same sequence whatever the sequence of the changes.
    """
    told = join_all(changes)
    if not told:
        return 0
    with connection.pipeline():
        lock_orders(connection, list(told))
        found = connection.execute(_SELECT, [list(told)])
        known: dict[str, Parts] = dict(found.fetchall())
        joined = {name: join(known[name], parts) if name in known else parts for name, parts in told.items()}
        connection.cursor().executemany(_UPSERT, [_row(name, parts) for name, parts in sorted(joined.items())])
    return len(joined)


def lock_orders(connection: "Connection[Any]", order_ids: Sequence[str]) -> None:
    """Let nobody else change these orders before the transaction ends. What is read afterwards is up to date."""
    connection.execute(_LOCK, [_LOCK_CLASS, list(order_ids)])


def forget_customer(connection: "Connection[Any]", order_ids: Sequence[str], email: str | None = None) -> None:
    """Remove from orders who ordered; with an ``email`` only what bears that address, whoever the order is of."""
    for order_id, parts in connection.execute(_SELECT, [list(order_ids)]).fetchall():
        connection.execute(_UPSERT, _row(order_id, without_customer(parts, email)))


def _row(order_id: str, parts: Parts) -> tuple[Any, ...]:
    row = describe(parts)
    return (
        order_id,
        row.number,
        row.customer_id,
        row.email,
        row.status,
        json.dumps(row.items),
        row.total,
        row.currency,
        json.dumps(row.tracking),
        row.updated_at,
        row.source,
        row.external_id,
        json.dumps(parts),
    )
