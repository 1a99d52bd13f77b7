"""The bot's languages, as their files in ``chalicelib/voice/locales`` have them, and what makes one unusable."""

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from chalicelib.voice import bot
from chalicelib.voice.bot import Intent

LOCALES = Path(bot.__file__).parent / "locales"

_PLACEHOLDER = re.compile(r"{(\w+)}")

_IN_WORDS = frozenset("0123456789'-._")
"""What Lex takes in a word of an utterance beside letters."""


class LanguageError(Exception):
    """A language cannot be made into a bot; the message names every fault."""


@dataclass(frozen=True)
class Language:
    """What Lex must know of a language. ``locale`` is Lex's id of it; a slot in an utterance is its name in braces."""

    locale: str
    voice: Mapping[str, str]
    utterances: Mapping[str, Sequence[str]]
    slot_values: Mapping[str, Mapping[str, Sequence[str]]]
    confirmation: Mapping[str, Sequence[str]]
    messages: Mapping[str, Any]

    def message(self, name: str) -> str:
        """What Lex says by itself, plain text or SSML; ``LanguageError`` where the language lacks it."""
        text = self.messages.get(name)
        if not isinstance(text, str):
            raise LanguageError(f"{self.locale}: there is no message {name}.")
        return text


def read_languages(folder: Path = LOCALES) -> tuple[Language, ...]:
    """Every language there is a file of, by its locale's name; ``LanguageError`` when a file is none."""
    return tuple(_read_language(path) for path in sorted(folder.glob("*.json")))


def _read_language(path: Path) -> Language:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise LanguageError(f"{path.name} is no language: {error}") from error
    names = [field.name for field in fields(Language) if field.name != "locale"]
    if missing := [name for name in names if not isinstance(content.get(name), dict)]:
        raise LanguageError(f"{path.name} is no language: it lacks {', '.join(missing)}.")
    return Language(path.stem, **{name: content[name] for name in names})


def check(language: Language) -> None:
    """Raise ``LanguageError`` with all that would let Lex refuse the language, or leave a caller without a question."""
    if faults := list(_faults(language)):
        raise LanguageError(f"{language.locale} cannot be a language of the bot:\n" + "\n".join(faults))


def _faults(language: Language) -> Iterator[str]:
    names = {intent.name for intent in bot.INTENTS} - {bot.FALLBACK}
    for name in sorted(names ^ language.utterances.keys()):
        yield f"  utterances: {name} is {'missing' if name in names else 'no intent, or the fallback'}"
    for intent in bot.INTENTS:
        yield from _faults_of_utterances(intent, language.utterances.get(intent.name, ()))
        yield from _faults_of_prompts(intent, language)
    said = Counter(text.casefold() for texts in language.utterances.values() for text in texts)
    yield from (f"  utterances: {text!r} stands there twice" for text, times in said.items() if times > 1)
    for name, values in bot.SLOT_TYPES.items():
        yield from _faults_of_values(name, values, language.slot_values.get(name, {}))


def _faults_of_utterances(intent: Intent, utterances: Sequence[str]) -> Iterator[str]:
    slots = {slot.name for slot in intent.slots}
    for text in utterances:
        for name in sorted(set(_PLACEHOLDER.findall(text)) - slots):
            yield f"  utterances: {text!r} names {name}, which is no slot of {intent.name}"
        if not is_utterance(text):
            yield f"  utterances: {text!r} is not words and slots between single spaces, as Lex takes them"


def is_utterance(text: str) -> bool:
    """Whether Lex takes a sample utterance for sure: words and slots, with one space between each two of them.

    A word has letters of any alphabet, accents included, and digits; also apostrophes, hyphens, underscores, and the
    periods of abbreviations. A slot is its name in braces and stands by itself. Lex writes no rule down. This is the
    narrower one of Alexa's models, without the comma and the exclamation mark of Lex's own examples.
    https://docs.aws.amazon.com/lexv2/latest/dg/sample-utterances.html
    """
    return all(_PLACEHOLDER.fullmatch(word) or _is_word(word) for word in text.split(" "))


def _is_word(word: str) -> bool:
    return any(map(str.isalnum, word)) and all(sign.isalpha() or sign in _IN_WORDS for sign in word)


def _faults_of_prompts(intent: Intent, language: Language) -> Iterator[str]:
    asked = [(slot.ask, f"asks for {slot.name}") for slot in intent.slots]
    asked += [(intent.confirm, "asks for a yes")] if intent.confirm else []
    for name, purpose in asked:
        text = language.messages.get(name)
        if not isinstance(text, str) or not text.strip():
            yield f"  messages: {name} is missing, which {purpose} of {intent.name}"
        elif _PLACEHOLDER.search(text):
            yield f"  messages: {name} is said by Lex too, which cannot fill {_PLACEHOLDER.findall(text)}"


def _faults_of_values(name: str, values: Sequence[str], known: Mapping[str, Sequence[str]]) -> Iterator[str]:
    for value in sorted(set(values) ^ known.keys()):
        yield f"  slot_values: {value} of {name} is {'missing' if value in values else 'no value'}"
    words = Counter(word.casefold() for synonyms in known.values() for word in set(synonyms))
    yield from (f"  slot_values: {word!r} means two values of {name}" for word, times in words.items() if times > 1)
