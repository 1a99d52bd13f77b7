"""Looking an order up for its customer, and for nobody else."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from psycopg import Connection

_NUMBER = re.compile(r"\D{0,10}(\d{1,18})", re.ASCII)

_NO_TEXT = re.compile("[\0\ud800-\udfff]")

_MAX_WORD = 320
"""The longest e-mail address, RFC 3696."""

_SELECT = """
select number, status, items, total, currency, tracking, updated_at
  from orders
 where number = %(number)s
   and (customer_id = %(customer_id)s or (%(customer_id)s::text is null and lower(email) = lower(%(email)s)))
 order by updated_at desc
 limit 1
"""

NOT_FOUND = {"error": "No such order is known for this customer."}


def look_up_order(connection: "Connection[Any]", request: object) -> dict[str, Any]:
    """One order as plain JSON, for ``{"number", "customer_id", "email"}``.

    A customer who is known by their id sees only their own orders; without an id it takes the number and the e-mail
    address together. Anything else is answered as if there were no such order.
    """
    if not isinstance(request, Mapping):
        return {"error": "The request must be a JSON object."}
    number = _NUMBER.fullmatch(str(request.get("number") or "").strip())
    customer_id, email = _word(request.get("customer_id")), _word(request.get("email"))
    if number is None or not (customer_id or (email and request.get("customer_id") is None)):
        return dict(NOT_FOUND)
    parameters = {"number": int(number[1]), "customer_id": customer_id, "email": email}
    row = connection.execute(_SELECT, parameters).fetchone()
    if row is None:
        return dict(NOT_FOUND)
    number_, status, items, total, currency, tracking, updated_at = row
    return {
        "number": number_,
        "status": status,
        "items": [{name: item[name] for name in ("title", "variant", "quantity")} for item in items],
        "total": None if total is None else f"{total} {currency or ''}".strip(),
        "tracking": tracking,
        "updated_at": updated_at.isoformat(),
    }


def _word(value: Any) -> str | None:
    """A text that may be looked for, None for anything else.

    PostgreSQL has no room for a zero byte, nor UTF-8 for half of a surrogate pair.
    """
    is_word = isinstance(value, str) and 0 < len(value) <= _MAX_WORD and not _NO_TEXT.search(value)
    return value if is_word else None
