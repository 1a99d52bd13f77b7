"""What Lex does in a call, with a codehook that answers as told."""

from dataclasses import replace
from typing import Any

import pytest

from localcloud.phone.call import HUNG_UP, TRANSFERRED, Call
from localcloud.phone.definition import Bot
from localcloud.phone.events import Input
from localcloud.phone.responses import CodehookError
from tests.unit.localcloud.phone.codehook import DELEGATE, FakeCodehook, answer, bot, elicit


def call(*answers: Any, locale: str = "en_US") -> tuple[Call, FakeCodehook]:
    codehook = FakeCodehook(*answers)
    return Call(bot(locale), codehook), codehook


def say(text: str) -> Input:
    return Input(text)


def key(digits: str) -> Input:
    return Input(digits, keypad=True)


SILENCE = Input()


def test_an_intent_is_understood_and_its_slot_filled_on_the_way() -> None:
    line, codehook = call(answer("Close", "Your savings hold ten dollars."))

    heard = line.hear(say("What's the balance of my savings account?"))

    assert heard == ["Your savings hold ten dollars.", HUNG_UP]
    assert codehook.values == {"AccountType": "savings"}
    (event,) = codehook.events
    assert event["invocationSource"] == "DialogCodeHook"
    assert event["inputTranscript"] == "What's the balance of my savings account?"
    assert event["transcriptions"][0]["resolvedSlots"].keys() == {"AccountType"}
    assert event["sessionState"]["intent"]["slots"]["Pin"] is None


def test_an_event_has_the_form_of_lex() -> None:
    line, codehook = call(answer("Close", "Good."))

    line.hear(say("help"))

    (event,) = codehook.events
    assert event.keys() == {
        "messageVersion",
        "invocationSource",
        "inputMode",
        "responseContentType",
        "sessionId",
        "inputTranscript",
        "bot",
        "interpretations",
        "proposedNextState",
        "requestAttributes",
        "sessionState",
        "transcriptions",
    }
    assert event["inputMode"] == "Speech"
    assert event["sessionId"] == line.session_id
    assert event["bot"]["localeId"] == "en_US"
    assert event["sessionState"]["intent"] == {
        "name": "Help",
        "slots": {},
        "state": "InProgress",
        "confirmationState": "None",
    }
    assert event["interpretations"][0]["intent"]["name"] == "Help"
    assert event["proposedNextState"]["dialogAction"] == {"type": "Close"}


def test_what_is_not_understood_is_the_fallback_s_to_fulfil() -> None:
    line, codehook = call(answer("ElicitIntent", "Pardon?"), answer("Close", "Good."))

    assert line.hear(say("colourless green ideas")) == ["Pardon?"]
    line.hear(say("help"))

    assert codehook.intents == ["FallbackIntent", "Help"]
    assert codehook.sources == ["FulfillmentCodeHook", "DialogCodeHook"]
    assert "nluConfidence" not in codehook.events[0]["interpretations"][0]
    assert "proposedNextState" not in codehook.events[0]


def test_silence_at_the_beginning_is_the_fallback() -> None:
    line, codehook = call(answer("ElicitIntent", "Are you there?"))

    assert line.hear(SILENCE) == ["Are you there?"]
    assert codehook.intents == ["FallbackIntent"]
    assert codehook.events[0]["inputTranscript"] == ""


def test_a_slot_is_asked_for_and_filled_from_the_keypad() -> None:
    line, codehook = call(elicit("Pin", "Your PIN, please."), answer("Close", "Thank you."))

    assert line.hear(say("verify me")) == ["Your PIN, please."]
    line.hear(key("0042#99"))

    assert codehook.values == {"Pin": "0042"}
    assert (codehook.events[1]["inputMode"], codehook.events[1]["inputTranscript"]) == ("DTMF", "0042")


def test_lex_asks_in_the_bots_words_where_the_codehook_has_none() -> None:
    line, _ = call(elicit("Pin"))

    assert line.hear(say("verify me")) == ["Lex asks for Pin."]


@pytest.mark.parametrize(
    ("said", "value"),
    [
        (say("one two three four"), "1234"),
        (say("It's 1 2 3 4."), "1234"),
        (say("oh oh four two"), "0042"),
        (say("double zero 42"), "0042"),
        (key("1234"), "1234"),
        (key("123456"), "1234"),
    ],
)
def test_digits_come_by_voice_and_by_keypad(said: Input, value: str) -> None:
    line, codehook = call(elicit("Pin", "PIN?"), DELEGATE, answer("Close", "Good."))

    line.hear(say("verify me"))
    line.hear(said)

    assert codehook.values == {"Pin": value}


@pytest.mark.parametrize("said", [say("one two three"), say("twelve thirty four"), key("12"), key("1234*"), SILENCE])
def test_what_is_no_pin_is_asked_for_again(said: Input) -> None:
    line, codehook = call(elicit("Pin", "PIN?"), elicit("Pin", "Four digits, please."), elicit("Pin", "Once more."))

    line.hear(say("verify me"))

    assert line.hear(said) == ["Four digits, please."]
    assert codehook.values == {}
    proposed = codehook.events[1]["proposedNextState"]
    assert proposed["dialogAction"] == {"type": "ElicitSlot", "slotToElicit": "Pin"}
    assert proposed["prompt"] == {"attempt": "Retry1"}
    line.hear(said)
    assert codehook.events[2]["proposedNextState"]["prompt"] == {"attempt": "Retry2"}


