"""Scripted calls: a text file that says what the caller does and what must be heard.

    # a comment
    locale: en_US
    bank: fail times=3
    caller: what is my balance
    keypad: 10020030
    silence
    expect: customer number
    expect: (transferred to a person)

``locale`` comes first, if at all. ``bank`` lets the stand-in for the bank fail, as ``python -m localcloud bank`` does,
or says ``reset`` or ``unlock``. ``expect`` looks for words in what was heard since the caller's last step, whatever
their case; ``never`` for words that must not be there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from localcloud.phone.call import INPUTS, Call, show_input, spoken
from localcloud.phone.events import Input

STEPS = ("locale", "bank", *INPUTS, "expect", "never")

Bank = Callable[[str, Mapping[str, Any]], None]
"""Lets the bank do as it is told: a word, and what goes with it."""


class ScriptError(Exception):
    """A script cannot be read, or a call did not go as it says; the message names the line."""


@dataclass(frozen=True)
class Step:
    line: int
    kind: str
    text: str = ""


@dataclass(frozen=True)
class Script:
    name: str
    locale: str | None
    steps: tuple[Step, ...]


def read_script(content: bytes, name: str) -> Script:
    """Reads UTF-8, with a byte order mark or without; ``ScriptError`` for other bytes and a line that is no step."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ScriptError(f"{name}, line {line}: this is no UTF-8.") from error
    steps = [_read_step(number, line, name) for number, line in enumerate(text.splitlines(), 1) if _counts(line)]
    locales = [step.text for step in steps[:1] if step.kind == "locale"]
    rest = tuple(steps[len(locales) :])
    if misplaced := [step for step in rest if step.kind == "locale"]:
        raise ScriptError(f"{name}, line {misplaced[0].line}: locale stands first, once.")
    return Script(name, locales[0] if locales else None, rest)


def play(script: Script, call: Call, bank: Bank) -> Iterator[str]:
    """The lines of the transcript, as they come; ``ScriptError`` where the call goes another way."""
    heard = call.begin()
    yield from spoken(heard)
    for step in script.steps:
        if step.kind in INPUTS:
            if call.has_ended:
                raise ScriptError(f"{script.name}, line {step.line}: the call has ended before.")
            said = Input(step.text, keypad=step.kind == "keypad")
            yield show_input(said)
            heard = call.hear(said)
            yield from spoken(heard)
        elif step.kind == "bank":
            bank(*_read_order(step, script.name))
            yield f"# bank: {step.text}"
        else:
            _compare(step, heard, script.name)


def _counts(line: str) -> bool:
    return bool(line.strip()) and not line.lstrip().startswith("#")


def _read_step(number: int, line: str, name: str) -> Step:
    kind, _, text = line.strip().partition(":")
    if kind not in STEPS or bool(text.strip()) == (kind == "silence"):
        raise ScriptError(f"{name}, line {number}: {line.strip()!r} is no step; there are {', '.join(STEPS)}.")
    return Step(number, kind, text.strip())


def _read_order(step: Step, name: str) -> tuple[str, dict[str, Any]]:
    word, *options = step.text.split()
    if wrong := [option for option in options if "=" not in option]:
        raise ScriptError(f"{name}, line {step.line}: {wrong[0]!r} is not as times=1.")
    pairs = (option.split("=", 1) for option in options)
    read = {key: _read_option(value) for key, value in pairs}
    if endless := [key for key, value in read.items() if isinstance(value, float) and not isfinite(value)]:
        raise ScriptError(f"{name}, line {step.line}: {endless[0]} must be a number with an end.")
    return word, read


def _read_option(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text


def _compare(step: Step, heard: list[str], name: str) -> None:
    said = " ".join(heard)
    if (_fold(step.text) in _fold(said)) != (step.kind == "expect"):
        what = "is not there" if step.kind == "expect" else "must not be there"
        raise ScriptError(f"{name}, line {step.line}: {step.text!r} {what} in: {said or 'nothing'}")


def _fold(text: str) -> str:
    return " ".join(text.casefold().split())
