"""One readable stream out of what every function writes."""

import json
import queue
import threading
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import click

from localcloud.patches import MARK

_PREFIX = "frontdesk-local-"
_NAME_WIDTH = 18
_COLOURS = ("cyan", "magenta", "blue", "green", "yellow")
_LEVELS: dict[str, dict[str, Any]] = {
    "DEBUG": {"dim": True},
    "INFO": {"fg": "green"},
    "WARNING": {"fg": "yellow"},
    "ERROR": {"fg": "red", "bold": True},
    "CRITICAL": {"fg": "red", "bold": True},
}
_SHOWN_ELSEWHERE = {"level", "message", "timestamp", "exception", "exception_name", "stack_trace"}
_NOISE = {"location", "service", "xray_trace_id", "cold_start"}


def format_function_line(function: str, line: str) -> str:
    """A function's line for a person: JSON logs and metrics become one line each, the rest stays as it is.

    Metrics that are all zero become nothing: they say each minute that nothing happens.
    Some of it comes from strangers, so that control characters are shown and not obeyed.
    """
    name = function.removeprefix(_PREFIX)
    head = click.style(f"{name:<{_NAME_WIDTH}}", fg=_COLOURS[zlib.crc32(name.encode()) % len(_COLOURS)])
    try:
        record = json.loads(line)
    except ValueError:
        record = None
    if not isinstance(record, dict):
        return f"{' ' * 12} {head} {_visible(line)}"
    if "_aws" in record and not any(_values(record)):
        return ""
    if "_aws" in record:
        return f"{' ' * 12} {head} {click.style(_metrics(record), dim=True)}"
    return "\n".join(_log(head, record))


def _log(head: str, record: dict[str, Any]) -> Iterator[str]:
    level = str(record.get("level", "INFO"))
    time = str(record.get("timestamp", ""))[11:23]
    shown = {
        key: value
        for key, value in record.items()
        if key not in _SHOWN_ELSEWHERE | _NOISE and not key.startswith("function_")
    }
    several = shown.pop("events", [{}])  # one line for each event of a batch
    started = click.style(" cold start", fg="blue") if record.get("cold_start") is True else ""
    message = f"{click.style(f'{level:<7}', **_LEVELS.get(level, {}))} {_visible(str(record.get('message', '')))}"
    for single in several:
        pairs = _visible(" ".join(f"{key}={value}" for key, value in (shown | single).items()))
        details = click.style(pairs, dim=True) + started
        yield f"{click.style(f'{time:<12}', dim=True)} {head} {message} {details}".rstrip()
    for line in str(record.get("exception", "")).splitlines():
        yield f"{' ' * 12} {head} {click.style(_visible(line), fg='red')}"


def _metrics(record: dict[str, Any]) -> str:
    metrics = [
        f"{metric['Name']}={_short(record.get(metric['Name']))}"
        for directive in record["_aws"]["CloudWatchMetrics"]
        for metric in directive["Metrics"]
    ]
    dimensions = [
        f"{key}={value}" for key, value in record.items() if isinstance(value, str) and key not in ("stage", "service")
    ]
    return _visible("metric  " + " ".join(metrics + dimensions))


def _values(record: dict[str, Any]) -> Iterator[Any]:
    for directive in record["_aws"]["CloudWatchMetrics"]:
        for metric in directive["Metrics"]:
            value = record.get(metric["Name"])
            yield from value if isinstance(value, list) else [value]


def _visible(text: str) -> str:
    return "".join(character if character.isprintable() else repr(character)[1:-1] for character in text)


def _short(value: Any) -> str:
    values = value if isinstance(value, list) else [value]
    return ",".join(f"{number:g}" if isinstance(number, int | float) else str(number) for number in values)


class Screen:
    """Prints lines from a thread of its own, and rather loses some than lets the functions wait for a paused terminal.

    What a person asked for is always printed (``say``); what functions write may be left out (``show``), and is in
    ``functions.log`` in any case.
    """

    def __init__(self, write: Callable[[str], None] = click.echo, *, capacity: int = 5_000) -> None:
        self._write = write
        self._lines: queue.Queue[str | None] = queue.Queue()
        self._capacity = capacity
        self._left_out = 0
        self._thread = threading.Thread(target=self._print, daemon=True, name="screen")
        self._thread.start()

    def say(self, line: str) -> None:
        """Print a line of the local cloud's own."""
        self._lines.put(line)

    def show(self, line: str) -> None:
        """Print a function's line, unless too many are waiting already."""
        if self._lines.qsize() >= self._capacity:
            self._left_out += 1
            return
        if self._left_out:
            lines = "1 line" if self._left_out == 1 else f"{self._left_out} lines"
            self.say(click.style(f"… {lines} left out; functions.log has everything", dim=True))
            self._left_out = 0
        self._lines.put(line)

    def close(self, patience: float = 1.0) -> None:
        """Print what is waiting, if the terminal takes it in time."""
        self._lines.put(None)
        self._thread.join(patience)

    def _print(self) -> None:
        while (line := self._lines.get()) is not None:
            try:
                self._write(line)
            except OSError:
                return  # nobody reads any more


@dataclass
class LogPump:
    """Reads what MiniStack writes: keeps all of it in ``directory``, and shows what a person wants to see.

    That is what functions write, and what MiniStack itself warns of.
    """

    directory: Path
    screen: Screen

    def start(self, stream: IO[bytes]) -> threading.Thread:
        """Read ``stream`` to its end, in a thread of its own."""
        thread = threading.Thread(target=self._pump, args=[stream], daemon=True, name="logs")
        thread.start()
        return thread

    def _pump(self, stream: IO[bytes]) -> None:
        with (
            (self.directory / "functions.log").open("a", encoding="utf-8", buffering=1) as functions,
            (self.directory / "ministack.log").open("a", encoding="utf-8", buffering=1) as ministack,
        ):
            for raw in stream:
                line = raw.decode("utf-8", "replace").rstrip("\n")
                if line.startswith(MARK):
                    name, _, text = line[len(MARK) :].partition("\t")
                    functions.write(f"{name}\t{text}\n")
                    if shown := format_function_line(name, text):
                        self.screen.show(shown)
                    continue
                ministack.write(f"{line}\n")
                if " WARNING [" in line or " ERROR [" in line:
                    self.screen.show(
                        f"{' ' * 12} {click.style('ministack'.ljust(_NAME_WIDTH + 1) + line[20:], fg='yellow')}"
                    )
