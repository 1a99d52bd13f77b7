from datetime import UTC, datetime, timedelta

import pytest

from ops.times import read_span, read_time

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("90s", timedelta(seconds=90)),
        ("15m", timedelta(minutes=15)),
        ("2h", timedelta(hours=2)),
        ("3d", timedelta(days=3)),
        ("1w", timedelta(weeks=1)),
        (" 24H ", timedelta(days=1)),
        ("0s", timedelta(0)),
    ],
)
def test_a_span_is_a_number_and_a_unit(text: str, span: timedelta) -> None:
    assert read_span(text) == span


@pytest.mark.parametrize("text", ["", "h", "2", "2 hours", "-2h", "1.5h", "9999999d", "٣d"])
def test_anything_else_is_no_span(text: str) -> None:
    with pytest.raises(ValueError, match="is not a span such as"):
        read_span(text)


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2h", NOW - timedelta(hours=2)),
        ("2026-11-20", datetime(2026, 11, 20, tzinfo=UTC)),
        ("2026-11-20T09:30", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20T09:30:00Z", datetime(2026, 11, 20, 9, 30, tzinfo=UTC)),
        ("2026-11-20T09:30+02:00", datetime(2026, 11, 20, 7, 30, tzinfo=UTC)),
    ],
)
def test_a_moment_is_a_span_ago_or_a_time_in_utc(text: str, time: datetime) -> None:
    assert read_time(text, NOW) == time


@pytest.mark.parametrize(
    "text", ["yesterday", "2026-13-01", "", "999999w", "0001-01-01T00:00+05:00", "9999-12-31T23:59:59-05:00"]
)
def test_anything_else_is_no_moment(text: str) -> None:
    with pytest.raises(ValueError, match="neither a time"):
        read_time(text, NOW)
