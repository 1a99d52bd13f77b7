"""What Lex makes of an input before it asks the codehook: slots that are filled, confirmations, other intents."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from localcloud.phone.definition import Bot, Confirmation, Intent, Slot
from localcloud.phone.events import Input
from localcloud.phone.matching import match
from localcloud.phone.responses import Action
from localcloud.phone.values import Value, resolve
from localcloud.phone.words import words

_WITHIN_OTHER_WORDS = 2
"""How certain a match must be to lead away from a question: its words stand there in their order."""


@dataclass(frozen=True)
class Session:
    """What Lex remembers of a call between two inputs: what it expects next, and how often that was missed."""

    session_id: str
    attributes: Mapping[str, str]
    intent: Mapping[str, Any] | None = None
    action: Action = "ElicitIntent"
    slot: str | None = None
    misses: int = 0


@dataclass(frozen=True)
class Understood:
    """``intent`` as Lex has it now, the slots that this input filled, and how often its question was missed."""

    intent: Mapping[str, Any]
    values: Mapping[str, Value]
    misses: int = 0


def understand(session: Session, said: Input, bot: Bot) -> Understood:
    """What an input means in a session; where it means nothing and was asked for too often, the fallback."""
    if session.intent is not None and session.action == "ElicitSlot":
        return _answer(session, session.intent, said, bot)
    if session.intent is not None and session.action == "ConfirmIntent":
        return _confirmation(session, session.intent, said, bot)
    return _request(said, bot) or _fallback(bot)


def keyed(said: Input, session: Session, bot: Bot) -> Input:
    """The digits that end an input of the keypad: up to # or as many as the slot has; * takes all of them back."""
    if not said.keypad:
        return said
    digits = said.text.split("#")[0]
    if "*" in digits:
        return replace(said, text="")
    wanted = asked_digits(session, bot)
    return replace(said, text=digits[:wanted])


def asked_digits(session: Session, bot: Bot) -> int | None:
    """How many digits end an input of the keypad, None for any number of them."""
    if slot := asked_slot(session, bot):
        return slot.digits
    confirmation = _asked_confirmation(session, bot)
    return confirmation.digits if confirmation else None


def asked_slot(session: Session, bot: Bot) -> Slot | None:
    """The slot that was asked for, if one was."""
    intent = bot.intent(session.intent["name"]) if session.intent else None
    return intent.slot(session.slot) if intent and session.action == "ElicitSlot" else None


def _asked_confirmation(session: Session, bot: Bot) -> Confirmation | None:
    intent = bot.intent(session.intent["name"]) if session.intent else None
    return intent.confirmation if intent and session.action == "ConfirmIntent" else None


def _answer(session: Session, intent: Mapping[str, Any], said: Input, bot: Bot) -> Understood:
    slot = asked_slot(session, bot)
    assert slot is not None
    if value := resolve(said.text, slot, bot, within=False):
        return _filled(intent, {slot.name: value})
    if led := _elsewhere(intent, said, bot):
        return led
    if value := resolve(said.text, slot, bot, within=True):
        return _filled(intent, {slot.name: value})
    return _missed(session, intent, slot.retries, bot)


def _confirmation(session: Session, intent: Mapping[str, Any], said: Input, bot: Bot) -> Understood:
    text = words(said.text)
    for state, phrases in (("Confirmed", bot.yes), ("Denied", bot.no)):
        if any(text[: len(words(phrase))] == words(phrase) for phrase in phrases):
            return Understood({**intent, "confirmationState": state}, {})
    asked = _asked_confirmation(session, bot)
    return _elsewhere(intent, said, bot) or _missed(session, intent, asked.retries if asked else 0, bot)


def _elsewhere(intent: Mapping[str, Any], said: Input, bot: Bot) -> Understood | None:
    """Another intent than the one that asks, or more of the slots of the same one."""
    found = match(said.text, bot)
    if found is None or found.score[0] < _WITHIN_OTHER_WORDS:
        return None
    if found.intent.name != intent["name"]:
        return _filled(new_intent(found.intent), found.values)
    return _filled(intent, found.values) if found.values else None


def _request(said: Input, bot: Bot) -> Understood | None:
    found = match(said.text, bot)
    return _filled(new_intent(found.intent), found.values) if found else None


def _missed(session: Session, intent: Mapping[str, Any], retries: int, bot: Bot) -> Understood:
    if session.misses >= retries:
        return _fallback(bot)
    return Understood(intent, {}, session.misses + 1)


def _fallback(bot: Bot) -> Understood:
    return Understood(new_intent(bot.fallback), {})


def new_intent(intent: Intent) -> dict[str, Any]:
    """An intent as Lex begins it."""
    slots = {slot.name: None for slot in intent.slots}
    return {"name": intent.name, "state": "InProgress", "confirmationState": "None", "slots": slots}


def _filled(intent: Mapping[str, Any], values: Mapping[str, Value]) -> Understood:
    slots = {**intent["slots"], **{name: value.as_slot() for name, value in values.items()}}
    return Understood({**intent, "slots": slots}, values)