def test_after_too_many_misses_the_fallback_is_asked() -> None:
    line, codehook = call(*[elicit("Pin", "PIN?")] * 4, answer("Close", "A person will help."))

    line.hear(say("verify me"))
    for _ in range(4):
        line.hear(SILENCE)

    assert codehook.intents == ["VerifyCaller"] * 4 + ["FallbackIntent"]


def test_after_too_many_answers_that_are_neither_yes_nor_no_the_fallback_is_asked() -> None:
    line, codehook = call(*[answer("ConfirmIntent", "Shall I?")] * 4, answer("Close", "A person will help."))

    line.hear(say("block my card"))
    for _ in range(4):
        line.hear(SILENCE)

    assert codehook.intents == ["ReportLostCard"] * 4 + ["FallbackIntent"]


def test_an_answer_that_was_right_begins_the_count_anew() -> None:
    line, codehook = call(*[elicit("Pin", "PIN?")] * 4)

    line.hear(say("verify me"))
    line.hear(SILENCE)
    line.hear(key("1234"))
    line.hear(SILENCE)

    attempts = [event["proposedNextState"]["prompt"]["attempt"] for event in codehook.events]
    assert attempts == ["Initial", "Retry1", "Initial", "Retry1"]


def test_the_keys_of_accounts_count_from_one() -> None:
    line, codehook = call(elicit("AccountType", "Which?"), answer("Close", "Good."))

    line.hear(say("balance please"))
    line.hear(key("2"))

    assert codehook.values == {"AccountType": "savings"}


def test_a_caller_may_change_the_subject() -> None:
    line, codehook = call(elicit("Pin", "PIN?"), answer("Close", "One moment.", attributes={"route": "agent"}))

    line.hear(say("verify me"))

    assert line.hear(say("I want to speak to an agent")) == ["One moment.", TRANSFERRED]
    assert codehook.intents == ["VerifyCaller", "SpeakToAgent"]
    assert codehook.events[1]["sessionState"]["intent"]["slots"] == {}


def test_more_slots_of_the_same_intent_may_come_in_one_answer() -> None:
    line, codehook = call(elicit("FromAccount", "From which?"), answer("Close", "Good."))

    line.hear(say("make a transfer"))
    line.hear(say("transfer two hundred fifty dollars from checking to my savings"))

    assert codehook.values == {"FromAccount": "checking", "ToAccount": "savings", "TransferAmount": "250"}


@pytest.mark.parametrize(("said", "state"), [("Yes, please", "Confirmed"), ("no", "Denied"), ("No, wrong!", "Denied")])
def test_a_question_is_confirmed_or_denied(said: str, state: str) -> None:
    line, codehook = call(answer("ConfirmIntent", "Shall I?"), answer("Close", "Good."))

    line.hear(say("block my card"))
    line.hear(say(said))

    assert codehook.events[1]["sessionState"]["intent"]["confirmationState"] == state
    assert codehook.sources == ["DialogCodeHook", "DialogCodeHook"]


def test_neither_yes_nor_no_is_asked_again() -> None:
    line, codehook = call(answer("ConfirmIntent", "Shall I?"), answer("ConfirmIntent", "Yes or no?"))

    line.hear(say("block my card"))
    line.hear(say("well"))

    proposed = codehook.events[1]["proposedNextState"]
    assert proposed["dialogAction"] == {"type": "ConfirmIntent"}
    assert proposed["prompt"] == {"attempt": "Retry1"}
    assert codehook.events[1]["sessionState"]["intent"]["confirmationState"] == "None"


@pytest.mark.parametrize("keys", ["1", "2", "12#"])
def test_keys_are_neither_yes_nor_no(keys: str) -> None:
    line, codehook = call(answer("ConfirmIntent", "Shall I?"), answer("ConfirmIntent", "Please say yes or no."))

    line.hear(say("block my card"))
    line.hear(key(keys))

    event = codehook.events[1]
    assert (event["inputMode"], event["inputTranscript"]) == ("DTMF", keys[0])
    assert event["sessionState"]["intent"]["confirmationState"] == "None"
    assert line.digits == 1


def test_lex_asks_for_a_yes_in_the_bots_words_where_the_codehook_has_none() -> None:
    line, _ = call(answer("ConfirmIntent"))

    assert line.hear(say("block my card")) == ["Lex asks for a yes."]


def test_an_intent_without_an_active_confirmation_cannot_be_confirmed() -> None:
    line, _ = call(answer("ConfirmIntent", "Shall I?"))

    assert line.hear(say("verify me")) == [
        "(the codehook failed: VerifyCaller has no active confirmation, which ConfirmIntent needs.)",
        TRANSFERRED,
    ]


