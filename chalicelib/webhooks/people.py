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
from urllib.parse import unquote_plus

from chalicelib.webhooks.order_store import forget_customer
from chalicelib.webhooks.payloads import texts
from chalicelib.webhooks.shopify import Redaction

if TYPE_CHECKING:
    from psycopg import Connection

_DOMAIN = re.compile(r"@((?:[\w-]+\.)+[\w-]+)")
_LOCAL_PART = re.compile(r"[\w.!$%'*+^`{|}~-]+\Z")
"""Of the signs that RFC 5322 allows here, those are left out that part an address from the rest of a URL."""

_QUOTES = "'*`_{|}~^!$%-."
_LONGEST_LOCAL_PART = 64
_LONGEST_ADDRESS = 254  # RFC 5321, with its erratum 1690

_MAX_ADDRESSES = 10_000
"""So many are kept of one event; a body of 4 MB has room for more than anybody would look up."""

_MAX_MATCHES = 50_000
"""And so many are looked at, whether the same or not: half a second at the most."""

_LOCK = 0x65726173  # "eras": any number that no other lock of this database has

_ORDERS = """
select order_id from orders
 where lower(email) = %(email)s::text or customer_id = %(customer_id)s or order_id = any(%(order_ids)s)
"""

_MENTIONED_ORDERS = """
select distinct substr(subject, 7)
  from webhook_events cross join unnest(subjects) as subject
 where subjects @> array[%s] and subject like 'order:%%'
"""

_ERASE = """
update webhook_events
   set body = '', payload = null, headers = '{}', subjects = null, erased_at = now()
 where subjects && %(subjects)s::text[]
"""

_REMEMBER = """
insert into erasures (subject_sha256, erased_at)
select encode(sha256(convert_to(subject, 'UTF8')), 'hex'), now() from unnest(%(subjects)s::text[]) as subject
on conflict (subject_sha256) do update set erased_at = excluded.erased_at
"""

_ERASE_LATE = """
update webhook_events as event
   set body = '', payload = null, headers = '{}', subjects = null, erased_at = now()
 where (source, external_id) in (select * from unnest(%s::text[], %s::text[]))
   and exists (select 1
                 from erasures join unnest(event.subjects) as subject
                   on subject_sha256 = encode(sha256(convert_to(subject, 'UTF8')), 'hex')
                where erasures.erased_at >= event.received_at)
returning source, external_id
"""


@dataclass(frozen=True)
class Person:
    """What is known of somebody: the orders that are theirs, and the subjects by which their events are found."""

    order_ids: Sequence[str]
    subjects: Sequence[str]


def find_person(connection: "Connection[Any]", redaction: Redaction) -> Person:
    """Who is meant by an address, a customer's id or some orders. A customer's id may be shared: it is not followed."""
    # An empty address is nobody's: without one, all orders that have none would count as theirs.
    email = redaction.email.lower() if redaction.email else None
    parameters = {"email": email, "customer_id": redaction.customer_id, "order_ids": list(redaction.order_ids)}
    known = [order_id for (order_id,) in connection.execute(_ORDERS, parameters).fetchall()]
    subjects = [f"order:{order}" for order in {*known, *redaction.order_ids}]
    subjects += [f"customer:{redaction.customer_id}"] if redaction.customer_id else []
    return Person(sorted(known), sorted([*subjects, *([email] if email else [])]))


def wait_for_erasures(connection: "Connection[Any]", *, alone: bool) -> None:
    """Begin a transaction in which events with subjects are written; or, ``alone``, one that erases persons.

    Those who write may do so side by side. Who erases waits for all of them and keeps them waiting, so that nothing
    is stored behind its back.
    """
    shared = "" if alone else "_shared"
    connection.execute(f"select pg_advisory_xact_lock{shared}(%s)".encode(), [_LOCK])


def erase(connection: "Connection[Any]", redaction: Redaction) -> tuple[int, int]:
    """Forget a person, inside a transaction that waited for it alone: how many events and orders that changed.

    An event keeps its key, its times and the hash of its body, so that a redelivery does not bring the data back; an
    order keeps what was sold and loses who bought it. What was received before and comes later is emptied, too.
    """
    person = find_person(connection, redaction)
    parameters = {"subjects": list(person.subjects)}
    forget_customer(connection, person.order_ids)
    if redaction.email:
        email = redaction.email.lower()
        mentioned = [order_id for (order_id,) in connection.execute(_MENTIONED_ORDERS, [email]).fetchall()]
        forget_customer(connection, mentioned, email)
    erased = connection.execute(_ERASE, parameters).rowcount
    connection.execute(_REMEMBER, parameters)
    return erased, len(person.order_ids)


def erase_late(connection: "Connection[Any]", keys: Sequence[tuple[str, str]]) -> set[tuple[str, str]]:
    """Empty those of these events that were received before their person was erased; returns which those were."""
    found = connection.execute(_ERASE_LATE, [[source for source, _ in keys], [name for _, name in keys]])
    return set(found.fetchall())


def find_subjects(payload: str | None, body: bytes) -> list[str]:
    """The e-mail addresses in an event: in its payload as it is meant, else in its raw bytes."""
    return find_addresses(_raw(body) if payload is None else _unescaped(payload))


def _raw(body: bytes) -> str:
    """A body that nobody could read, with what forms and JSON make of an ``@`` put right."""
    text = body.decode("utf-8", "replace") if b"@" in body or b"%40" in body or b"\\u0040" in body else ""
    text = text.replace("\\u0040", "@")
    return f"{text}\n{unquote_plus(text)}" if "%40" in text else text


def _unescaped(payload: str) -> str:
    """The texts of a payload as they are meant: what is left of an escape would count as part of the address."""
    if "\\" in payload and ("@" in payload or "\\u0040" in payload):
        return "\n".join(texts(json.loads(payload)))
    return payload


def find_addresses(text: str) -> list[str]:
    """The e-mail addresses in a text, in lower case, each once; with and without the signs around it.

    The time taken grows with the text and no faster: from each ``@`` only so far is read as an address may reach.
    """
    found: set[str] = set()
    for match in islice(_DOMAIN.finditer(text), _MAX_MATCHES):
        found.update(_spellings(text, match))
        if len(found) >= _MAX_ADDRESSES:
            break
    return sorted(found)


def _spellings(text: str, match: re.Match[str]) -> Iterator[str]:
    found = _LOCAL_PART.search(text[max(0, match.start() - _LONGEST_LOCAL_PART) : match.start()])
    domain = match[1].rstrip("_-")
    # A dot before the "@" is against the standard, and still part of what some carriers of mobile phones give out.
    for name in {found[0].lstrip("."), found[0].lstrip(_QUOTES)} if found else ():
        if name and len(name) + len(domain) < _LONGEST_ADDRESS:
            yield f"{name}@{domain}".lower()
