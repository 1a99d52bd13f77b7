"""Scripted calls: how they are read, what they show, where they stop."""

from collections.abc import Mapping
from typing import Any

import pytest

from localcloud.phone.call import Call
from localcloud.phone.script import ScriptError, play, read_script
from tests.unit.localcloud.phone.codehook import FakeCodehook, answer, bot, elicit

SCRIPT = """
# three wrong digits
locale: en_US
bank: fail times=3 path=/callers
caller: verify me
expect: your pin
never: credit
keypad: 123
expect: Four digits
silence
expect: (transferred to a person)
"""


class FakeBank:
    def __init__(self) -> None:
        self.told: list[tuple[str, Mapping[str, Any]]] = []

    def __call__(self, word: str, options: Mapping[str, Any]) -> None:
        self.told.append((word, options))


def played(text: str, *answers: Any, bank: FakeBank | None = None) -> list[str]:
    return list(play(read_script(text.encode(), "call.txt"), Call(bot(), FakeCodehook(*answers)), bank or FakeBank()))


def test_a_call_is_played_and_written_down() -> None:
    bank = FakeBank()
    goodbye = answer("Close", "One moment.", attributes={"route": "agent"})

    transcript = played(SCRIPT, elicit("Pin", "Your  PIN?"), elicit("Pin", "Four digits."), goodbye, bank=bank)

    assert transcript == [
        "# bank: fail times=3 path=/callers",
        "caller: verify me",
        "bot: Your  PIN?",
        "keypad: 123",
        "bot: Four digits.",
        "silence",
        "bot: One moment.",
        "(transferred to a person)",
    ]
    assert bank.told == [("fail", {"times": 3, "path": "/callers"})]


def test_what_is_not_heard_stops_the_call_at_its_line() -> None:
    with pytest.raises(ScriptError, match=r"call\.txt, line 2: 'balance' is not there in: Pardon\?"):
        played("caller: help\nexpect: balance", answer("ElicitIntent", "Pardon?"))


def test_what_must_not_be_heard_stops_the_call() -> None:
    with pytest.raises(ScriptError, match=r"line 2: 'pardon' must not be there in: Pardon\?"):
        played("caller: help\nnever: pardon", answer("ElicitIntent", "Pardon?"))


def test_nobody_speaks_after_the_end() -> None:
    with pytest.raises(ScriptError, match="line 2: the call has ended before"):
        played("caller: help\ncaller: help", answer("Close", "Bye."))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("calller: hello", "line 1: 'calller: hello' is no step; there are locale, bank, caller"),
        ("caller:", "line 1: 'caller:' is no step"),
        ("silence: long", "line 1: 'silence: long' is no step"),
        ("caller: x\nlocale: es_US", "line 2: locale stands first"),
        ("bank: slow seven", "line 1: 'seven' is not as times=1"),
        ("bank: fail probability=nan", "line 1: probability must be a number with an end"),
        ("bank: slow seconds=-inf", "line 1: seconds must be a number with an end"),
        (f"bank: fail times={'9' * 5000}", "line 1: times must be a number with an end"),
    ],
)
def test_a_line_that_is_no_step_is_named(text: str, why: str) -> None:
    with pytest.raises(ScriptError, match=why):
        played(text)


def test_a_script_may_say_its_language() -> None:
    assert read_script(b"locale: es_US\nsilence", "call.txt").locale == "es_US"
    assert read_script(b"silence", "call.txt").locale is None


def test_a_script_may_begin_with_a_byte_order_mark() -> None:
    assert read_script(b"\xef\xbb\xbflocale: es_US\r\nsilence\r\n", "call.txt").locale == "es_US"


def test_a_script_of_other_bytes_is_refused_at_its_line() -> None:
    with pytest.raises(ScriptError, match=r"^call\.txt, line 2: this is no UTF-8\.$"):
        read_script(b"silence\ncaller: d\xf3lares", "call.txt")
