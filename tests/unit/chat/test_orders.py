"""Orders: asked for with what is proven, and honest when nobody answers."""

from typing import Any

import pytest

from chalicelib.aws.tables import RefusedError
from chalicelib.chat.misses import ADDRESS_MISSES, SESSION_MISSES, Misses
from chalicelib.chat.orders import OrderFunction
from chalicelib.errors import UnavailableError
from tests.tables import TABLE
from tests.unit.chat.world import World


class FakeFunction:
    def __init__(self, *, broken: bool = False) -> None:
        self.broken, self.asked = broken, list[Any]()
        self.answer: dict[str, Any] = {"number": 1001}

    def ask(self, request: Any) -> dict[str, Any]:
        self.asked.append(request)
        if self.broken:
            raise UnavailableError("The function does not answer.")
        return self.answer


@pytest.fixture
def function() -> FakeFunction:
    return FakeFunction()


@pytest.fixture
def orders(world: World, function: FakeFunction) -> OrderFunction:
    return OrderFunction(function, Misses(world.table, world.clock))


def ask(orders: OrderFunction, email: str | None = "a@example.com", session_id: str = "s1") -> dict[str, Any]:
    return dict(orders.look_up("1001", session_id=session_id, customer_id=None, email=email))


def test_the_function_is_asked(orders: OrderFunction, function: FakeFunction) -> None:
    assert orders.look_up("1001", session_id="s1", customer_id="7001", email=None) == {"number": 1001}
    assert function.asked == [{"number": "1001", "customer_id": "7001", "email": None}]


def test_without_id_and_address_it_is_not(orders: OrderFunction, function: FakeFunction) -> None:
    for email in (None, ""):
        assert "e-mail" in ask(orders, email)["error"]
    assert function.asked == []


def test_a_failure_is_told_to_the_model_and_is_no_miss(orders: OrderFunction, function: FakeFunction) -> None:
    function.broken = True
    for _ in range(SESSION_MISSES + 1):
        assert "at the moment" in ask(orders)["error"]
    function.broken = False

    assert ask(orders) == {"number": 1001}


def test_a_table_that_fails_is_told_to_the_model(world: World, orders: OrderFunction, function: FakeFunction) -> None:
    world.requests.errors["transact_write_items"] = [RefusedError("no leave")]

    assert "at the moment" in ask(orders)["error"]
    assert function.asked == []


class TestMisses:
    """Whoever tries numbers and addresses in turn finds out soon that it leads nowhere."""

    def test_a_session_has_ten(self, orders: OrderFunction, function: FakeFunction) -> None:
        function.answer = {"error": "No such order."}
        for number in range(SESSION_MISSES):
            assert ask(orders, f"a{number}@example.com") == {"error": "No such order."}

        assert "too many" in ask(orders, "b@example.com")["error"]
        assert ask(orders, "b@example.com", "s2") == {"error": "No such order."}
        assert len(function.asked) == SESSION_MISSES + 1

    def test_an_address_has_thirty_in_an_hour(
        self, world: World, orders: OrderFunction, function: FakeFunction
    ) -> None:
        function.answer = {"error": "No such order."}
        for number in range(ADDRESS_MISSES):
            ask(orders, "A@example.com" if number % 2 else " a@EXAMPLE.com", f"s{number}")

        assert "too many" in ask(orders, "a@example.com", "another")["error"]
        assert ask(orders, "b@example.com", "another") == {"error": "No such order."}
        world.clock.now += 3600
        assert ask(orders, "a@example.com", "another") == {"error": "No such order."}
        assert "example.com" not in str(world.client.scan(TableName=TABLE)["Items"])

    def test_what_is_found_is_none(self, orders: OrderFunction) -> None:
        for _ in range(ADDRESS_MISSES + SESSION_MISSES):
            assert ask(orders) == {"number": 1001}

    def test_customers_who_are_known_have_any_number(self, orders: OrderFunction, function: FakeFunction) -> None:
        function.answer = {"error": "No such order."}
        for _ in range(SESSION_MISSES + 1):
            found = orders.look_up("1", session_id="s1", customer_id="7", email="a@example.com")
            assert found == {"error": "No such order."}

    def test_half_a_surrogate_pair_is_an_address_too(self, orders: OrderFunction) -> None:
        assert ask(orders, "a\ud800@example.com") == {"number": 1001}
