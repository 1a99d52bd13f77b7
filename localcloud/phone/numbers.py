"""Numbers as callers say them: digit by digit, and as simple number words of the languages that are known here.

A language without number words of its own still has digits.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal


def _count(text: str, first: int = 0, step: int = 1) -> dict[str, int]:
    return {word: first + step * place for place, word in enumerate(text.split())}


@dataclass(frozen=True)
class NumberWords:
    """``values`` are added up, ``multipliers`` multiply what came before; ``links`` stand between numbers."""

    values: Mapping[str, int] = field(default_factory=dict)
    multipliers: Mapping[str, int] = field(default_factory=dict)
    digits: Mapping[str, int] = field(default_factory=dict)
    links: frozenset[str] = frozenset()
    twice: frozenset[str] = frozenset()


_ENGLISH = NumberWords(
    values=_count("zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen")
    | _count("sixteen seventeen eighteen nineteen", 16)
    | _count("twenty thirty forty fifty sixty seventy eighty ninety", 20, 10)
    | {"a": 1},
    multipliers={"hundred": 100, "thousand": 1_000, "grand": 1_000, "million": 1_000_000},
    digits=_count("zero one two three four five six seven eight nine") | {"oh": 0, "o": 0},
    links=frozenset({"and"}),
    twice=frozenset({"double"}),
)

_SPANISH = NumberWords(
    values=_count("cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince")
    | _count("dieciseis diecisiete dieciocho diecinueve veinte veintiuno veintidos veintitres veinticuatro", 16)
    | _count("veinticinco veintiseis veintisiete veintiocho veintinueve", 25)
    | _count("treinta cuarenta cincuenta sesenta setenta ochenta noventa cien", 30, 10)
    | _count("doscientos trescientos cuatrocientos quinientos seiscientos setecientos ochocientos", 200, 100)
    | {"un": 1, "una": 1, "ciento": 100, "novecientos": 900},
    multipliers={"mil": 1_000, "millon": 1_000_000, "millones": 1_000_000},
    digits=_count("cero uno dos tres cuatro cinco seis siete ocho nueve"),
    links=frozenset({"y"}),
    twice=frozenset({"doble"}),
)

_LANGUAGES = {"en": _ENGLISH, "es": _SPANISH}


def number_words(locale: str) -> NumberWords:
    """The number words of a locale such as ``en_US``."""
    return _LANGUAGES.get(locale.partition("_")[0], NumberWords())


def read_digits(text: Sequence[str], known: NumberWords) -> str | None:
    """Words that say digits one by one, or in groups of numerals, as those digits; None if any word says none."""
    found, times = "", 1
    for word in text:
        if word in known.twice:
            times = 2
            continue
        digits = str(known.digits[word]) if word in known.digits else word
        if not (digits.isascii() and digits.isdecimal()):
            return None
        found, times = found + digits * times, 1
    return found or None


def read_number(text: Sequence[str], known: NumberWords) -> Decimal | None:
    """Words that say one number, as ``two hundred fifty``, ``dos mil`` or ``250.50``; None if they say none."""
    if len(text) > 1 and (digits := read_digits(text, known)):
        return Decimal(digits)
    total, current, last = Decimal(0), Decimal(0), None
    for word in text:
        if word in known.links and last is not None:
            continue
        if word in known.multipliers:
            times = known.multipliers[word]
            current = max(current, Decimal(1)) * times
            last = Decimal(times)
            if times >= 1_000:
                total, current = total + current, Decimal(0)
            continue
        value = _value(word, known)
        if value is None or (last is not None and not _follows(value, last)):
            return None
        current, last = current + value, value
    return None if last is None else total + current


def runs(text: Sequence[str]) -> Iterator[list[str]]:
    """Every run of neighbouring words, the longest first."""
    for length in range(len(text), 0, -1):
        for place in range(len(text) - length + 1):
            yield list(text[place : place + length])


def _value(word: str, known: NumberWords) -> Decimal | None:
    if word in known.values:
        return Decimal(known.values[word])
    return Decimal(word) if word.replace(".", "", 1).isdecimal() and word.isascii() else None


def _follows(value: Decimal, last: Decimal) -> bool:
    """Whether a value can be added after another: ``twenty five``, never ``five twenty``."""
    return (last >= 100 and value < last and last % 100 == 0) or (20 <= last < 100 and last % 10 == 0 and value < 10)
