"""Orders, asked of the function that may reach the database."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.errors import UnavailableError


class Function(Protocol):
    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """What the function answers; ``UnavailableError`` when it does not."""


@dataclass(frozen=True)
class OrderFunction:
    """Looks orders up through ``look_up_order``."""

    function: Function

    def look_up(self, number: str, *, customer_id: str | None, email: str | None) -> Mapping[str, Any]:
        """One order of a customer's, or of whoever knows its number and e-mail address; ``{"error": …}`` else.

        For a customer without an id and without an address nothing is asked: the error says what is missing.
        """
        if customer_id is None and not email:
            return {"error": "Ask for the e-mail address with which the order was placed; then look it up again."}
        try:
            return self.function.ask({"number": number, "customer_id": customer_id, "email": email})
        except UnavailableError as error:
            telemetry.logger.error("order not looked up", detail=str(error))
            return {"error": "Orders cannot be looked up at the moment; say so, and offer a person."}
