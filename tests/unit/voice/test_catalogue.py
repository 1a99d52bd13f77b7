"""The languages: complete, alike, and spoken as people speak."""

import json
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

from chalicelib.voice import bot, codehook
from chalicelib.voice.catalogue import LOCALES, catalogue, choose_locale, locales, placeholders
from chalicelib.voice.speech import Accounts, Digits, Money, Say, Value, say

ENGLISH, SPANISH = catalogue("en_US"), catalogue("es_US")
VALUES: dict[str, Value] = {
    "amount": Money(Decimal("1204.50")),
    "most": Money(Decimal(10_000)),
    "date": date(2026, 3, 9),
    "last_four": Digits(("4321",)),
    "source_last_four": Digits(("4321",)),
    "target_last_four": Digits(("8765",)),
    "cards": Digits(("9876", "7788")),
    "account": Accounts(("checking",)),
    "source": Accounts(("checking",)),
    "target": Accounts(("savings",)),
    "accounts": Accounts(("checking", "credit"), (1, 3)),
}


def content(locale: str) -> Any:
    return json.loads((LOCALES / f"{locale}.json").read_text(encoding="utf-8"))


def shape(value: Any) -> Any:
    """The names in a catalogue's part, without its words."""
    return {name: shape(one) for name, one in value.items()} if isinstance(value, dict) else type(value)


@pytest.mark.parametrize("locale", locales())
class TestEveryLanguage:
    def test_has_the_messages_of_english_with_the_same_gaps(self, locale: str) -> None:
        messages = catalogue(locale).messages

        assert {name: placeholders(text) for name, text in messages.items()} == {
            name: placeholders(text) for name, text in ENGLISH.messages.items()
        }

    def test_has_its_other_parts(self, locale: str) -> None:
        ours, english = content(locale), content("en_US")

        assert ours.keys() == english.keys()
        for part in ("formats", "utterances", "slot_values", "confirmation", "voice"):
            assert shape(ours[part]) == shape(english[part]), part
        assert set(ours["utterances"]) == {intent.name for intent in bot.INTENTS} - {bot.FALLBACK}
        assert len(ours["formats"]["date"]["months"]) == 12

    def test_says_everything_in_text_and_in_ssml_that_is_xml(self, locale: str) -> None:
        words = catalogue(locale)
        for name, text in words.messages.items():
            said = Say(name, {gap: VALUES[gap] for gap in placeholders(text)})
            assert "{" not in words.text(said)
            spoken = words.message(said, spoken=True)
            assert spoken["contentType"] == "SSML"
            assert ET.fromstring(spoken["content"]).tag == "speak"  # noqa: S314 - made a line above

    def test_lex_itself_can_ask_for_every_slot_and_for_a_yes(self, locale: str) -> None:
        for intent in bot.INTENTS:
            asked = [slot.ask for slot in intent.slots] + ([intent.confirm] if intent.confirm else [])
            for name in asked:
                assert not placeholders(catalogue(locale).messages[name])

    def test_every_question_for_a_yes_says_that_it_wants_words(self, locale: str) -> None:
        messages = catalogue(locale).messages

        assert [name for name, text in messages.items() if text.endswith(messages["confirm_again"])] == [
            "confirm_again",
            "confirm_transfer",
            "confirm_pending_transfer",
            "confirm_block",
        ]


def _said_in_code() -> Iterator[str]:
    for path in Path(codehook.__file__).parent.rglob("*.py"):
        yield from re.findall(r'\bsay\(\s*"(\w+)"', path.read_text(encoding="utf-8"))


def test_every_message_is_there_and_is_said_somewhere() -> None:
    by_slots = {slot.ask for intent in bot.INTENTS for slot in intent.slots}
    by_condition = {"balance", "balance_owed", "fallback", "fallback_silence", "silence", "not_understood"}
    by_condition |= {"confirm_transfer", "confirm_pending_transfer", "failed", "unavailable"}
    by_condition |= {f"transfer_refused_{reason}" for reason in ("insufficient_funds", "limit_exceeded", "other")}
    by_lex = {intent.confirm for intent in bot.INTENTS if intent.confirm}
    by_the_contact_flow = {"greeting"}

    assert ENGLISH.messages.keys() == {*_said_in_code(), *by_slots, *by_condition, *by_lex, *by_the_contact_flow}


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en_US", "en_US"),
        ("es_US", "es_US"),
        ("es_419", "es_US"),
        ("es-MX", "es_US"),
        ("en_GB", "en_US"),
        ("fr_FR", "en_US"),
        ("", "en_US"),
        ("../../secrets", "en_US"),
        ("\ud800", "en_US"),
    ],
)
def test_a_locale_without_a_file(locale: str, expected: str) -> None:
    assert choose_locale(locale) == expected
    assert catalogue(locale) is catalogue(expected)


class TestAmounts:
    @pytest.mark.parametrize(
        ("amount", "english", "spanish"),
        [
            ("1204.50", "1,204 dollars and 50 cents", "1,204 dólares con 50 centavos"),
            ("1", "1 dollar", "1 dólar"),
            ("0.01", "1 cent", "1 centavo"),
            ("0", "0 dollars", "0 dólares"),
            ("2.01", "2 dollars and 1 cent", "2 dólares con 1 centavo"),
            ("-230.10", "230 dollars and 10 cents", "230 dólares con 10 centavos"),
            ("1234567.89", "1,234,567 dollars and 89 cents", "1,234,567 dólares con 89 centavos"),
        ],
    )
    def test_spoken(self, amount: str, english: str, spanish: str) -> None:
        money = Money(Decimal(amount))

        assert ENGLISH.formats.render(money, spoken=True) == english
        assert SPANISH.formats.render(money, spoken=True) == spanish

    def test_written(self) -> None:
        assert ENGLISH.formats.render(Money(Decimal("1204.5")), spoken=False) == "$1,204.50"

    def test_in_a_currency_without_words(self) -> None:
        assert ENGLISH.formats.render(Money(Decimal(3), "CHF"), spoken=True) == "CHF 3.00"


def test_dates() -> None:
    day = date(2026, 3, 9)

    assert ENGLISH.formats.render(day, spoken=False) == "March 9, 2026"
    assert SPANISH.formats.render(day, spoken=False) == "9 de marzo de 2026"
    assert ENGLISH.formats.render(day, spoken=True) == '<say-as interpret-as="date" format="mdy">3/9/2026</say-as>'


def test_alternatives() -> None:
    cards = Digits(("1", "2", "3"))

    assert SPANISH.formats.render(cards, spoken=False) == "1, 2 o 3"
    assert ENGLISH.formats.render(Accounts(("savings",), (2,)), spoken=True) == "savings account, press 2"


def test_what_comes_from_elsewhere_cannot_speak_ssml() -> None:
    said = say("balance", **VALUES | {"last_four": Digits(("<audio/>&",)), "account": Accounts(("<x>",))})

    content = ENGLISH.message(said, spoken=True)["content"]

    assert "&lt;audio/&gt;&amp;" in content
    assert "&lt;x&gt;" in content
