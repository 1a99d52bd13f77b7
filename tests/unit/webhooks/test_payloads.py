import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import InvalidBodyError
from chalicelib.webhooks.payloads import JsonObject, StandardEvent, TypedEvent, read_form, read_json


class TestReading:
    def test_json_is_kept_as_it_was_written(self) -> None:
        document = read_json(b'{"b": 1.10, "a": "\\u00e9", "b": 2}')

        assert document.value == {"b": 2, "a": "é"}
        assert document.text == '{"b": 1.10, "a": "\\u00e9", "b": 2}'

    def test_a_byte_order_mark_is_passed_over(self) -> None:
        assert read_json(b"\xef\xbb\xbf{}").text == "{}"

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"", "not JSON"),
            (b"payload=%7B%7D", "not JSON"),
            (b'{"a": 1', "not JSON"),
            (b'{"a": "\xff"}', "byte 7"),
            (b'{"a": NaN}', "NaN"),
            (b'{"a": -Infinity}', "Infinity"),
            (b'{"a": "\\u0000"}', "U+0000"),
            (b'{"\\u0000": 1}', "U+0000"),
            (b'["\\ud800"]', "surrogate"),
            (b'{"a": ["x", {"b": "\\uDFFF"}]}', "surrogate"),
            (b'{"a": "\x00"}', "not JSON"),
            (b"[" * 200_000, "nested"),
            (b'{"a":' * 200_000, "nested"),
            (b"1" * 5000, "usable"),
            (b'{"a": [1e0, 1E+70000]}', "exponent"),
            (b"[1.5e-00016000]", "exponent"),
        ],
    )
    def test_what_jsonb_cannot_keep_is_refused_with_its_reason(self, body: bytes, reason: str) -> None:
        with pytest.raises(InvalidBodyError) as refused:
            read_json(body)

        assert reason in " ".join(refused.value.reasons)

    @pytest.mark.parametrize("text", ['"1e70000"', "[1e308, 1e-300]", '"\\\\u0000"', '"\\ud83d\\ude00"', '"\\\\ud800"'])
    def test_what_only_looks_like_it_passes(self, text: str) -> None:
        assert read_json(text.encode()).value == json.loads(text)

    @given(st.binary(max_size=300))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        try:
            document = read_json(body)
        except InvalidBodyError:
            return
        assert document.text.encode() == body.removeprefix(b"\xef\xbb\xbf")


class TestShapes:
    @pytest.mark.parametrize("document", [None, [], "text", 7, True])
    @pytest.mark.parametrize("shape", [JsonObject, TypedEvent, StandardEvent])
    def test_only_an_object_will_do(self, shape: type[JsonObject], document: object) -> None:
        with pytest.raises(InvalidBodyError, match="not valid"):
            shape.from_document(document)

    def test_every_fault_has_a_reason(self) -> None:
        with pytest.raises(InvalidBodyError) as refused:
            StandardEvent.from_document({"type": "", "timestamp": "yesterday"})

        assert [reason.split()[0] for reason in refused.value.reasons] == ["`type`", "`timestamp`", "`data`"]

    @pytest.mark.parametrize("timestamp", ["2026-11-20T12:00:00Z", "2026-11-20T12:00:00.123456+01:00"])
    def test_a_standard_event(self, timestamp: str) -> None:
        event = StandardEvent.from_document({"type": "invoice.paid", "timestamp": timestamp, "data": {}, "extra": 1})

        assert event == StandardEvent(type="invoice.paid", timestamp=timestamp, data={})

    @pytest.mark.parametrize("kind", [None, 7, "", "x" * 256, "a\nb", "\u0000"])
    def test_a_type_must_be_a_name(self, kind: object) -> None:
        with pytest.raises(InvalidBodyError):
            TypedEvent.from_document({"type": kind})


class TestForms:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b"", {}),
            (b"a=1&b=", {"a": "1", "b": ""}),
            (b"a=1&a=2&a=3", {"a": ["1", "2", "3"]}),
            (b"a+b=c%20d&e=%C3%A9", {"a b": "c d", "e": "é"}),
            (b"rubbish", {"rubbish": ""}),
            (b'payload={"action":"opened"}', {"action": "opened"}),
            (b"payload=%5B1%5D", [1]),
            (b"payload=1&payload=2", {"payload": ["1", "2"]}),
            (b"payload={}&more=1", {"payload": "{}", "more": "1"}),
        ],
    )
    def test_a_form_is_an_object(self, body: bytes, value: object) -> None:
        document = read_form(body)

        assert document.value == value
        assert json.loads(document.text) == value

    @pytest.mark.parametrize(
        ("body", "reason"),
        [
            (b"a=\xff", "UTF-8"),
            (b"a=%FF", "UTF-8"),
            (b"a=%00", "U+0000"),
            (b"a&" * 10_001, "10000 fields"),
            (b"payload=rubbish", "not JSON"),
        ],
    )
    def test_a_form_that_cannot_be_kept_is_refused(self, body: bytes, reason: str) -> None:
        with pytest.raises(InvalidBodyError) as refused:
            read_form(body)

        assert reason in " ".join(refused.value.reasons)

    @given(st.binary(max_size=200))
    def test_any_bytes_are_read_or_refused(self, body: bytes) -> None:
        try:
            document = read_form(body)
        except InvalidBodyError:
            return
        assert json.loads(document.text) == document.value
