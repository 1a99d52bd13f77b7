"""Times and spans as operators write them: ``2h`` ago, ``3d``, or ISO 8601."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import click

_SPAN = re.compile(r"(\d{1,6})\s*(s|m|h|d|w)", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def read_span(text: str) -> timedelta:
    """A span such as ``90s``, ``15m``, ``2h``, ``3d`` or ``1w``; ``ValueError`` for anything else."""
    match = _SPAN.fullmatch(text.strip().lower())
    if match is None:
        raise ValueError(f"{text!r} is not a span such as 90s, 15m, 2h, 3d or 1w.")
    return timedelta(**{_UNITS[match[2]]: int(match[1])})


def read_time(text: str, now: datetime) -> datetime:
    """A moment: a span before ``now``, or ISO 8601, in UTC where it names no offset. ``ValueError`` for others."""
    try:
        return now - read_span(text)
    except (ValueError, OverflowError):
        pass
    try:
        return in_utc(datetime.fromisoformat(text))
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither a time such as 2026-01-31T12:00 nor a span such as 2h or 3d.") from None


def in_utc(time: datetime) -> datetime:
    """A time in UTC, where it names no offset too; ``OverflowError`` when that is before or after all years."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).astimezone(UTC)


def utc_now() -> datetime:
    return datetime.now(UTC)


class Time(click.ParamType[datetime]):
    """An option that is a moment, as ``read_time`` reads it."""

    name = "time"

    def __init__(self, now: Callable[[], datetime] = utc_now) -> None:
        self.now = now

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        if isinstance(value, datetime):
            return value
        try:
            return read_time(value, self.now())
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Span(click.ParamType[timedelta]):
    """An option that is a span, as ``read_span`` reads it."""

    name = "span"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        if isinstance(value, timedelta):
            return value
        try:
            return read_span(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
