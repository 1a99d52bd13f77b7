"""Personal data: whose it is, where it lies, and how it is given out or forgotten.

A person is known by an e-mail address. Every event keeps a list of its subjects, which are the addresses in its body
and, where it is about an order, ``order:<id>`` and ``customer:<id>``; so the events of a person are found through an
index, whatever their source.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

from chalicelib.webhooks.order_store import forget_customer, lock_orders
from chalicelib.webhooks.orders import OrderChange
from chalicelib.webhooks.payloads import texts
from chalicelib.webhooks.shopify import Effect, Redaction

if TYPE_CHECKING:
    from psycopg import Connection

_DOMAIN = re.compile(r"@((?:[\w-]+\.)+[\w-]+)")
_LOCAL_PART = re.compile(r"[\w.!#$&'*+/=?^`{|}~-]+\Z")
_LONGEST_LOCAL_PART = 64
_LONGEST_ADDRESS = 254  # RFC 5321, with its erratum 1690

_MAX_ADDRESSES = 10_000
"""So many are kept of one event; a body of 4 MB has room for more than anybody would look up."""

_ORDERS = """
select order_id, customer_id from orders
 where lower(email) = %(email)s::text or customer_id = %(customer_id)s or order_id = any(%(order_ids)s)
"""

_ERASE_EVENTS = """
update webhook_events
   set body = '', payload = null, headers = '{}', subjects = null, erased_at = now()
 where subjects && %(subjects)s::text[]
"""

_EXPORT_EVENTS = """
select source, external_id from webhook_events where subjects && %(subjects)s::text[] order by received_at
"""


@dataclass(frozen=True)
class Person:
    """What is known of somebody: the orders that are theirs, and the subjects by which their events are found."""

    order_ids: Sequence[str]
    subjects: Sequence[str]


def find_person(connection: "Connection[Any]", redaction: Redaction) -> Person:
    """Who is meant by an address, a customer's id or some orders."""
    # An empty address is nobody's: without one, all orders that have none would count as theirs.
    email = redaction.email.lower() if redaction.email else None
    parameters = {"email": email, "customer_id": redaction.customer_id, "order_ids": list(redaction.order_ids)}
    rows = connection.execute(_ORDERS, parameters).fetchall()
    customers = {redaction.customer_id, *(customer for _, customer in rows)} - {None}
    orders = {*redaction.order_ids, *(order for order, _ in rows)}
    subjects = [f"order:{order}" for order in orders] + [f"customer:{customer}" for customer in customers]
    return Person(sorted(order for order, _ in rows), sorted([*subjects, *([email] if email else [])]))


def find_events(connection: "Connection[Any]", person: Person) -> list[tuple[str, str]]:
    """Source and id of every event that holds data of a person, oldest first."""
    return connection.execute(_EXPORT_EVENTS, {"subjects": list(person.subjects)}).fetchall()


def erase(connection: "Connection[Any]", redaction: Redaction) -> tuple[int, int]:
    """Forget a person, inside a transaction of the caller's: how many events and orders that changed.

    An event keeps its key, its times and the hash of its body, so that a redelivery does not bring the data back; an
    order keeps what was sold and loses who bought it.
    """
    person = find_person(connection, redaction)
    lock_orders(connection, person.order_ids)
    forget_customer(connection, person.order_ids)
    erased = connection.execute(_ERASE_EVENTS, {"subjects": list(person.subjects)}).rowcount
    return erased, len(person.order_ids)


def subjects_of(payload: str | None, body: bytes, effect: Effect | None) -> list[str]:
    """Whom an event is about: the addresses in its payload or else in its raw bytes, its order and its customer."""
    text = _unescaped(payload) if payload is not None else body.decode("utf-8", "replace") if b"@" in body else ""
    return [*find_addresses(text), *_order_subjects(effect)] if "@" in text or effect else []


def _unescaped(payload: str) -> str:
    """The texts of a payload as they are meant: what is left of an escape would count as part of the address."""
    if "\\" in payload and ("@" in payload or "\\u0040" in payload):
        return "\n".join(texts(json.loads(payload)))
    return payload


def _order_subjects(effect: Effect | None) -> Iterator[str]:
    if isinstance(effect, OrderChange):
        yield f"order:{effect.order_id}"
        if customer_id := (effect.parts["order"] or {}).get("customer_id"):
            yield f"customer:{customer_id}"
    elif effect and effect.customer_id:
        yield f"customer:{effect.customer_id}"


def find_addresses(text: str) -> list[str]:
    """The e-mail addresses in a text, in lower case, each once.

    The time taken grows with the text and no faster: from each ``@`` only so far is read as an address may reach.
    """
    return sorted(set(islice(_addresses(text), _MAX_ADDRESSES)))


def _addresses(text: str) -> Iterator[str]:
    for match in _DOMAIN.finditer(text):
        local_part = _LOCAL_PART.search(text[max(0, match.start() - _LONGEST_LOCAL_PART) : match.start()])
        # A dot before the "@" is against the standard, and still part of what some carriers of mobile phones give out.
        name = local_part[0].lstrip(".") if local_part else ""
        if name and len(name) + len(match[0]) <= _LONGEST_ADDRESS:
            yield f"{name}@{match[1]}".lower()
