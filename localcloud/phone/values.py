"""What a caller's words are worth as a slot's value, in place of Lex's own recognition."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from localcloud.phone.definition import Bot, Slot, SlotType
from localcloud.phone.numbers import number_words, read_digits, read_number, runs
from localcloud.phone.words import find, words

NUMBER = "AMAZON.Number"


@dataclass(frozen=True)
class Value:
    """What was said and what it means, as Lex hands it over."""

    original: str
    interpreted: str

    def as_slot(self) -> dict[str, Any]:
        return {
            "shape": "Scalar",
            "value": {
                "originalValue": self.original,
                "interpretedValue": self.interpreted,
                "resolvedValues": [self.interpreted],
            },
        }


def resolve(said: str, slot: Slot, bot: Bot, *, within: bool) -> Value | None:
    """The value of a slot that the words say; ``within`` lets other words stand around it."""
    text = words(said)
    interpreted = _interpret(text, slot, bot)
    if interpreted is None and within:
        interpreted = _find(text, slot, bot)
    return None if interpreted is None else Value(said.strip(), interpreted)


def _interpret(text: Sequence[str], slot: Slot, bot: Bot) -> str | None:
    if slot.type == NUMBER:
        number = read_number(text, number_words(bot.locale))
        return None if number is None else f"{number:f}"
    kind = bot.slot_types[slot.type]
    if kind.pattern is not None:
        digits = read_digits(text, number_words(bot.locale))
        return digits if digits is not None and re.fullmatch(kind.pattern, digits) else None
    return next((value for value, phrases in kind.values.items() if list(text) in map(words, phrases)), None)


def _find(text: list[str], slot: Slot, bot: Bot) -> str | None:
    if slot.type == NUMBER or bot.slot_types[slot.type].pattern is not None:
        return next((value for run in runs(text) if (value := _interpret(run, slot, bot)) is not None), None)
    return _longest_phrase(text, bot.slot_types[slot.type])


def _longest_phrase(text: list[str], kind: SlotType) -> str | None:
    """The value of the longest phrase in the text; a key alone, as ``1``, counts for nothing there."""
    found = [
        (len(words(phrase)), value)
        for value, phrases in kind.values.items()
        for phrase in phrases
        if not phrase.isdecimal() and find(words(phrase), text)
    ]
    return max(found)[1] if found else None
