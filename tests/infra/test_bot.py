"""The Lex bot as CloudFormation reads it, and what keeps a language from becoming one."""

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from chalicelib.voice import bot as definition
from chalicelib.voice import codehook, reprompts
from infra import bot
from infra.languages import Language, LanguageError, check, is_utterance, read_languages

QUESTIONS = {slot.ask: f"Say the {slot.name}." for intent in definition.INTENTS for slot in intent.slots} | {
    intent.confirm: "Yes or no?" for intent in definition.INTENTS if intent.confirm
}


@pytest.fixture(params=[language.locale for language in read_languages()])
def language(request: pytest.FixtureRequest) -> Language:
    """Each of our languages, with questions of the test's."""
    (found,) = [language for language in read_languages() if language.locale == request.param]
    return dataclasses.replace(found, messages=QUESTIONS)


def locale_of(made: Mapping[str, Any]) -> dict[str, Any]:
    (locale,) = made["LexBot"]["Properties"]["BotLocales"]
    assert isinstance(locale, dict)
    return locale


def intents(language: Language) -> dict[str, dict[str, Any]]:
    return {intent["Name"]: intent for intent in locale_of(bot.resources([language]))["Intents"]}


def slots(language: Language) -> dict[tuple[str, str], dict[str, Any]]:
    return {
        (name, slot["Name"]): slot for name, intent in intents(language).items() for slot in intent.get("Slots", ())
    }


def test_a_language_has_a_voice_and_a_threshold(language: Language) -> None:
    locale = locale_of(bot.resources([language]))

    assert locale["LocaleId"] == language.locale
    assert locale["VoiceSettings"] == {"VoiceId": language.voice["id"], "Engine": "neural"}
    assert locale["NluConfidenceThreshold"] == 0.4


def test_intents_say_what_callers_say(language: Language) -> None:
    for name, intent in intents(language).items():
        if name != definition.FALLBACK:
            assert [sample["Utterance"] for sample in intent["SampleUtterances"]] == language.utterances[name]
            assert intent["DialogCodeHook"] == intent["FulfillmentCodeHook"] == {"Enabled": True}


def test_the_fallback_has_what_lex_lets_it_have(language: Language) -> None:
    fallback = intents(language)[definition.FALLBACK]

    assert fallback == {
        "Name": "FallbackIntent",
        "ParentIntentSignature": "AMAZON.FallbackIntent",
        "FulfillmentCodeHook": {"Enabled": True},
    }


def test_slots_are_asked_for_in_their_order(language: Language) -> None:
    priorities = intents(language)["TransferFunds"]["SlotPriorities"]

    assert [(entry["Priority"], entry["SlotName"]) for entry in priorities] == [
        (1, "FromAccount"),
        (2, "ToAccount"),
        (3, "TransferAmount"),
        (4, "CustomerNumber"),
        (5, "Pin"),
    ]


def test_numbers_that_tell_who_somebody_is_are_obfuscated(language: Language) -> None:
    hidden = {
        name
        for (_, name), slot in slots(language).items()
        if slot["ObfuscationSetting"]["ObfuscationSettingType"] == "DefaultObfuscation"
    }

    assert hidden == {"CustomerNumber", "Pin", "CardLastFour"}


def test_every_slot_is_the_codehooks_to_ask_for(language: Language) -> None:
    for slot in slots(language).values():
        setting = slot["ValueElicitationSetting"]
        assert setting["SlotConstraint"] == "Optional"
        assert setting["PromptSpecification"]["MessageGroupsList"] == [
            {"Message": {"PlainTextMessage": {"Value": f"Say the {slot['Name']}."}}}
        ]


def test_a_question_in_ssml_is_told_apart(language: Language) -> None:
    spoken = "<speak>Your <emphasis>PIN</emphasis>?</speak>"
    changed = dataclasses.replace(language, messages=QUESTIONS | {"ask_pin": spoken})

    pin = slots(changed)["VerifyCaller", "Pin"]

    (group,) = pin["ValueElicitationSetting"]["PromptSpecification"]["MessageGroupsList"]
    assert group == {"Message": {"SSMLMessage": {"Value": spoken}}}


@pytest.mark.parametrize(("slot", "digits"), [("CustomerNumber", 8), ("Pin", 4)])
def test_keypads_send_so_many_digits_at_each_attempt(language: Language, slot: str, digits: int) -> None:
    prompt = slots(language)["CheckBalance", slot]["ValueElicitationSetting"]["PromptSpecification"]

    assert list(prompt["PromptAttemptsSpecification"]) == ["Initial", "Retry1", "Retry2", "Retry3"]
    assert prompt["MaxRetries"] == 3
    for attempt in prompt["PromptAttemptsSpecification"].values():
        assert attempt["AllowedInputTypes"] == {"AllowAudioInput": True, "AllowDTMFInput": True}
        keypad = attempt["AudioAndDTMFInputSpecification"]["DTMFSpecification"]
        assert (keypad["MaxLength"], keypad["EndCharacter"], keypad["DeletionCharacter"]) == (digits, "#", "*")


