"""Replaying: which stored events are read again, a page and a transaction at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from chalicelib.webhooks.database import Database
from chalicelib.webhooks.event_search import MATCHES, EventFilter, Position
from chalicelib.webhooks.event_store import Outcome
from chalicelib.webhooks.pages import fitting
from chalicelib.webhooks.stored_events import MAX_PAGE_BYTES, Key, rebuild_orders, replay

if TYPE_CHECKING:
    from psycopg import Connection

MAX_REBUILD_PAGE = 50
"""Events may be small and the orders large that they are joined to: so few of those fit into memory as well."""

_PLACES = f"""
select received_at, source, external_id, octet_length(body) as size
  from webhook_events
 where erased_at is null and {MATCHES}
   and (%(at)s::timestamptz is null or (received_at, source, external_id) > (%(at)s, %(at_source)s, %(at_id)s))
 order by received_at, source, external_id
 limit %(limit)s
"""  # noqa: S608 - made of constants


@dataclass(frozen=True)
class Replayed:
    """What a page of replayed events became; ``last`` is where it ended, None when nothing is left."""

    stored: int
    parked: int
    last: Position | None


@dataclass(frozen=True)
class Rebuilt:
    """How many events a page read, and how many orders they touched; ``last`` as above."""

    events: int
    orders: int
    last: Key | None


@dataclass(frozen=True)
class Replay:
    """Pages of events, oldest first, for ``stored_events``."""

    database: Database

    def replay(self, which: EventFilter, limit: int, after: Position | None) -> Replayed:
        """Give up to ``limit`` events behind ``after`` the state, reason, payload and effect they would get today."""

        def work(connection: "Connection[Any]") -> Replayed:
            places, last = _page(connection, which, limit, after)
            written = replay(connection, [(place.source, place.external_id) for place in places])
            states = [one.outcome for one in written]
            return Replayed(states.count(Outcome.STORED), states.count(Outcome.PARKED), last)

        return self.database.run(work)

    def rebuild_orders(self, limit: int, after: Key | None) -> Rebuilt:
        """Tell the orders again what up to ``limit`` events behind ``after`` say."""
        return self.database.run(
            lambda connection: Rebuilt(*rebuild_orders(connection, after, min(limit, MAX_REBUILD_PAGE)))
        )


def _page(
    connection: "Connection[Any]", which: EventFilter, limit: int, after: Position | None
) -> tuple[Sequence[Position], Position | None]:
    """The places of the next events, and the last of them, None where no more come after."""
    parameters = which.parameters() | Position.parameters(after) | {"limit": limit + 1}
    rows = connection.execute(_PLACES.encode(), parameters).fetchall()
    number = fitting((size for *_, size in rows[:limit]), MAX_PAGE_BYTES)
    places = [Position(*place) for *place, _ in rows[:number]]
    return places, places[-1] if len(places) < len(rows) else None
