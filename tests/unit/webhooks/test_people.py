import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.webhooks.people import find_addresses, find_subjects


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
        assert find_subjects('{"a":"a@example.com"}', b"") == ["a@example.com"]

    @pytest.mark.parametrize("before", ["\\n", "\\u003c", "\\t", "", '\\"'])
    @pytest.mark.parametrize("address", ["a@example.com", "a\\u0040example.com", "\\u0061@example.com"])
    def test_escapes_of_json_are_no_part_of_an_address(self, before: str, address: str) -> None:
        assert find_subjects(f'{{"a": ["x", {{"b": "{before}{address}\\u003e"}}]}}', b"") == ["a@example.com"]

    @pytest.mark.parametrize(
        "body",
        [b"\xff a@example.com", b"\xff=1&e=a%40example.com", b'{"a": "a\\u0040example.com"', b"%0Aa%40example.com"],
    )
    def test_those_of_a_body_that_nobody_can_read(self, body: bytes) -> None:
        assert "a@example.com" in find_subjects(None, body)

    def test_none(self) -> None:
        assert find_subjects("{}", b"{}") == []
