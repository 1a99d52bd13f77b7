"""What people and machines read: tables, JSON, and progress on standard error."""

import json
import re
import sys
import unicodedata
from collections.abc import Sequence
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="JSON for programs instead of a table.")
yes_option = click.option("--yes", is_flag=True, help="Do not ask.")


class Figure(str):
    """A number as it is to be shown in a table, where it stands to the right."""

    __slots__ = ()


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\b\nExamples:\n" + "\n".join(f"  python -m ops {line}" for line in lines)


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> list[str]:
    """Lines with a heading and columns as wide as they must be; numbers stand to the right."""
    texts = [[_cell(value) for value in row] for row in rows]
    widths = [max(_width(text) for text in column) for column in zip(columns, *texts, strict=True)]
    right = [
        bool(rows) and all(isinstance(row[index], int | Figure) or row[index] is None for row in rows)
        for index in range(len(columns))
    ]
    return [_line(list(columns), widths, right), *(_line(row, widths, right) for row in texts)]


def show_table(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    heading, *lines = table(columns, rows)
    click.secho(heading, bold=True)
    for line in lines:
        click.echo(line)


def show_json(value: Any) -> None:
    """One JSON document on one line; times in ISO 8601."""
    click.echo(json.dumps(value, default=_json))


def document(value: Any) -> str:
    """One JSON document on several lines, to be read: what could command a terminal is written as JSON's escapes."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return re.sub(r"[^\n -~]", lambda found: _escape(found[0]) if _is_control(found[0]) else found[0], text)


def readable(text: str) -> str:
    """``text`` with its control characters escaped: what strangers sent must not command the terminal."""
    return "".join(ascii(character)[1:-1] if _is_control(character) else character for character in text)


def _is_control(character: str) -> bool:
    """Whether a character shows nothing and may do something: controls, those of direction, halves of pairs."""
    return unicodedata.category(character).startswith("C")


def _escape(character: str) -> str:
    """A character as a JSON text can spell it, in ASCII."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[start : start + 2].hex()}" for start in range(0, len(units), 2))


def short_time(time: datetime | str | None) -> str:
    """A time in UTC, to the second."""
    if time is None:
        return "-"
    moment = datetime.fromisoformat(time) if isinstance(time, str) else time
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def counted(number: int, noun: str) -> str:
    """``1 event``, ``2 events``."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def matching(number: int, noun: str) -> str:
    """``1 event matches``, ``2 events match``."""
    return f"{counted(number, noun)} {'matches' if number == 1 else 'match'}"


def progress(label: str, length: int) -> AbstractContextManager[Any]:
    """A bar on standard error, where that is a terminal; ``update(n)`` moves it on."""
    return click.progressbar(length=length, label=label, file=sys.stderr, show_pos=True, hidden=not sys.stderr.isatty())


def confirm(question: str, *, yes: bool) -> None:
    """Ask, unless that was answered beforehand; no ends the command."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def _cell(value: Any) -> str:
    match value:
        case None:
            return "-"
        case datetime():
            return short_time(value)
        case _:
            return readable(str(value))


def _line(texts: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> str:
    cells = [
        " " * (width - _width(text)) + text if to_right else text + " " * (width - _width(text))
        for text, width, to_right in zip(texts, widths, right, strict=True)
    ]
    return "  ".join(cells).rstrip()


def _width(text: str) -> int:
    """Columns of a terminal: East Asian characters take two, combining ones none."""
    return sum(
        0 if unicodedata.combining(character) else 2 if unicodedata.east_asian_width(character) in "FW" else 1
        for character in text
    )


def _json(value: Any) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form here")
