"""Which intent a caller's words mean, in place of Lex's model: by its sample utterances alone.

The whole utterance counts most, then one that stands within other words, then one whose words are all there in another
order. Of two, the one with more words of its own wins. What is a no by itself means nothing within other words.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from localcloud.phone.definition import Bot, Intent
from localcloud.phone.values import Value, resolve
from localcloud.phone.words import words


@dataclass(frozen=True)
class Match:
    intent: Intent
    values: Mapping[str, Value]
    score: tuple[int, int, int] = field(compare=False)


def match(said: str, bot: Bot) -> Match | None:
    """The intent that the words mean most likely, with the slots they fill; None if they mean none."""
    text = words(said)
    found = [
        one
        for intent in bot.intents
        for utterance in intent.utterances
        if (one := _match(text, intent, words(utterance), bot))
    ]
    return max(found, key=lambda one: one.score, default=None)


def _match(text: Sequence[str], intent: Intent, pattern: Sequence[str], bot: Bot) -> Match | None:
    literal = [word for word in pattern if not word.startswith("{")]
    if pattern != text and any(pattern == words(no) for no in bot.no):
        return None
    for certainty, captured in _ways(text, pattern, literal):
        values = _values(captured, intent, bot)
        if values is not None:
            return Match(intent, values, (certainty, len(literal), len(values)))
    return None


def _ways(text: Sequence[str], pattern: Sequence[str], literal: list[str]) -> Iterator[tuple[int, dict[str, str]]]:
    parts = [f"(?P<{word[1:-1]}>.+?)" if word.startswith("{") else re.escape(word) for word in pattern]
    if pattern[-1].startswith("{"):
        parts[-1] = parts[-1].replace(".+?", ".+")  # to the last word said
    expression = r"\s".join(parts)
    said = " ".join(text)
    if whole := re.fullmatch(expression, said):
        yield 3, whole.groupdict()
    if literal and (part := re.search(rf"(?<!\S){expression}(?!\S)", said)):
        yield 2, part.groupdict()
    slots = [word[1:-1] for word in pattern if word.startswith("{")]
    if len(literal) > 1 and len(slots) < 2 and set(literal) <= set(text):
        yield 1, dict.fromkeys(slots, said)


def _values(captured: Mapping[str, str], intent: Intent, bot: Bot) -> dict[str, Value] | None:
    """The values of the slots, None if one of them has none."""
    found = {}
    for name, said in captured.items():
        slot = intent.slot(name)
        value = resolve(said, slot, bot, within=True) if slot else None
        if value is None:
            return None
        found[name] = value
    return found
