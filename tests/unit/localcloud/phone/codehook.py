"""A codehook for the phone's tests: answers with what it was given, in order, and remembers what it was asked."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from chalicelib.voice.bot import INTENTS
from infra.languages import Language, read_languages
from localcloud.phone.definition import Bot, read_bots

QUESTIONS = {slot.ask: f"Lex asks for {slot.name}." for intent in INTENTS for slot in intent.slots} | {
    intent.confirm: "Lex asks for a yes." for intent in INTENTS if intent.confirm
}


def languages() -> list[Language]:
    """Our languages, with questions of the tests'."""
    return [dataclasses.replace(language, messages=QUESTIONS) for language in read_languages()]


def bot(locale: str = "en_US") -> Bot:
    return read_bots(languages())[locale]


class FakeCodehook:
    def __init__(self, *answers: Any) -> None:
        self.events: list[dict[str, Any]] = []
        self._answers = list(answers)

    def __call__(self, event: dict[str, Any]) -> Any:
        self.events.append(event)
        answer = self._answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer(event) if callable(answer) else answer

    @property
    def intents(self) -> list[str]:
        return [event["sessionState"]["intent"]["name"] for event in self.events]

    @property
    def sources(self) -> list[str]:
        return [event["invocationSource"] for event in self.events]

    @property
    def values(self) -> dict[str, str]:
        """The slots that are filled, as the last event has them."""
        slots = self.events[-1]["sessionState"]["intent"]["slots"]
        return {name: slot["value"]["interpretedValue"] for name, slot in slots.items() if slot}


def answer(action: str, *says: str, attributes: Mapping[str, str] | None = None, **dialog: Any) -> Any:
    """An answer about the intent that was asked about."""

    def made(event: dict[str, Any]) -> dict[str, Any]:
        return {
            "sessionState": {
                "dialogAction": {"type": action, **dialog},
                "sessionAttributes": dict(attributes or {}),
                "intent": event["sessionState"]["intent"],
            },
            "messages": [{"contentType": "PlainText", "content": text} for text in says],
        }

    return made


def elicit(slot: str, *says: str) -> Any:
    return answer("ElicitSlot", *says, slotToElicit=slot)


DELEGATE = answer("Delegate")
