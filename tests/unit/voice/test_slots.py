"""Slots of every shape, and what is read out of them."""

from decimal import Decimal
from typing import Any

import pytest

from chalicelib.voice.slots import Slot, amount, choice, digits, read_slots, scalar, to_lex
from tests.builders import load_event

KINDS = ("checking", "savings", "credit")
SYNONYMS = {"savings": ("piggy bank", "Ahorros")}


def read(raw: Any) -> Slot | None:
    return read_slots({"One": raw})["One"]


class TestReading:
    def test_a_scalar(self) -> None:
        slot = read({"value": {"originalValue": "my savings", "interpretedValue": "savings", "resolvedValues": ["s"]}})

        assert slot == Slot("Scalar", "savings", "my savings", ("s",))
        assert slot.texts == ("savings", "s", "my savings")

    def test_a_list_has_values(self) -> None:
        event = load_event("lex_list_slot")
        slot = read_slots(event["sessionState"]["intent"]["slots"])["AccountType"]

        assert slot is not None
        assert (slot.shape, [one.interpreted for one in slot.values]) == ("List", ["checking", "savings"])

    def test_a_list_of_values_alone_means_its_first(self) -> None:
        slot = read({"shape": "List", "values": [{"value": {"interpretedValue": "credit"}}, None, 3]})

        assert slot is not None
        assert slot.texts == ("credit",)

    def test_a_composite_has_sub_slots(self) -> None:
        event = load_event("lex_composite_slot")
        slot = read_slots(event["sessionState"]["intent"]["slots"])["CardLastFour"]

        assert slot is not None
        assert slot.shape == "Composite"
        assert digits(slot.sub_slots["Digits"]) == "7788"
        assert slot.sub_slots["Expiry"] is None

    @pytest.mark.parametrize(
        "raw",
        [
            None,
            {},
            [],
            "text",
            {"value": None},
            {"value": {}},
            {"value": {"interpretedValue": ""}},
            {"value": {"interpretedValue": None, "resolvedValues": None}},
            {"shape": "List", "values": []},
            {"shape": "Composite", "subSlots": {"A": None}},
            {"value": {"interpretedValue": True}},
        ],
    )
    def test_what_holds_nothing_is_unfilled(self, raw: Any) -> None:
        assert read(raw) is None

    def test_without_an_interpretation_the_original_counts(self) -> None:
        assert digits(read({"value": {"originalValue": "12 34", "interpretedValue": ""}})) == "1234"

    def test_numbers_written_as_numbers(self) -> None:
        assert amount(read({"value": {"interpretedValue": 250}})) == 250

    @pytest.mark.parametrize("raw", [None, [], 3, "CustomerNumber"])
    def test_slots_that_are_none(self, raw: Any) -> None:
        assert read_slots(raw) == {}

    def test_depth_without_end(self) -> None:
        raw: dict[str, Any] = {"value": {"interpretedValue": "x"}}
        for _ in range(500):
            raw = {"shape": "Composite", "subSlots": {"In": raw}}

        assert read(raw) is None

    def test_what_it_holds_is_never_shown(self) -> None:
        assert "1234" not in repr(scalar("1234"))


class TestMeaning:
    @pytest.mark.parametrize("text", ["1234", "1 2 3 4", "12-34", "1.2.3.4", "1234#"])
    def test_digits(self, text: str) -> None:
        assert digits(scalar(text)) == "1234"

    @pytest.mark.parametrize("text", ["12a4", "one", "", "\u0661\u0662", "12+34"])
    def test_no_digits(self, text: str) -> None:
        assert digits(scalar(text)) is None

    @pytest.mark.parametrize(
        ("text", "expected"),
        [("250", "250"), ("250.50", "250.50"), ("1,204.5", "1204.5"), ("$ 12", "12"), ("1,000,000", "1000000")],
    )
    def test_amounts(self, text: str, expected: str) -> None:
        assert amount(scalar(text)) == Decimal(expected)

    @pytest.mark.parametrize("text", ["", "-1", "1e9", "NaN", "Infinity", "12,34", "1.2.3", "9" * 40, "\u0661"])
    def test_no_amounts(self, text: str) -> None:
        assert amount(scalar(text)) is None

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            *((text, "savings") for text in ("savings", "SAVINGS ", "piggy bank", "ahorros", "2")),
            *((text, None) for text in ("0", "4", "12", "\u00b2", "x")),
            ("1", "checking"),
            ("3", "credit"),
        ],
    )
    def test_choices(self, text: str, expected: str | None) -> None:
        assert choice(scalar(text), KINDS, SYNONYMS) == expected

    def test_the_best_meaning_wins(self) -> None:
        assert choice(Slot(interpreted="???", resolved=("credit",), original="savings"), KINDS, {}) == "credit"

    def test_of_an_amount_the_best_text_counts_alone(self) -> None:
        assert amount(Slot(interpreted="???", resolved=("30",), original="13")) is None
        assert amount(Slot(resolved=("30",), original="13")) == 30


class TestGoingBack:
    def test_shapes_come_back_as_they_came(self) -> None:
        for name in ("lex_list_slot", "lex_composite_slot", "lex_dialog_speech"):
            raw = load_event(name)["sessionState"]["intent"]["slots"]
            for slot_name, slot in read_slots(raw).items():
                again = read_slots({slot_name: to_lex(slot)})[slot_name]
                assert (again and again.texts) == (slot and slot.texts)
                assert (again and again.shape) == (slot and slot.shape)

    def test_nothing_is_null(self) -> None:
        assert to_lex(None) is None

    def test_what_is_too_large_stays_here(self) -> None:
        assert to_lex(Slot(interpreted="x" * 1000, resolved=tuple("y" * 1000 for _ in range(3)))) is None
