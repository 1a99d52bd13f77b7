"""The Lex bot as CloudFormation resources, made from ``chalicelib/voice``: nothing about it is written twice.

A version of a bot is a photograph of its draft and never changes. CloudFormation takes a new one only for a new logical
id, which therefore carries a hash of the bot's content: the same bot keeps its version, another content makes a new
one, and the alias then moves to it. A version is deleted with its logical id, not retained. CloudFormation deletes it
only after the alias has moved and the update has succeeded, so that a rollback still finds it; an earlier commit makes
its own version again; and Lex keeps no more than 100 versions of a bot.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chalicelib.voice import bot, reprompts
from chalicelib.voice.bot import Intent, Slot
from infra.languages import Language, check

CODEHOOK = "LexCodehook"
"""The logical id of the function that Chalice makes of ``lex_codehook``."""

SESSION_SECONDS = 300
"""After this long a silence a caller is a new one to Lex; the phone line has ended long before."""

CONFIDENCE = 0.4
"""Below this Lex takes nothing for understood: its own default."""

MAX_RETRIES = reprompts.MAX_TIMES
"""So often Lex asks the codehook after an answer that was none, the last time only for it to send for a person.

One less, and Lex would end the question by itself, with the fallback in the person's place.
"""

CONFIRMATION_DIGITS = 1
"""Lex knows yes and no by words alone. A key is no answer, and the codehook hears of it at once."""

_ASK_AT_EACH_MISS = {"EnableCodeHookInvocation": True}

DIGITS = "Digits"
"""The slot types of so many digits: ``Digits4``. They are AMAZON.AlphaNumeric, held to a pattern."""

_CONDITION = "HasVoice"
"""That of ``infra/app.yaml``: there are regions without Lex."""

Resource = dict[str, Any]


def resources(languages: Iterable[Language]) -> dict[str, Resource]:
    """The bot's resources by logical id; ``LanguageError`` when a language cannot be made into one."""
    known = tuple(languages)
    for language in known:
        check(language)
    content = _bot(known)
    version = f"LexBotVersion{_hash(content)}"
    made: dict[str, Resource] = {
        "LexBot": {"Type": "AWS::Lex::Bot", "Properties": content},
        version: {"Type": "AWS::Lex::BotVersion", "Properties": _version(known)},
        "LexBotAlias": {"Type": "AWS::Lex::BotAlias", "Properties": _alias(known, version)},
        "LexBotPermission": {"Type": "AWS::Lambda::Permission", "Properties": _permission()},
    }
    return {name: resource | {"Condition": _CONDITION} for name, resource in made.items()}


OUTPUTS: Mapping[str, Any] = {
    "LexBotAliasArn": {
        "Condition": _CONDITION,
        "Description": "The bot for a contact flow of Amazon Connect.",
        "Value": {"Fn::GetAtt": ["LexBotAlias", "Arn"]},
    }
}


def slot_type_name(slot: Slot) -> str:
    """The slot type of a slot as the bot has it."""
    return f"{DIGITS}{slot.digits}" if slot.type == bot.ALPHANUMERIC else slot.type


def digits_pattern(slot: Slot) -> str:
    """What a number of a fixed length must look like."""
    return f"[0-9]{{{slot.digits}}}"


def _bot(languages: Sequence[Language]) -> dict[str, Any]:
    return {
        "Name": {"Fn::Sub": "frontdesk-${Stage}"},
        "Description": "The bank line.",
        "RoleArn": {"Fn::GetAtt": ["LexBotRole", "Arn"]},
        "DataPrivacy": {"ChildDirected": False},
        "IdleSessionTTLInSeconds": SESSION_SECONDS,
        "AutoBuildBotLocales": True,
        "BotLocales": [_locale(language) for language in languages],
    }


