"""Events of every kind and age, in the shapes that Amazon documents, and what becomes of each."""

import copy
import json

import pytest

from tests.builders import EVENTS, load_event
from tests.unit.voice.telephone import Line, require_valid

NAMES = sorted(path.stem for path in EVENTS.glob("lex_*.json"))

EXPECTED = {
    "lex_composite_slot": ("ElicitSlot", "CustomerNumber"),
    "lex_denied": ("ElicitIntent", None),
    "lex_dialog_dtmf": ("ElicitSlot", "Pin"),
    "lex_dialog_silence": ("ElicitSlot", "CustomerNumber"),
    "lex_dialog_speech": ("ElicitSlot", "CustomerNumber"),
    "lex_dialog_text": ("ElicitSlot", "CustomerNumber"),
    "lex_fallback": ("ElicitIntent", None),
    "lex_fulfilment_speech": ("ElicitSlot", "CustomerNumber"),
    "lex_fulfilment_text": ("ElicitSlot", "CustomerNumber"),
    "lex_interpretations_alone": ("Close", None),
    "lex_list_slot": ("ElicitSlot", "CustomerNumber"),
    "lex_minimal": ("ElicitSlot", "CustomerNumber"),
    "lex_no_session_attributes": ("ElicitIntent", None),
    "lex_null_slots": ("ElicitSlot", "FromAccount"),
    "lex_other_locale": ("ElicitSlot", "CustomerNumber"),
    "lex_unknown_fields": ("ElicitIntent", None),
    "lex_unknown_intent": ("Close", None),
}


@pytest.mark.parametrize("name", NAMES)
def test_every_event_gets_a_valid_answer_that_fits(line: Line, name: str) -> None:
    event = load_event(name)
    before = copy.deepcopy(event)

    answer = line.codehook.handle(event)

    require_valid(answer)
    action = answer["sessionState"]["dialogAction"]
    assert (action["type"], action.get("slotToElicit")) == EXPECTED[name]
    assert event == before, "an event is read, never changed"
    json.dumps(answer)


@pytest.mark.parametrize("name", NAMES)
def test_spoken_turns_are_answered_in_ssml_and_written_ones_in_text(line: Line, name: str) -> None:
    event = load_event(name)

    answer = line.codehook.handle(event)

    kinds = {message["contentType"] for message in answer["messages"]} - {"ImageResponseCard"}
    assert kinds == ({"SSML"} if event.get("inputMode") in ("Speech", "DTMF") else {"PlainText"})


def test_others_session_attributes_stay(line: Line) -> None:
    answer = line.codehook.handle(load_event("lex_dialog_speech"))

    assert answer["sessionState"]["sessionAttributes"] == {
        "campaign": "spring",
        "x-amz-lex:allow-interrupt:*:*": "true",
        "asked": "CustomerNumber:1",
    }


def test_a_language_without_its_country_is_answered_in_the_country_there_is(line: Line) -> None:
    answer = line.codehook.handle(load_event("lex_other_locale"))

    assert answer["messages"][0]["content"].startswith("Dígame su número de cliente")
