"""What was said as words that can be compared: no case, no accents, no punctuation."""

import re
import unicodedata

_BETWEEN_DIGITS = re.compile(r"(?<=\d),(?=\d{3}\b)")
_SILENT = re.compile(r"['’]")  # noqa: RUF001 - an apostrophe as people type it
_NO_WORD = re.compile(r"[^\w.{}]+|\.(?!\d)|(?<!\d)\.|_")


def words(text: str) -> list[str]:
    """The words of a text; ``1,204.50`` is one of them, and a slot of an utterance keeps its braces."""
    plain = "".join(letter for letter in unicodedata.normalize("NFKD", text) if not unicodedata.combining(letter))
    plain = _SILENT.sub("", _BETWEEN_DIGITS.sub("", plain))
    return [word if word.startswith("{") else word.casefold() for word in _NO_WORD.sub(" ", plain).split()]


def find(needle: list[str], text: list[str]) -> bool:
    """Whether words stand in a text, one after the other."""
    return any(text[place : place + len(needle)] == needle for place in range(len(text) - len(needle) + 1))
