from datetime import UTC, datetime

import pytest

from chalicelib.chat.hours import ALWAYS, OpeningHours
from chalicelib.errors import SettingsError


@pytest.mark.parametrize(
    ("moment", "is_open"),
    [
        ("2026-11-20T07:59:59", False),  # a Friday; Berlin is an hour ahead in winter
        ("2026-11-20T08:00:00", True),
        ("2026-11-20T16:59:59", True),
        ("2026-11-20T17:00:00", False),
        ("2026-11-21T10:00:00", True),
        ("2026-11-22T10:00:00", False),
        ("2026-07-03T07:00:00", True),  # and two in summer
        ("2026-07-03T16:00:00", False),
    ],
)
def test_hours_are_those_of_their_zone(moment: str, is_open: bool) -> None:
    hours = OpeningHours.read("Mon-Fri 09:00-18:00,  Sat 10:00-14:00 Europe/Berlin")

    assert hours.is_open(datetime.fromisoformat(moment).replace(tzinfo=UTC).timestamp()) is is_open


def test_days_may_go_round_the_week() -> None:
    hours = OpeningHours.read("sat-mon 00:00-24:00 UTC")

    opened = [hours.is_open(datetime(2026, 11, day, 12, tzinfo=UTC).timestamp()) for day in range(16, 23)]
    assert opened == [True, False, False, False, False, True, True]


@pytest.mark.parametrize("text", ["", "  "])
def test_no_hours_are_always(text: str) -> None:
    assert OpeningHours.read(text) == ALWAYS
    assert ALWAYS.is_open(0)


@pytest.mark.parametrize(
    "text",
    [
        "always",
        "Mon-Fri 09:00-18:00",
        "Mon-Fri 09:00-18:00 Nowhere/Land",
        "Mon-Fri 18:00-09:00 UTC",
        "Mon-Fry 09:00-18:00 UTC",
        "Mon 9-18 UTC",
        "Mon 25:00-26:00 UTC",
        "Mon 09:00-18:00 /etc/localtime",
    ],
)
def test_unusable_hours_show_their_form(text: str) -> None:
    with pytest.raises(SettingsError, match=r"Mon-Fri 09:00-18:00, Sat 10:00-14:00 Europe/Berlin"):
        OpeningHours.read(text)
