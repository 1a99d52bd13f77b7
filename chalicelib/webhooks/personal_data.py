"""Personal data on request: what is known of a person, for them to have or to have erased."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.event_search import Position
from chalicelib.webhooks.pages import fitting
from chalicelib.webhooks.people import erase, find_person, wait_for_erasures
from chalicelib.webhooks.shopify import Redaction

if TYPE_CHECKING:
    from psycopg import Connection

MAX_PAGE_BYTES = 1_600_000
"""A page of orders ends before its items are longer than this: as ASCII they are three times as long at the most, and
Lambda's answers take 6 MB."""

_COUNT_EVENTS = "select count(*) from webhook_events where subjects && %(subjects)s::text[]"

_ORDER_SIZES = """
select order_id, octet_length(items::text) + octet_length(tracking::text) as size
  from orders
 where order_id = any(%(order_ids)s) and order_id > %(after)s
 order by order_id
 limit %(limit)s
"""

_ORDERS = """
select order_id, number, customer_id, email, status,
       case when size <= %(room)s then items end as items, total::text as total, currency,
       case when size <= %(room)s then tracking end as tracking, updated_at
  from orders, lateral (select octet_length(items::text) + octet_length(tracking::text) as size) as measured
 where order_id = any(%(order_ids)s)
 order by order_id
"""

_EVENTS = """
select received_at, source, external_id
  from webhook_events
 where subjects && %(subjects)s::text[]
   and (%(at)s::timestamptz is null or (received_at, source, external_id) > (%(at)s, %(at_source)s, %(at_id)s))
 order by received_at, source, external_id
 limit %(limit)s
"""


@dataclass(frozen=True)
class PersonalData:
    """Finds a person by e-mail address, whatever its case. Who is not known has no events and no orders.

    Of a page comes the last thing too, behind which the next page begins; None where no more come after.
    """

    database: Database

    def count(self, email: str) -> tuple[int, int]:
        """How many events and orders are a person's."""

        def work(connection: "Connection[Any]") -> tuple[int, int]:
            person = find_person(connection, Redaction(email, None))
            row = connection.execute(_COUNT_EVENTS, {"subjects": list(person.subjects)}).fetchone()
            assert row is not None
            return int(row[0]), len(person.order_ids)

        return self.database.run(work)

    def orders(self, email: str, limit: int, after: str | None) -> tuple[Sequence[Mapping[str, Any]], str | None]:
        """Orders as rows by column, sorted by id.

        One that would not fit an answer at all has None as its items and parcels: its events have them.
        """

        def work(connection: "Connection[Any]") -> tuple[Sequence[Mapping[str, Any]], str | None]:
            from psycopg.rows import dict_row

            person = find_person(connection, Redaction(email, None))
            parameters = {"order_ids": list(person.order_ids), "after": after or "", "limit": limit + 1}
            sizes = connection.execute(_ORDER_SIZES, parameters).fetchall()
            number = fitting((size for _, size in sizes[:limit]), MAX_PAGE_BYTES)
            chosen = [order_id for order_id, _ in sizes[:number]]
            last = chosen[-1] if number < len(sizes) else None
            cursor = connection.cursor(row_factory=dict_row)
            return cursor.execute(_ORDERS, {"order_ids": chosen, "room": MAX_PAGE_BYTES}).fetchall(), last

        return self.database.run(work)

    def events(self, email: str, limit: int, after: Position | None) -> tuple[Sequence[Position], Position | None]:
        """Where the events lie that hold data of a person, oldest first."""

        def work(connection: "Connection[Any]") -> tuple[Sequence[Position], Position | None]:
            person = find_person(connection, Redaction(email, None))
            parameters = {"subjects": list(person.subjects), "limit": limit + 1} | Position.parameters(after)
            places = [Position(*row) for row in connection.execute(_EVENTS, parameters).fetchall()]
            return places[:limit], places[limit - 1] if len(places) > limit else None

        return self.database.run(work)

    def erase(self, email: str) -> tuple[int, int]:
        """Forget a person; how many events and orders that changed."""

        def work(connection: "Connection[Any]") -> tuple[int, int]:
            with connection.transaction():
                wait_for_erasures(connection, alone=True)
                return erase(connection, Redaction(email, None))

        return self.database.run(work)
