"""The bot as Lex would have it: read back from the CloudFormation resources that make it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from infra import bot
from infra.languages import Language


@dataclass(frozen=True)
class SlotType:
    """A type of the bot's own: canonical values with all words for each, or a pattern that digits must match."""

    values: Mapping[str, tuple[str, ...]]
    pattern: str | None = None


@dataclass(frozen=True)
class Slot:
    """``prompt`` is what Lex says when it asks by itself; ``digits`` end an input from the keypad."""

    name: str
    type: str
    prompt: str
    digits: int
    required: bool
    retries: int


@dataclass(frozen=True)
class Confirmation:
    """``prompt`` is what Lex says when it asks by itself, ``digits`` end an input from the keypad."""

    prompt: str
    digits: int
    retries: int


@dataclass(frozen=True)
class Intent:
    """``confirmation`` is None where the bot has none that is active: then nothing can be confirmed."""

    name: str
    utterances: tuple[str, ...]
    slots: tuple[Slot, ...]
    asks_hook: bool
    fulfils_by_hook: bool
    is_fallback: bool
    confirmation: Confirmation | None = None

    def slot(self, name: str | None) -> Slot | None:
        return next((slot for slot in self.slots if slot.name == name), None)


@dataclass(frozen=True)
class Bot:
    """One locale of the bot. ``yes`` and ``no`` are phrases that Lex knows by itself; the contact flow greets."""

    locale: str
    intents: tuple[Intent, ...]
    slot_types: Mapping[str, SlotType]
    yes: tuple[str, ...]
    no: tuple[str, ...]
    greeting: str = ""

    @property
    def fallback(self) -> Intent:
        return next(intent for intent in self.intents if intent.is_fallback)

    def intent(self, name: str | None) -> Intent | None:
        return next((intent for intent in self.intents if intent.name == name), None)


def read_bots(languages: Iterable[Language]) -> dict[str, Bot]:
    """The bot in every language, by locale; ``LanguageError`` when there can be none."""
    known = {language.locale: language for language in languages}
    locales = bot.resources(known.values())["LexBot"]["Properties"]["BotLocales"]
    return {locale["LocaleId"]: _read_bot(locale, known[locale["LocaleId"]]) for locale in locales}


def _read_bot(locale: Mapping[str, Any], language: Language) -> Bot:
    return Bot(
        locale["LocaleId"],
        tuple(map(_read_intent, locale["Intents"])),
        {entry["Name"]: _read_slot_type(entry) for entry in locale["SlotTypes"]},
        tuple(language.confirmation["yes"]),
        tuple(language.confirmation["no"]),
        str(language.messages.get("greeting", "")),
    )


def _read_slot_type(entry: Mapping[str, Any]) -> SlotType:
    values = {
        value["SampleValue"]["Value"]: (
            value["SampleValue"]["Value"],
            *(synonym["Value"] for synonym in value["Synonyms"]),
        )
        for value in entry.get("SlotTypeValues", ())
    }
    return SlotType(values, entry["ValueSelectionSetting"].get("RegexFilter", {}).get("Pattern"))


def _read_intent(entry: Mapping[str, Any]) -> Intent:
    order = {place["SlotName"]: place["Priority"] for place in entry.get("SlotPriorities", ())}
    slots = sorted(map(_read_slot, entry.get("Slots", ())), key=lambda slot: order[slot.name])
    return Intent(
        entry["Name"],
        tuple(sample["Utterance"] for sample in entry.get("SampleUtterances", ())),
        tuple(slots),
        asks_hook=entry.get("DialogCodeHook", {}).get("Enabled", False),
        fulfils_by_hook=entry.get("FulfillmentCodeHook", {}).get("Enabled", False),
        is_fallback="ParentIntentSignature" in entry,
        confirmation=_read_confirmation(entry.get("IntentConfirmationSetting", {"IsActive": False})),
    )


def _read_confirmation(setting: Mapping[str, Any]) -> Confirmation | None:
    """Lex takes one for active that does not say."""
    return Confirmation(*_read_prompt(setting)) if setting.get("IsActive", True) else None


def _read_prompt(setting: Mapping[str, Any]) -> tuple[str, int, int]:
    """What Lex says, the digits that a keypad may send, and how often it asks again."""
    prompt = setting["PromptSpecification"]
    (message,) = prompt["MessageGroupsList"][0]["Message"].values()
    keypad = prompt["PromptAttemptsSpecification"]["Initial"]["AudioAndDTMFInputSpecification"]["DTMFSpecification"]
    return message["Value"], keypad["MaxLength"], prompt["MaxRetries"]


def _read_slot(entry: Mapping[str, Any]) -> Slot:
    setting = entry["ValueElicitationSetting"]
    prompt, digits, retries = _read_prompt(setting)
    required = setting["SlotConstraint"] == "Required"
    return Slot(entry["Name"], entry["SlotTypeName"], prompt, digits, required, retries)
