"""The figures of a run: rows in sections, as a table for people and as JSON for programs."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from typing import Any, Literal, TypeAlias


class NotMeasuredError(Exception):
    """A benchmark could not run, or what it measured did not do its work."""


def percentile(durations: Sequence[float], share: float) -> float:
    """The least of the sorted durations that ``share`` of them do not exceed."""
    if not durations:
        raise NotMeasuredError("nothing was measured")
    return durations[ceil(share * len(durations)) - 1]


@dataclass(frozen=True)
class Target:
    """What Frontdesk should reach: a limit for its own figure, or for the ratio to the plain design's."""

    of: Literal["value", "ratio"]
    bound: Literal["at least", "at most"]
    limit: float

    def text(self, unit: str) -> str:
        what = "times plain" if self.of == "ratio" else unit
        return f"{self.bound} {self.limit:g} {what}"

    def met(self, figure: float) -> bool:
        return figure >= self.limit if self.bound == "at least" else figure <= self.limit


@dataclass(frozen=True)
class Row:
    """One figure beside that of the plain design, in ``unit``. A row without a target is for information.

    ``stated`` is what the source design says of its own.
    """

    name: str
    unit: str
    frontdesk: float
    baseline: float | None = None
    target: Target | None = None
    stated: float | None = None

    @property
    def ratio(self) -> float | None:
        """Frontdesk's figure divided by the plain design's."""
        return self.frontdesk / self.baseline if self.baseline else None

    @property
    def met(self) -> bool | None:
        if self.target is None:
            return None
        figure = self.ratio if self.target.of == "ratio" else self.frontdesk
        return figure is not None and self.target.met(figure)


@dataclass(frozen=True)
class Section:
    """What one benchmark found; ``notes`` say how it was measured, and ``beside`` what the baseline is."""

    name: str
    rows: Sequence[Row]
    notes: Sequence[str]
    beside: str = "plain"


_Cells: TypeAlias = tuple[str, str, str, str, str, str, str]


def _headings(section: Section) -> _Cells:
    stated = "stated" if any(row.stated for row in section.rows) else ""
    return "Frontdesk", section.beside, stated, "", "ratio", "target", "met"


def table(sections: Sequence[Section]) -> str:
    """All sections below one another, their columns aligned, each with its notes."""
    rows = [row for section in sections for row in section.rows]
    cells = [*map(_headings, sections), *map(_cells, rows)]
    widths = [max(len(column) for column in columns) for columns in zip(*cells, strict=True)]
    names = max((len(row.name) for row in rows), default=0) + 2
    lines: list[str] = []
    for section in sections:
        lines += ["", f"{section.name:<{names}}  {_line(_headings(section), widths)}".rstrip()]
        lines += [f"  {row.name:<{names}}{_line(_cells(row), widths)}".rstrip() for row in section.rows]
        lines += [f"    {note}" for note in section.notes]
    return "\n".join(lines).lstrip("\n")


def write_results(path: Path, sections: Sequence[Section], *, quick: bool, skipped: Sequence[str]) -> None:
    """Write the figures as JSON. Ratios are Frontdesk's figure divided by the plain design's."""
    results = {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "quick": quick,
        "machine": {
            "python": platform.python_version(),
            "system": platform.system(),
            "architecture": platform.machine(),
            "cpus": os.cpu_count(),
        },
        "rows": [_record(section, row) for section in sections for row in section.rows],
        "notes": {section.name: list(section.notes) for section in sections},
        "skipped": list(skipped),
    }
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")


def _record(section: Section, row: Row) -> dict[str, Any]:
    return {
        "name": f"{section.name}: {row.name}",
        "unit": row.unit,
        "frontdesk": round(row.frontdesk, 4),
        "baseline": None if row.baseline is None else round(row.baseline, 4),
        **({} if row.stated is None else {"stated": row.stated}),
        "ratio": None if row.ratio is None else round(row.ratio, 3),
        "target": row.target.text(row.unit) if row.target else None,
        "met": row.met,
    }


def _cells(row: Row) -> _Cells:
    met = "" if row.met is None else "yes" if row.met else "NO"
    target = row.target.text(row.unit) if row.target else ""
    ratio = "" if row.ratio is None else f"{row.ratio:.2f}"
    return _number(row.frontdesk), _number(row.baseline), _number(row.stated), row.unit, ratio, target, met


def _line(cells: _Cells, widths: Sequence[int]) -> str:
    frontdesk, baseline, stated, unit, ratio, target, met = widths
    said = f"{cells[2]:>{stated}}  " if stated else ""
    return (
        f"{cells[0]:>{frontdesk}}  {cells[1]:>{baseline}}  {said}{cells[3]:<{unit}}  {cells[4]:>{ratio}}  "
        f"{cells[5]:<{target}}  {cells[6]:<{met}}"
    )


def _number(value: float | None) -> str:
    """At least two significant digits."""
    if value is None:
        return ""
    digits = 0 if value >= 100 else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"