def test_the_codehook_hears_of_every_miss_until_it_sends_for_a_person(language: Language) -> None:
    settings = [slot["ValueElicitationSetting"] for slot in slots(language).values()]
    confirmations = [
        intent["IntentConfirmationSetting"]
        for intent in intents(language).values()
        if "IntentConfirmationSetting" in intent
    ]

    for setting in settings:
        assert setting["SlotCaptureSetting"] == {"ElicitationCodeHook": {"EnableCodeHookInvocation": True}}
    for setting in confirmations:
        assert setting["ElicitationCodeHook"] == {"EnableCodeHookInvocation": True}
    assert {setting["PromptSpecification"]["MaxRetries"] for setting in settings + confirmations} == {
        reprompts.MAX_TIMES
    }


def confirming_modules() -> set[str]:
    """The intents whose code asks for a confirmation."""
    return {name for name, module in codehook.INTENTS.items() if hasattr(module, "confirm")}


def test_what_the_codehook_confirms_can_be_confirmed(language: Language) -> None:
    active = {name for name, intent in intents(language).items() if "IntentConfirmationSetting" in intent}

    assert active == confirming_modules() == {"TransferFunds", "ReportLostCard"}
    for name in active:
        setting = intents(language)[name]["IntentConfirmationSetting"]
        prompt = setting["PromptSpecification"]
        assert setting["IsActive"] is True
        assert prompt["MessageGroupsList"] == [{"Message": {"PlainTextMessage": {"Value": "Yes or no?"}}}]
        assert prompt["AllowInterrupt"] is True
        for attempt in prompt["PromptAttemptsSpecification"].values():
            assert attempt["AllowedInputTypes"] == {"AllowAudioInput": True, "AllowDTMFInput": True}
            assert attempt["AudioAndDTMFInputSpecification"]["DTMFSpecification"]["MaxLength"] == 1


def test_a_number_of_fixed_length_is_held_to_it(language: Language) -> None:
    types = {entry["Name"]: entry for entry in locale_of(bot.resources([language]))["SlotTypes"]}

    assert slots(language)["CheckBalance", "Pin"]["SlotTypeName"] == "Digits4"
    assert slots(language)["TransferFunds", "TransferAmount"]["SlotTypeName"] == "AMAZON.Number"
    assert types.keys() == {"AccountType", "Digits4", "Digits8"}
    assert types["Digits8"] == {
        "Name": "Digits8",
        "ParentSlotTypeSignature": "AMAZON.AlphaNumeric",
        "ValueSelectionSetting": {
            "ResolutionStrategy": "ORIGINAL_VALUE",
            "RegexFilter": {"Pattern": "[0-9]{8}"},
        },
    }


def test_a_value_has_its_words_and_its_key(language: Language) -> None:
    (accounts, *_) = locale_of(bot.resources([language]))["SlotTypes"]

    assert accounts["ValueSelectionSetting"] == {"ResolutionStrategy": "TOP_RESOLUTION"}
    assert [value["SampleValue"]["Value"] for value in accounts["SlotTypeValues"]] == ["checking", "savings", "credit"]
    for key, value in enumerate(accounts["SlotTypeValues"], 1):
        words = [synonym["Value"] for synonym in value["Synonyms"]]
        name = value["SampleValue"]["Value"]
        assert set(words) == {*language.slot_values["AccountType"][name], str(key)} - {name}
        assert len(words) == len(set(words))


def test_the_alias_leads_every_language_to_the_codehook_and_keeps_no_log() -> None:
    made = bot.resources([dataclasses.replace(language, messages=QUESTIONS) for language in read_languages()])
    (version,) = [name for name in made if name.startswith("LexBotVersion")]
    alias = made["LexBotAlias"]["Properties"]

    assert alias["BotVersion"] == {"Fn::GetAtt": [version, "BotVersion"]}
    assert {setting["LocaleId"] for setting in alias["BotAliasLocaleSettings"]} == {"en_US", "es_US"}
    for setting in alias["BotAliasLocaleSettings"]:
        hook = setting["BotAliasLocaleSetting"]["CodeHookSpecification"]["LambdaCodeHook"]
        assert hook == {"LambdaArn": {"Fn::GetAtt": ["LexCodehook", "Arn"]}, "CodeHookInterfaceVersion": "1.0"}
    assert "ConversationLogSettings" not in alias
    details = made[version]["Properties"]["BotVersionLocaleSpecification"]
    assert {entry["LocaleId"] for entry in details} == {"en_US", "es_US"}


