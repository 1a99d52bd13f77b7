"""Turns: as they were said, small, and in order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.chat.turns import BACKSTOP_SECONDS, Turn, compress, decompress, estimate_tokens, turn_key


@given(st.text())
def test_a_turn_comes_back_as_it_was(content: str) -> None:
    turn = Turn(5, "agent", content, 100, message_id="m", response_id="r", agent="Ann")
    assert Turn.from_item(turn.to_item("s")) == turn


def test_what_is_stored() -> None:
    item = Turn(5, "customer", "x" * 4_000, 100).to_item("s")

    assert (item["PK"], item["SK"]) == ("SESSION#s", "TURN#000000000005")
    assert (item["encoding"], item["tokens"], item["ttl"]) == ("zlib", 1_000, 100 + BACKSTOP_SECONDS)
    assert len(item["content"]) < 100
    assert "message_id" not in item


def test_keys_sort_as_numbers_do() -> None:
    assert sorted(map(turn_key, (10, 9, 100))) == [turn_key(9), turn_key(10), turn_key(100)]


def test_another_encoding_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="encoded as gzip"):
        decompress({"PK": "p", "SK": "s", "encoding": "gzip", "content": compress("x")})


@pytest.mark.parametrize(("text", "tokens"), [("", 0), ("x", 1), ("xxxx", 1), ("xxxxx", 2)])
def test_tokens_are_a_quarter_of_the_characters(text: str, tokens: int) -> None:
    assert estimate_tokens(text) == tokens