def _hash(content: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


def _version(languages: Sequence[Language]) -> dict[str, Any]:
    return {
        "BotId": {"Ref": "LexBot"},
        "BotVersionLocaleSpecification": [
            {"LocaleId": language.locale, "BotVersionLocaleDetails": {"SourceBotVersion": "DRAFT"}}
            for language in languages
        ],
    }


def _alias(languages: Sequence[Language], version: str) -> dict[str, Any]:
    """There are no conversation logs: what callers say is nobody's to keep."""
    hook = {"LambdaArn": {"Fn::GetAtt": [CODEHOOK, "Arn"]}, "CodeHookInterfaceVersion": "1.0"}
    setting = {"Enabled": True, "CodeHookSpecification": {"LambdaCodeHook": hook}}
    return {
        "BotAliasName": "live",
        "BotId": {"Ref": "LexBot"},
        "BotVersion": {"Fn::GetAtt": [version, "BotVersion"]},
        "BotAliasLocaleSettings": [
            {"LocaleId": language.locale, "BotAliasLocaleSetting": setting} for language in languages
        ],
    }


def _permission() -> dict[str, Any]:
    """For this alias alone. It waits for the alias, which needs no permission to be made: no circle."""
    return {
        "Action": "lambda:InvokeFunction",
        "FunctionName": {"Ref": CODEHOOK},
        "Principal": "lexv2.amazonaws.com",
        "SourceAccount": {"Ref": "AWS::AccountId"},
        "SourceArn": {"Fn::GetAtt": ["LexBotAlias", "Arn"]},
    }


def _locale(language: Language) -> dict[str, Any]:
    return {
        "LocaleId": language.locale,
        "NluConfidenceThreshold": CONFIDENCE,
        "VoiceSettings": {"VoiceId": language.voice["id"], "Engine": language.voice["engine"]},
        "SlotTypes": [*_own_types(language), *_digit_types()],
        "Intents": [_intent(intent, language) for intent in bot.INTENTS],
    }


def _own_types(language: Language) -> list[dict[str, Any]]:
    """The types of our own; a value is also the digit of its place, for keypads."""
    return [
        {
            "Name": name,
            "ValueSelectionSetting": {"ResolutionStrategy": "TOP_RESOLUTION"},
            "SlotTypeValues": [
                _value(value, [*language.slot_values[name][value], str(digit)]) for digit, value in enumerate(values, 1)
            ],
        }
        for name, values in bot.SLOT_TYPES.items()
    ]


def _value(value: str, words: Iterable[str]) -> dict[str, Any]:
    synonyms = [{"Value": word} for word in dict.fromkeys(words) if word != value]
    return {"SampleValue": {"Value": value}, "Synonyms": synonyms}


def _digit_types() -> list[dict[str, Any]]:
    slots = {slot_type_name(slot): slot for intent in bot.INTENTS for slot in intent.slots}
    return [
        {
            "Name": name,
            "ParentSlotTypeSignature": bot.ALPHANUMERIC,
            "ValueSelectionSetting": {
                "ResolutionStrategy": "ORIGINAL_VALUE",
                "RegexFilter": {"Pattern": digits_pattern(slot)},
            },
        }
        for name, slot in sorted(slots.items())
        if slot.type == bot.ALPHANUMERIC
    ]


def _intent(intent: Intent, language: Language) -> dict[str, Any]:
    if intent.name == bot.FALLBACK:  # it is of Lex's own making: no utterances, no slots, no dialog
        return {
            "Name": intent.name,
            "ParentIntentSignature": "AMAZON.FallbackIntent",
            "FulfillmentCodeHook": {"Enabled": True},
        }
    return {
        "Name": intent.name,
        "SampleUtterances": [{"Utterance": text} for text in language.utterances[intent.name]],
        "DialogCodeHook": {"Enabled": True},
        "FulfillmentCodeHook": {"Enabled": True},
        **_confirmation(intent, language),
        "Slots": [_slot(slot, language) for slot in intent.slots],
        "SlotPriorities": [
            {"SlotName": slot.name, "Priority": priority} for priority, slot in enumerate(intent.slots, 1)
        ],
    }


def _confirmation(intent: Intent, language: Language) -> dict[str, Any]:
    """Lex knows at build time what can be confirmed. The codehook has its own words, and hears of both answers."""
    if intent.confirm is None:
        return {}
    return {
        "IntentConfirmationSetting": {
            "IsActive": True,
            "PromptSpecification": _prompt(language.message(intent.confirm), CONFIRMATION_DIGITS),
            "ElicitationCodeHook": _ASK_AT_EACH_MISS,
        }
    }


def _slot(slot: Slot, language: Language) -> dict[str, Any]:
    """Optional to Lex: the codehook decides what is asked, and asks nobody who is verified for a PIN."""
    obfuscation = "DefaultObfuscation" if slot.obfuscated else "None"
    return {
        "Name": slot.name,
        "SlotTypeName": slot_type_name(slot),
        "ObfuscationSetting": {"ObfuscationSettingType": obfuscation},
        "ValueElicitationSetting": {
            "SlotConstraint": "Optional",
            "PromptSpecification": _prompt(language.message(slot.ask), slot.digits),
            "SlotCaptureSetting": {"ElicitationCodeHook": _ASK_AT_EACH_MISS},
        },
    }


def _prompt(text: str, digits: int) -> dict[str, Any]:
    return {
        "MessageGroupsList": [{"Message": _message(text)}],
        "MaxRetries": MAX_RETRIES,
        "AllowInterrupt": True,
        "PromptAttemptsSpecification": {attempt: _attempt(digits) for attempt in attempts()},
    }


def attempts() -> list[str]:
    """Lex's names of the first question and of those after it."""
    return ["Initial", *(f"Retry{number}" for number in range(1, MAX_RETRIES + 1))]


def _message(text: str) -> dict[str, Any]:
    if text.lstrip().startswith("<speak>"):
        return {"SSMLMessage": {"Value": text}}
    return {"PlainTextMessage": {"Value": text}}


def _attempt(digits: int) -> dict[str, Any]:
    """How one answer is taken: by voice, or from the keypad until its last digit, # or a pause; * begins anew."""
    return {
        "AllowInterrupt": True,
        "AllowedInputTypes": {"AllowAudioInput": True, "AllowDTMFInput": True},
        "AudioAndDTMFInputSpecification": {
            "StartTimeoutMs": 6000,
            "AudioSpecification": {"EndTimeoutMs": 800, "MaxLengthMs": 15000},
            "DTMFSpecification": {
                "MaxLength": digits,
                "EndTimeoutMs": 3000,
                "EndCharacter": "#",
                "DeletionCharacter": "*",
            },
        },
        "TextInputSpecification": {"StartTimeoutMs": 30000},
    }
