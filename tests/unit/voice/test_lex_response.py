"""Every kind of response is one that Lex takes, whatever goes into it."""

import json

import pytest

from chalicelib.voice import lex_response
from chalicelib.voice.lex_response import Attributes, IntentState, plain_text
from chalicelib.voice.slots import Slot, scalar
from tests.unit.voice.telephone import require_valid

INTENT = IntentState("CheckBalance", {"AccountType": scalar("savings"), "Pin": None})
NONE = Attributes()


def test_elicit_slot() -> None:
    answer = lex_response.elicit_slot(INTENT, "Pin", [plain_text("PIN?")], NONE, style="SpellByLetter")

    require_valid(answer)
    assert answer["sessionState"]["dialogAction"] == {
        "type": "ElicitSlot",
        "slotToElicit": "Pin",
        "slotElicitationStyle": "SpellByLetter",
    }
    assert answer["sessionState"]["intent"]["slots"]["Pin"] is None


def test_elicit_a_slot_within_a_slot() -> None:
    answer = lex_response.elicit_slot(INTENT, "AccountType", [], NONE, sub_slots=("Address", "Street"))

    require_valid(answer)
    assert answer["sessionState"]["dialogAction"]["subSlotToElicit"] == {
        "name": "Address",
        "subSlotToElicit": {"name": "Street"},
    }


def test_elicit_intent_always_says_something() -> None:
    answer = lex_response.elicit_intent([], NONE)

    require_valid(answer)
    assert "intent" not in answer["sessionState"]


def test_confirm_delegate_and_close() -> None:
    confirmed = IntentState("CheckBalance", {}, "ReadyForFulfillment", "Confirmed")
    for answer in (
        lex_response.confirm_intent(INTENT, [plain_text("Yes?")], NONE),
        lex_response.delegate(confirmed, NONE),
        lex_response.close(IntentState("CheckBalance", state="Fulfilled"), [plain_text("Bye.")], NONE),
    ):
        require_valid(answer)
    assert lex_response.delegate(confirmed, NONE)["sessionState"]["intent"]["confirmationState"] == "Confirmed"


def test_all_kinds_of_messages() -> None:
    messages = [
        plain_text("Hello."),
        lex_response.ssml("<speak>Hello.</speak>", "Hello."),
        lex_response.card("Which?", [("Yes", "yes")] * 9, subtitle="One", image_url="https://bank.example/a.png"),
        lex_response.custom_payload('{"a": 1}'),
    ]

    answer = lex_response.elicit_intent(messages, NONE)

    require_valid(answer)
    assert len(answer["messages"][2]["imageResponseCard"]["buttons"]) == 5


def test_long_texts_are_cut_and_long_ssml_is_said_as_text() -> None:
    require_valid(lex_response.elicit_intent([plain_text("x" * 5000), plain_text("")], NONE))
    assert lex_response.ssml(f"<speak>{'x' * 1020}</speak>", "x")["contentType"] == "PlainText"


@pytest.mark.parametrize("content", ["", "x" * 1025])
def test_a_payload_cannot_be_cut(content: str) -> None:
    with pytest.raises(ValueError, match="1 to 1024"):
        lex_response.custom_payload(content)


def test_no_more_than_ten_messages() -> None:
    assert len(lex_response.elicit_intent([plain_text("x")] * 20, NONE)["messages"]) == 10


class TestAttributes:
    def test_others_stay_beside_ours_and_ours_win(self) -> None:
        answer = lex_response.elicit_intent([], Attributes({"route": "agent"}, {"route": "x", "a": "1", "": "y"}))

        assert answer["sessionState"]["sessionAttributes"] == {"a": "1", "route": "agent"}

    def test_the_largest_of_the_others_go_first(self) -> None:
        others = {"a": "1", "large": "x" * 11_000, "larger": "é" * 1_900}

        answer = lex_response.elicit_intent([], Attributes({"route": "agent"}, others))

        assert answer["sessionState"]["sessionAttributes"].keys() == {"a", "large", "route"}
        assert len(json.dumps(answer)) <= 25 * 1024
        require_valid(answer)

    def test_ours_stay_whatever_there_is(self) -> None:
        others = {f"name{number}": "x" * 1000 for number in range(100)}

        answer = lex_response.elicit_intent([], Attributes({"route": "agent"}, others))

        assert answer["sessionState"]["sessionAttributes"]["route"] == "agent"
        assert len(json.dumps(answer["sessionState"]["sessionAttributes"])) <= 12 * 1024

    def test_the_whole_response_stays_within_its_limit(self) -> None:
        slots = {f"Slot{number}": Slot(interpreted="ü" * 150) for number in range(12)}
        others = {f"name{number}": "x" * 100 for number in range(200)}

        answer = lex_response.confirm_intent(
            IntentState("A", slots), [plain_text("x" * 1024)] * 6, Attributes({}, others)
        )

        assert len(json.dumps(answer)) <= 25 * 1024
        assert len(answer["messages"]) == 6

    def test_so_it_does_with_messages_alone(self) -> None:
        answer = lex_response.elicit_intent([plain_text("ü" * 1024)] * 10, Attributes({"route": "agent"}))

        assert len(json.dumps(answer)) <= 25 * 1024
        assert answer["sessionState"]["sessionAttributes"] == {"route": "agent"}

    def test_very_many_of_the_others_are_no_burden(self) -> None:
        others = {f"name-{number}": "x" * (number % 7) for number in range(20_000)}

        answer = lex_response.elicit_intent([plain_text("Yes?")], Attributes({"route": "agent"}, others))

        attributes = answer["sessionState"]["sessionAttributes"]
        assert attributes["route"] == "agent"
        assert 11_000 < len(json.dumps(attributes)) <= lex_response.MAX_ATTRIBUTES_BYTES
