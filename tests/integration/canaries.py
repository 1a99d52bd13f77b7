"""Secrets of a caller that would be recognised anywhere, and the search for them in every form they may take."""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ENGLISH = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
_SPANISH = ["cero", "uno", "dos", "tres", "cuatro", "cinco", "seis", "siete", "ocho", "nueve"]

_BETWEEN = r"""[\s,.:;_/\\"'-]{0,4}"""
"""What may stand between the digits of a number, or between words."""

_LEAST = 5
"""Shorter pieces of base64 are found in any heap of it."""

_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


@dataclass(frozen=True)
class Search:
    """Finds canaries, which are digits or sentences, by name."""

    canaries: Mapping[str, str]

    def find(self, text: str) -> set[str]:
        """The names of the canaries that stand in a text, in whatever form. Ids that chance made say nothing."""
        bare = _UUID.sub("", text)
        return {name for name, pattern in self._patterns.items() if pattern.search(bare)}

    @property
    def _patterns(self) -> dict[str, re.Pattern[str]]:
        return {name: _pattern(canary) for name, canary in self.canaries.items()}


def _pattern(canary: str) -> re.Pattern[str]:
    texts = [canary, canary[::-1], *_written(canary)]
    forms = [_apart(text) for text in texts]
    for text in texts:
        others = {_escaped(text), text.encode().hex(), json.dumps(text)[1:-1], *_encoded(text)}
        forms += map(re.escape, others - {text})
    return re.compile("|".join(dict.fromkeys(forms)))


def _written(canary: str) -> Iterator[str]:
    """Other ways to write a number: with spaces and dashes, and as words."""
    if canary.isdecimal():
        for between in " -":
            yield between.join(canary)
            yield between.join(canary[place : place + 2] for place in range(0, len(canary), 2))
        for words in (_ENGLISH, _SPANISH):
            yield " ".join(words[int(digit)] for digit in canary)


def _apart(text: str) -> str:
    """A pattern for digits or words, whatever stands between them, that are no part of a longer number or word."""
    parts = re.findall(r"\d|[^\W\d]+", text)
    return rf"(?i:(?<![^\W_])(?<!\d\.){_BETWEEN.join(parts)}(?![^\W_])(?!\.\d))"


def _escaped(text: str) -> str:
    return "".join(f"\\u{ord(letter):04x}" for letter in text)


def _encoded(text: str) -> Iterator[str]:
    """What base64 makes of a text at each place where it may begin, without what its neighbours change."""
    for before in range(3):
        data = b"\0" * before + text.encode()
        whole = base64.b64encode(data).decode().rstrip("=")
        piece = whole[-(-before * 8 // 6) : len(data) * 8 // 6]
        if len(piece) >= _LEAST:
            yield piece
