import pytest

from localcloud.phone.numbers import number_words, read_digits, read_number
from localcloud.phone.words import words


@pytest.mark.parametrize(
    ("locale", "said", "number"),
    [
        ("en_US", "250", "250"),
        ("en_US", "1,250.50", "1250.50"),
        ("en_US", "two hundred fifty", "250"),
        ("en_US", "two hundred and fifty", "250"),
        ("en_US", "a hundred", "100"),
        ("en_US", "ten thousand", "10000"),
        ("en_US", "twelve thousand three hundred forty-five", "12345"),
        ("en_US", "twenty five hundred", "2500"),
        ("en_US", "3 thousand", "3000"),
        ("en_US", "zero", "0"),
        ("en_US", "one two three", "123"),
        ("es_US", "doscientos cincuenta", "250"),
        ("es_US", "cien", "100"),
        ("es_US", "ciento uno", "101"),
        ("es_US", "mil", "1000"),
        ("es_US", "dos mil quinientos", "2500"),
        ("es_US", "treinta y cinco", "35"),
        ("es_US", "veintidós", "22"),
        ("es_US", "novecientos noventa y nueve", "999"),
        ("fr_FR", "250", "250"),
    ],
)
def test_numbers_in_words(locale: str, said: str, number: str) -> None:
    assert f"{read_number(words(said), number_words(locale)):f}" == number


@pytest.mark.parametrize("said", ["", "checking", "five twenty", "twenty eleven", "hundreds of them", "two and a bit"])
def test_what_is_no_number(said: str) -> None:
    assert read_number(words(said), number_words("en_US")) is None


@pytest.mark.parametrize(
    ("locale", "said", "digits"),
    [
        ("en_US", "one oh oh two double zero three 0", "10020030"),
        ("en_US", "1002 0030", "10020030"),
        ("es_US", "uno cero cero dos", "1002"),
        ("es_US", "doble cero 42", "0042"),
        ("en_US", "forty two", None),
        ("en_US", "", None),
        ("en_US", "٤٢", None),
    ],
)
def test_digits_one_by_one(locale: str, said: str, digits: str | None) -> None:
    assert read_digits(words(said), number_words(locale)) == digits
