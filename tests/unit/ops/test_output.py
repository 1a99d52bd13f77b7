from ops.events import body_text
from ops.output import readable, short_time, table


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


def test_times_are_in_utc() -> None:
    assert short_time("2026-11-20T13:00:00.123+01:00") == "2026-11-20 12:00:00"
    assert short_time(None) == "-"


def test_a_body_is_shown_as_what_it_is() -> None:
    assert body_text(b'{"a":"\xc3\xa9\\u0007\xc2\x9b"}') == '{\n  "a": "é\\u0007\\x9b"\n}'
    assert body_text(b"plain\x1b\ntext") == "plain\\x1b\ntext"
    assert body_text(b"\xff\xfe\x00") == "(3 bytes that are no text: --raw writes them)"
