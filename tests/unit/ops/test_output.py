import json

import pytest

from ops.events import body_text
from ops.output import document, readable, short_time, table


def test_columns_are_as_wide_as_what_is_in_them_and_numbers_stand_right() -> None:
    assert table(("NAME", "BYTES", "NOTE"), [("github", 7, None), ("a", 12345, "x")]) == [
        "NAME    BYTES  NOTE",
        "github      7  -",
        "a       12345  x",
    ]


def test_characters_of_double_width_take_two_columns() -> None:
    assert table(("A", "B"), [("表紙", "x"), ("ab", "y")]) == ["A     B", "表紙  x", "ab    y"]


def test_a_table_without_rows_is_its_heading() -> None:
    assert table(("A", "B"), []) == ["A  B"]


def test_what_strangers_sent_does_not_command_the_terminal() -> None:
    assert readable("\x1b[31mred\x07 \u202eabc") == r"\x1b[31mred\x07 \u202eabc"
    assert table(("A",), [("x\ny",)]) == ["A", r"x\ny"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("red\x1b[31m", "\\u001b[31m"),
        ("\x7f\x9b\u202e", "\\u007f\\u009b\\u202e"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("\ud800", "\\ud800"),
        ("表紙 é 🌙", "表紙 é 🌙"),
    ],
)
def test_a_document_is_the_same_without_its_control_characters(text: str, shown: str) -> None:
    written = document({"text": [text]})

    assert shown in written
    assert json.loads(written) == {"text": [text]}
    assert written.count("\n") == 4


def test_times_are_in_utc() -> None:
    assert short_time("2026-11-20T13:00:00.123+01:00") == "2026-11-20 12:00:00"
    assert short_time(None) == "-"


def test_a_body_is_shown_as_what_it_is() -> None:
    assert body_text(b'{"a":"\xc3\xa9\\u0007\xc2\x9b"}') == '{\n  "a": "é\\u0007\\x9b"\n}'
    assert body_text(b"plain\x1b\ntext") == "plain\\x1b\ntext"
    assert body_text(b"\xff\xfe\x00") == "(3 bytes that are no text: --raw writes them)"
