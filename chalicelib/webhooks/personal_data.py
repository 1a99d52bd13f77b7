"""Personal data on request: what is known of a person, for them to have or to have erased."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.people import erase, find_events, find_person, wait_for_erasures
from chalicelib.webhooks.shopify import Redaction

if TYPE_CHECKING:
    from psycopg import Connection

_ORDERS = """
select order_id, number, customer_id, email, status, items, total::text as total, currency, tracking, updated_at
  from orders
 where order_id = any(%s)
 order by updated_at
"""


@dataclass(frozen=True)
class Export:
    """What is known: orders as rows by column, and the source and id of each event."""

    orders: Sequence[Mapping[str, Any]]
    events: Sequence[tuple[str, str]]


@dataclass(frozen=True)
class PersonalData:
    """Finds a person by e-mail address, whatever its case."""

    database: Database

    def export(self, email: str) -> Export:
        """All that is known of a person; empty when nothing is."""

        def work(connection: "Connection[Any]") -> Export:
            from psycopg.rows import dict_row

            person = find_person(connection, Redaction(email, None))
            orders = connection.cursor(row_factory=dict_row).execute(_ORDERS, [list(person.order_ids)]).fetchall()
            return Export(orders, find_events(connection, person))

        return self.database.run(work)

    def erase(self, email: str) -> tuple[int, int]:
        """Forget a person; how many events and orders that changed."""

        def work(connection: "Connection[Any]") -> tuple[int, int]:
            with connection.transaction():
                wait_for_erasures(connection, alone=True)
                return erase(connection, Redaction(email, None))

        return self.database.run(work)
