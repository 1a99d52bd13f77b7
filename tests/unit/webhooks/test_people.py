import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks.people import find_addresses, subjects_of
from chalicelib.webhooks.shopify import Origin, read_effect
from tests.unit.webhooks.test_shopify import ORDER


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("", []),
        ("@", []),
        ("a@b", []),
        ("@example.com", []),
        ("a@example.com", ["a@example.com"]),
        ('{"email":"Aiko.Mori+shop@Example.COM"}', ["aiko.mori+shop@example.com"]),
        ("mail <b@mail.example.org>, or b@mail.example.org.", ["b@mail.example.org"]),
        ("a@example.com b@example.com", ["a@example.com", "b@example.com"]),
        ("maiko@example.com", ["maiko@example.com"]),
        ("ü@exämple.de", ["ü@exämple.de"]),
        ("...@example.com", []),
        ("...a@example.com", ["a@example.com"]),
        ("a.@example.com", ["a.@example.com"]),
        (f"{'x' * 65}@example.com", [f"{'x' * 64}@example.com"]),
        (f"x@{'y' * 300}.com", []),
    ],
)
def test_addresses_are_found_in_lower_case(text: str, addresses: list[str]) -> None:
    assert find_addresses(text) == addresses


@given(st.text(alphabet="ab@.\"'<> ", max_size=200))
def test_whatever_is_found_stands_in_the_text(text: str) -> None:
    for address in find_addresses(text):
        assert address in text.lower()


def test_so_many_are_kept_and_no_more() -> None:
    text = " ".join(f"{number}@example.com" for number in range(12_000))

    assert len(find_addresses(text)) == 10_000


class TestSubjects:
    def test_those_of_a_payload(self) -> None:
        assert subjects_of('{"a":"a@example.com"}', b"", None) == ["a@example.com"]

    @pytest.mark.parametrize("before", ["\\n", "\\u003c", "\\t", "", '\\"'])
    @pytest.mark.parametrize("address", ["a@example.com", "a\\u0040example.com", "\\u0061@example.com"])
    def test_escapes_of_json_are_no_part_of_an_address(self, before: str, address: str) -> None:
        assert subjects_of(f'{{"a": ["x", {{"b": "{before}{address}\\u003e"}}]}}', b"", None) == ["a@example.com"]

    def test_those_of_a_body_that_is_no_json(self) -> None:
        assert subjects_of(None, b"\xff a@example.com", None) == ["a@example.com"]

    def test_an_order_and_its_customer(self) -> None:
        effect = read_effect(Origin("shopify", "event-1", "orders/create", {}), ORDER)

        assert subjects_of("{}", b"{}", effect) == ["order:5001", "customer:7001"]

    def test_none(self) -> None:
        assert subjects_of("{}", b"{}", None) == []