def test_only_this_alias_of_this_account_may_call_the_codehook(language: Language) -> None:
    assert bot.resources([language])["LexBotPermission"] == {
        "Type": "AWS::Lambda::Permission",
        "Condition": "HasVoice",
        "Properties": {
            "Action": "lambda:InvokeFunction",
            "FunctionName": {"Ref": "LexCodehook"},
            "Principal": "lexv2.amazonaws.com",
            "SourceAccount": {"Ref": "AWS::AccountId"},
            "SourceArn": {"Fn::GetAtt": ["LexBotAlias", "Arn"]},
        },
    }


def test_the_same_bot_keeps_its_version_and_another_gets_a_new_one(language: Language) -> None:
    changed = dataclasses.replace(language, messages=QUESTIONS | {"ask_pin": "Your PIN?"})

    def version(of: Language) -> set[str]:
        return {name for name in bot.resources([of]) if name.startswith("LexBotVersion")}

    assert version(language) == version(language)
    assert version(language).isdisjoint(version(changed))
    assert all(name.isalnum() for name in version(language))


def test_no_version_is_kept_for_ever(language: Language) -> None:
    made = bot.resources([language])

    assert not [entry for entry in made.values() if {"DeletionPolicy", "UpdateReplacePolicy"} & entry.keys()]


def test_a_question_that_is_missing_is_named() -> None:
    (english, *_) = read_languages()
    lacking = dataclasses.replace(english, messages={key: text for key, text in QUESTIONS.items() if key != "ask_pin"})

    with pytest.raises(LanguageError, match="messages: ask_pin is missing, which asks for Pin of CheckBalance"):
        bot.resources([lacking])


def replaced(language: Language, what: str, **changes: Any) -> Language:
    return dataclasses.replace(language, **{what: getattr(language, what) | changes})


@pytest.mark.parametrize(
    ("what", "changes", "fault"),
    [
        ("utterances", {"Helpp": ["help me"]}, "Helpp is no intent"),
        ("utterances", {"Help": ["help with {Pin}"]}, "names Pin, which is no slot of Help"),
        ("utterances", {"Help": ["help!"]}, "is not words and slots between single spaces"),
        ("utterances", {"Help": ["verify me", "Verify me"]}, "stands there twice"),
        ("messages", {"ask_pin": " "}, "ask_pin is missing"),
        ("messages", {"confirm_again": ""}, "confirm_again is missing, which asks for a yes of TransferFunds"),
        ("messages", {"confirm_again": "{amount}?"}, "cannot fill"),
        ("messages", {"ask_pin": "PIN for {card}?"}, "cannot fill"),
        ("slot_values", {"AccountType": {"checking": ["x"], "savings": ["x"]}}, "credit of AccountType is missing"),
        ("slot_values", {"AccountType": {"checking": ["x"], "savings": ["X"]}}, "'x' means two values"),
    ],
)
def test_a_language_with_a_fault_is_refused(what: str, changes: dict[str, Any], fault: str) -> None:
    (english, *_) = read_languages()
    good = dataclasses.replace(english, messages=QUESTIONS)
    check(good)

    with pytest.raises(LanguageError, match=fault):
        check(replaced(good, what, **changes))


@pytest.mark.parametrize(
    "text",
    [
        "help",
        "qué puedes hacer",
        "cuánto hay en mi {AccountType}",
        "{AccountType}",
        "I don't know",
        "a twenty-four hour a.m. e_check",
        "route 66",
        "残高",
    ],
)
def test_an_utterance_that_lex_takes(text: str) -> None:
    assert is_utterance(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " help",
        "help ",
        "what  now",
        "my\tbalance",
        "help!",
        "well, help",
        "¿cuánto?",
        "{AccountType}s",
        "my-{AccountType}",
        "{FromAccount}{ToAccount}",
        "{Account Type}",
        "{}",
        "my {AccountType",
        "100%",
        "10²",
        "don\u2019t",
        "cafe\u0301",
        "- -",
        "\U0001f600",
    ],
)
def test_an_utterance_that_lex_may_refuse(text: str) -> None:
    assert not is_utterance(text)


def test_a_file_that_is_no_language_is_named(tmp_path: Path) -> None:
    (tmp_path / "de_DE.json").write_text(json.dumps({"voice": {}, "utterance": {}}))

    with pytest.raises(LanguageError, match=r"de_DE\.json is no language: it lacks utterances, slot_values"):
        read_languages(tmp_path)
