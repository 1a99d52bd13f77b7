"""What the template lets through as the desk's hours, and what the code reads."""

import re
from contextlib import suppress

import pytest

from chalicelib.chat.hours import OpeningHours
from chalicelib.errors import SettingsError
from infra.packaging import APP_TEMPLATE
from infra.templates import read_template

PATTERN = read_template(APP_TEMPLATE)["Parameters"]["DeskHours"]["AllowedPattern"]

GOOD = [
    "",
    "Mon-Fri 09:00-18:00 Europe/Berlin",
    "Mon-Fri 09:00-18:00, Sat 10:00-14:00 Europe/Berlin",
    "Mon-Fri  09:00-12:00 , Mon-Fri 13:00-17:30,sat 10:00-14:00 America/Argentina/Buenos_Aires",
    "sat-mon 00:00-24:00 UTC",
    "SUN 23:00-23:59 Etc/GMT+5",
]
BAD = [
    "whenever",
    "always",
    "Mon-Fri 09:00-18:00",
    "Mon-Fry 09:00-18:00 UTC",
    "Mon 9-18 UTC",
    "Mon 25:00-26:00 UTC",
    "Mon 24:00-24:00 UTC",
    "Mon 09:60-18:00 UTC",
    "Mon 09:00-18:00 /etc/localtime",
    "Mon 09:00-18:00, UTC",
    "Mon,Tue 09:00-18:00 UTC",
    "Mon - Fri 09:00-18:00 UTC",
]
ONLY_THE_CODE_KNOWS = ["Mon-Fri 09:00-18:00 Nowhere/Land", "Mon-Fri 18:00-09:00 UTC"]
"""No pattern can tell these."""


def is_read(text: str) -> bool:
    with suppress(SettingsError):
        OpeningHours.read(text)
        return True
    return False


@pytest.mark.parametrize(("text", "good"), [*((text, True) for text in GOOD), *((text, False) for text in BAD)])
def test_both_take_and_refuse_the_same(text: str, good: bool) -> None:
    assert bool(re.fullmatch(PATTERN, text)) is is_read(text) is good


@pytest.mark.parametrize("text", ONLY_THE_CODE_KNOWS)
def test_what_a_pattern_cannot_tell_the_code_refuses(text: str) -> None:
    assert re.fullmatch(PATTERN, text)
    assert not is_read(text)
