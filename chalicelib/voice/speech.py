"""What a caller hears, and how values are said: amounts in words, digits one by one, dates as dates.

A value is rendered twice from one pattern of the catalogue: as plain text where answers are read, and as SSML
(https://docs.aws.amazon.com/polly/latest/dg/supportedtags.html) where they are heard.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, TypeAlias
from xml.sax.saxutils import escape


@dataclass(frozen=True)
class Money:
    """``amount`` has two decimals at most; its sign is left to the sentence."""

    amount: Decimal
    currency: str = "USD"


@dataclass(frozen=True)
class Digits:
    """Digits said one by one; several groups are said as alternatives."""

    groups: tuple[str, ...]


@dataclass(frozen=True)
class Accounts:
    """Kinds of accounts; with ``keys``, offered as a choice by their numbers on the keypad."""

    kinds: tuple[str, ...]
    keys: tuple[int, ...] = ()


Value: TypeAlias = str | date | Money | Digits | Accounts


@dataclass(frozen=True)
class Say:
    """A message of the catalogue, by its name, with what it leaves open."""

    message: str
    values: Mapping[str, Value] = field(default_factory=dict)


def say(message: str, **values: Value) -> Say:
    return Say(message, values)


@dataclass(frozen=True)
class Formats:
    """A language's ways with values, as its catalogue has them."""

    patterns: Mapping[str, Any]

    def render(self, value: Value, *, spoken: bool) -> str:
        """A value as text, or as a piece of SSML if it is to be ``spoken``."""
        match value:
            case Money():
                return self._money(value, spoken)
            case Digits():
                return self._alternatives([_digits(group, spoken) for group in value.groups])
            case Accounts():
                return self._accounts(value, spoken)
            case date():
                return self._date(value, spoken)
        return _escaped(value, spoken)

    def account(self, kind: str) -> str:
        name: str = self.patterns["accounts"].get(kind, kind)
        return name

    def _money(self, money: Money, spoken: bool) -> str:
        whole, cents = divmod(int(abs(money.amount) * 100), 100)
        patterns = self.patterns["money"]
        figures = f"{whole:,}".translate({ord(","): patterns["thousands"], ord("."): patterns["decimal"]})
        names = patterns["currencies"].get(money.currency)
        if not spoken or names is None:
            text = f"{figures}{patterns['decimal']}{cents:02}"
            symbol = names["symbol"] if names else f"{money.currency} "
            return _escaped(str(patterns["written"]).format(symbol=symbol, amount=text), spoken)
        parts = [f"{figures} {_plural(names['whole'], whole)}"] if whole or not cents else []
        parts += [f"{cents} {_plural(names['cents'], cents)}"] if cents else []
        return _escaped(patterns["and"].join(parts), spoken)

    def _accounts(self, accounts: Accounts, spoken: bool) -> str:
        names = [self.account(kind) for kind in accounts.kinds]
        if accounts.keys:
            pattern = self.patterns["choice"]["spoken" if spoken else "written"]
            names = [pattern.format(name=name, key=key) for name, key in zip(names, accounts.keys, strict=True)]
        return self._alternatives([_escaped(name, spoken) for name in names])

    def _date(self, day: date, spoken: bool) -> str:
        patterns = self.patterns["date"]
        if spoken:
            figures = patterns["spoken"].format(day=day.day, month=day.month, year=day.year)
            return f'<say-as interpret-as="date" format="{patterns["order"]}">{figures}</say-as>'
        month = patterns["months"][day.month - 1]
        written: str = patterns["written"].format(day=day.day, month=month, year=day.year)
        return written

    def _alternatives(self, texts: Sequence[str]) -> str:
        if len(texts) < 2:
            return "".join(texts)
        return ", ".join(texts[:-1]) + str(self.patterns["or"]) + texts[-1]


def _digits(text: str, spoken: bool) -> str:
    return f'<say-as interpret-as="digits">{escape(text)}</say-as>' if spoken else text


def _plural(forms: Sequence[str], number: int) -> str:
    """The first form is for one, the second for any other number."""
    return forms[0] if number == 1 else forms[1]


def _escaped(text: str, spoken: bool) -> str:
    return escape(text) if spoken else text