def test_delegating_what_is_not_confirmed_makes_lex_ask_for_it() -> None:
    line, codehook = call(DELEGATE, DELEGATE, answer("Close", "Done."))

    assert line.hear(say("block my card")) == ["Lex asks for a yes."]
    assert line.hear(say("yes")) == ["Done.", HUNG_UP]
    assert codehook.sources == ["DialogCodeHook", "DialogCodeHook", "FulfillmentCodeHook"]
    assert [event["proposedNextState"]["dialogAction"]["type"] for event in codehook.events[:2]] == [
        "ConfirmIntent",
        "Close",
    ]


def test_delegating_leads_to_the_fulfilment() -> None:
    line, codehook = call(DELEGATE, answer("Close", "Done."))

    assert line.hear(say("help")) == ["Done.", HUNG_UP]
    assert codehook.sources == ["DialogCodeHook", "FulfillmentCodeHook"]
    assert codehook.events[1]["sessionState"]["intent"]["state"] == "ReadyForFulfillment"


def test_lex_asks_by_itself_for_the_slots_that_it_must_have() -> None:
    codehook = FakeCodehook(DELEGATE, DELEGATE, DELEGATE, answer("Close", "Thank you."))
    line = Call(with_required_slots(bot()), codehook)

    assert line.hear(say("verify me")) == ["Lex asks for CustomerNumber."]
    assert line.hear(key("10020030")) == ["Lex asks for Pin."]
    assert line.hear(key("1234")) == ["Thank you.", HUNG_UP]
    assert codehook.sources == ["DialogCodeHook"] * 3 + ["FulfillmentCodeHook"]
    proposed = [event["proposedNextState"]["dialogAction"] for event in codehook.events[:3]]
    assert proposed == [
        {"type": "ElicitSlot", "slotToElicit": "CustomerNumber"},
        {"type": "ElicitSlot", "slotToElicit": "Pin"},
        {"type": "Close"},
    ]


def with_required_slots(one: Bot) -> Bot:
    """A bot whose Lex asks for every slot, unlike ours."""
    intents = [
        replace(intent, slots=tuple(replace(slot, required=True) for slot in intent.slots)) for intent in one.intents
    ]
    return replace(one, intents=tuple(intents))


def test_what_was_denied_is_not_fulfilled() -> None:
    line, codehook = call(answer("ConfirmIntent", "Shall I?"), DELEGATE)

    line.hear(say("block my card"))

    assert line.hear(say("no")) == [HUNG_UP]
    assert codehook.sources == ["DialogCodeHook", "DialogCodeHook"]


def test_attributes_live_as_long_as_the_call() -> None:
    line, codehook = call(answer("ElicitIntent", "What else?", attributes={"asked": "1"}), answer("Close", "Bye."))

    line.hear(say("help"))
    line.hear(say("help"))

    assert codehook.events[1]["sessionState"]["sessionAttributes"] == {"asked": "1"}


def test_a_codehook_that_fails_leads_to_a_person() -> None:
    line, _ = call(CodehookError("Task timed out"))

    assert line.hear(say("help")) == ["(the codehook failed: Task timed out)", TRANSFERRED]
    assert line.has_ended


WRONG: list[tuple[Any, str]] = [
    (None, "the answer is None"),
    ({}, "sessionState is None"),
    (answer("Hangup"), "dialogAction.type is 'Hangup'"),
    (answer("ElicitIntent"), "ElicitIntent needs messages"),
    (elicit("Shoe", "Shoe size?"), "slotToElicit is 'Shoe'"),
    (answer("Close", "x" * 1_025), "1 to 1,024 characters"),
    (answer("Close", *["x"] * 11), "ten at most"),
    (answer("Close", "x", attributes={"count": 1}), "must be strings"),  # type: ignore[dict-item]
    ({"sessionState": {"dialogAction": {"type": "Delegate"}}}, "Delegate needs sessionState.intent"),
    (
        {"sessionState": {"dialogAction": {"type": "Close"}}, "messages": [{"contentType": "SSML", "content": "<a"}]},
        "This is no SSML",
    ),
    ({"sessionState": {"dialogAction": {"type": "Close"}, "intent": {"name": "X"}}}, "The bot has no intent 'X'"),
]


@pytest.mark.parametrize(("wrong", "why"), WRONG, ids=[why for _, why in WRONG])
def test_what_lex_would_refuse_is_refused(wrong: Any, why: str) -> None:
    line, _ = call(wrong)

    heard = line.hear(say("help"))

    assert heard[0].startswith("(the codehook failed: ")
    assert why in heard[0]


def test_another_language_has_its_own_words() -> None:
    line, codehook = call(elicit("FromAccount", "¿De cuál?"), answer("Close", "Hecho."), locale="es_US")

    line.hear(say("transferir doscientos cincuenta dólares"))
    line.hear(say("de ahorros"))

    assert codehook.events[0]["bot"]["localeId"] == "es_US"
    assert codehook.values == {"TransferAmount": "250", "FromAccount": "savings"}
