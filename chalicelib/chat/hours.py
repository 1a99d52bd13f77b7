"""Opening hours: when people of the team may be expected at the desk.

They are written as ``Mon-Fri 09:00-18:00 Europe/Berlin``; several spans stand side by side, divided by commas, and the
time zone at the end counts for all of them. An empty text means always.
"""

import re
from dataclasses import dataclass
from datetime import datetime, time, tzinfo

from dateutil import tz  # type: ignore[import-untyped]

from chalicelib.errors import SettingsError

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

_SPAN = re.compile(r"([a-z]{3})(?:-([a-z]{3}))? (\d\d:\d\d)-(\d\d:\d\d)", re.ASCII)


@dataclass(frozen=True)
class Span:
    """Some days of the week, Monday being 0, from one time of the day up to another one, which is not part of it."""

    days: frozenset[int]
    begin: time
    end: time

    def holds(self, moment: datetime) -> bool:
        return moment.weekday() in self.days and self.begin <= moment.time() < self.end


@dataclass(frozen=True)
class OpeningHours:
    """``text`` is what they were read from; without any span it is always open."""

    text: str = ""
    spans: tuple[Span, ...] = ()
    zone: tzinfo | None = None

    @classmethod
    def read(cls, text: str) -> "OpeningHours":
        """Read what a setting says; ``SettingsError`` shows how it is written."""
        text = " ".join(text.split())
        if not text:
            return cls()
        spans, _, name = text.rpartition(" ")
        # dateutil has the zones with it, which not every machine has.
        zone = tz.gettz(name) if re.fullmatch(r"UTC|[A-Za-z_]+(?:/[A-Za-z0-9_+-]+)+", name) else None
        found = [_SPAN.fullmatch(span.strip()) for span in spans.lower().split(",")]
        try:
            if zone is None:
                raise ValueError
            return cls(text, tuple(_read_span(match) for match in found), zone)
        except ValueError:
            example = "Mon-Fri 09:00-18:00, Sat 10:00-14:00 Europe/Berlin"
            raise SettingsError(f"DESK_HOURS must be of the form {example!r}, not {text!r}.") from None

    def is_open(self, now: float) -> bool:
        """Whether ``now``, in seconds since the epoch, lies within them."""
        if self.zone is None:
            return True
        moment = datetime.fromtimestamp(now, self.zone)
        return any(span.holds(moment) for span in self.spans)


def _read_span(match: re.Match[str] | None) -> Span:
    """``ValueError`` for anything that is no span of a day."""
    if match is None:
        raise ValueError
    first, last = DAYS.index(match[1]), DAYS.index(match[2] or match[1])
    begin, end = time.fromisoformat(match[3]), time.fromisoformat("23:59:59" if match[4] == "24:00" else match[4])
    if begin >= end:
        raise ValueError
    return Span(frozenset((first + day) % 7 for day in range((last - first) % 7 + 1)), begin, end)


ALWAYS = OpeningHours()
