"""Message catalogues: what callers hear, a file for each language in ``locales/``. Adding a language is adding a file.

A locale that has no file is answered in its language's, and failing that in English. Only what is needed is read, once.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape

from chalicelib.voice.lex_response import Message, plain_text, ssml
from chalicelib.voice.speech import Formats, Say

LOCALES = Path(__file__).parent / "locales"
DEFAULT = "en_US"

_PLACEHOLDER = re.compile(r"\{(\w+)\}")


@dataclass(frozen=True)
class Catalogue:
    """One language. ``synonyms`` are those of each slot type's values."""

    locale: str
    messages: Mapping[str, str]
    formats: Formats
    synonyms: Mapping[str, Mapping[str, Sequence[str]]]

    def message(self, said: Say, *, spoken: bool) -> Message:
        """A message for Lex: SSML if it is to be ``spoken``, else plain text."""
        text = self.text(said)
        if not spoken:
            return plain_text(text)
        return ssml(f"<speak>{self._fill(escape(self.messages[said.message]), said, spoken=True)}</speak>", text)

    def text(self, said: Say) -> str:
        return self._fill(self.messages[said.message], said, spoken=False)

    def _fill(self, template: str, said: Say, *, spoken: bool) -> str:
        return _PLACEHOLDER.sub(lambda match: self.formats.render(said.values[match[1]], spoken=spoken), template)


def catalogue(locale: str) -> Catalogue:
    """The catalogue for a locale such as ``es_US``, whatever it is."""
    return _read(choose_locale(locale))


def placeholders(text: str) -> frozenset[str]:
    """The names of what a message leaves open."""
    return frozenset(_PLACEHOLDER.findall(text))


@cache
def locales() -> tuple[str, ...]:
    """The locales that have a file, in order."""
    return tuple(sorted(path.stem for path in LOCALES.glob("*.json")))


def choose_locale(locale: str) -> str:
    """The one of our locales in which a locale is answered."""
    if locale in locales():
        return locale
    language = re.split("[_-]", locale, maxsplit=1)[0]
    return next((known for known in locales() if known.split("_")[0] == language), DEFAULT)


@cache
def _read(locale: str) -> Catalogue:
    content: Mapping[str, Any] = json.loads((LOCALES / f"{locale}.json").read_text(encoding="utf-8"))
    return Catalogue(locale, content["messages"], Formats(content["formats"]), content["slot_values"])
