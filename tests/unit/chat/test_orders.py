"""Orders: asked for with what is proven, and honest when nobody answers."""

from typing import Any

from chalicelib.chat.orders import OrderFunction
from chalicelib.errors import UnavailableError


class FakeFunction:
    def __init__(self, *, broken: bool = False) -> None:
        self.broken, self.asked = broken, list[Any]()

    def ask(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.broken:
            raise UnavailableError("The function does not answer.")
        return {"number": 1001}


def test_the_function_is_asked() -> None:
    function = FakeFunction()
    assert OrderFunction(function).look_up("1001", customer_id="7001", email=None) == {"number": 1001}
    assert function.asked == [{"number": "1001", "customer_id": "7001", "email": None}]


def test_without_id_and_address_it_is_not() -> None:
    function = FakeFunction()
    for email in (None, ""):
        assert "e-mail" in OrderFunction(function).look_up("1001", customer_id=None, email=email)["error"]
    assert function.asked == []


def test_a_failure_is_told_to_the_model() -> None:
    assert (
        "at the moment" in OrderFunction(FakeFunction(broken=True)).look_up("1", customer_id="7", email=None)["error"]
    )
