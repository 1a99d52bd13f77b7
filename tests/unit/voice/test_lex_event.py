"""What a turn says of an event, whatever is missing."""

from typing import Any

import pytest

from chalicelib.voice.lex_event import NotLexEventError, parse_turn
from tests.builders import load_event


def test_a_whole_event() -> None:
    turn = parse_turn(load_event("lex_fulfilment_text"))

    assert turn.is_fulfilment
    assert (turn.intent, turn.confirmation, turn.locale) == ("TransferFunds", "Confirmed", "en_US")
    assert (turn.input_mode, turn.is_spoken, turn.is_silent) == ("Text", False, False)
    assert turn.session_id == "session-text-2"
    assert turn.slots["Pin"] is None


def test_what_a_minimal_one_means() -> None:
    turn = parse_turn({"sessionState": {"intent": {"name": "Help"}}})

    assert not turn.is_fulfilment
    assert (turn.input_mode, turn.locale, turn.session_id, turn.confirmation) == ("Text", "", "", "None")
    assert (turn.slots, turn.session_attributes, turn.request_attributes) == ({}, {}, {})


def test_what_lex_would_do_and_what_the_channel_says() -> None:
    assert parse_turn(load_event("lex_dialog_text")).proposed_slot == "CustomerNumber"
    assert parse_turn(load_event("lex_dialog_speech")).request_attributes["x-amz-lex:channels:platform"] == "Connect"


def test_silence() -> None:
    assert parse_turn(load_event("lex_dialog_silence")).is_silent


def test_the_state_of_the_session_counts_before_interpretations() -> None:
    event = load_event("lex_dialog_speech")
    event["interpretations"].insert(0, {"intent": {"name": "Help"}})

    assert parse_turn(event).intent == "CheckBalance"
    del event["sessionState"]["intent"]
    assert parse_turn(event).intent == "Help"


def test_attributes_are_texts_or_nothing() -> None:
    event = {"sessionState": {"sessionAttributes": {"a": "1", "b": 2, "c": None, "d": ["x"], "": "e"}}}

    assert parse_turn(event).session_attributes == {"a": "1", "": "e"}


@pytest.mark.parametrize("event", [None, 1, "x", [], {}, {"sessionState": None}, {"interpretations": [{"intent": 1}]}])
def test_what_is_no_event(event: Any) -> None:
    with pytest.raises(NotLexEventError, match="Lex V2 alone"):
        parse_turn(event)


def test_nothing_a_caller_said_is_ever_shown() -> None:
    shown = repr(parse_turn(load_event("lex_composite_slot")))

    assert "7788" not in shown
    assert "session-composite" not in shown


def test_half_a_surrogate_pair_can_be_sent_back() -> None:
    event = {
        "sessionState": {
            "sessionAttributes": {"campaign\ud800": "a\udfff"},
            "intent": {
                "name": "CheckBalance\ud800",
                "slots": {"AccountType": {"value": {"interpretedValue": "\ud800"}}},
            },
        }
    }

    turn = parse_turn(event)

    slot = turn.slots["AccountType"]
    assert slot is not None
    assert [turn.intent, slot.interpreted, dict(turn.session_attributes)] == [
        "CheckBalance?",
        "?",
        {"campaign?": "a?"},
    ]
