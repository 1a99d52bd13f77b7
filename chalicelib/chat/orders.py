"""Orders, asked of the function that may reach the database."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.aws.tables import Item
from chalicelib.errors import UnavailableError


class Function(Protocol):
    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the function answers; ``UnavailableError`` when it does not."""


class Misses(Protocol):
    """The misses of customers nobody knows."""

    def begin(self, session_id: str, email: str) -> Sequence[Item] | None:
        """Count a look-up as a miss before it is made; what counts it, None when it may not be made."""

    def take_back(self, keys: Sequence[Item]) -> None:
        """It was no miss."""


_TOO_MANY = (
    "Orders cannot be looked up for this customer at the moment, since too many look-ups have found nothing; say so, "
    "and offer a person."
)


@dataclass(frozen=True)
class OrderFunction:
    """Looks orders up through ``look_up_order``."""

    function: Function
    misses: Misses

    def look_up(self, number: str, *, session_id: str, customer_id: str | None, email: str | None) -> Mapping[str, Any]:
        """One order of a customer's, or of whoever knows its number and e-mail address; ``{"error": …}`` else.

        For a customer without an id and without an address nothing is asked: the error says what is missing. Nor for
        one without an id who has missed too often.
        """
        if customer_id is None and not email:
            return {"error": "Ask for the e-mail address with which the order was placed; then look it up again."}
        try:
            counted = self.misses.begin(session_id, str(email)) if customer_id is None else ()
            if counted is None:
                return {"error": _TOO_MANY}
            return self._ask(number, customer_id, email, counted)
        except UnavailableError as error:
            telemetry.logger.error("order not looked up", detail=str(error))
            return {"error": "Orders cannot be looked up at the moment; say so, and offer a person."}

    def _ask(self, number: str, customer_id: str | None, email: str | None, counted: Sequence[Item]) -> dict[str, Any]:
        is_miss = False
        try:
            found = self.function.ask({"number": number, "customer_id": customer_id, "email": email})
            is_miss = "error" in found
            return found
        finally:
            if counted and not is_miss:
                self.misses.take_back(counted)
