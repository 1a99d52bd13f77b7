import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.errors import EnvelopeError
from chalicelib.webhooks.envelope import Envelope, storable
from tests.builders import make_envelope, no_object

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=10),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(max_size=5), children, max_size=3),
    max_leaves=8,
)


@given(
    body=st.binary(max_size=500),
    received_at=st.datetimes(timezones=st.just(UTC)),
    headers=st.dictionaries(st.text(max_size=10).map(storable), st.text(max_size=20).map(storable), max_size=3),
)
def test_it_comes_back_as_it_went(body: bytes, received_at: datetime, headers: dict[str, str]) -> None:
    envelope = make_envelope(body, received_at=received_at, headers=headers)

    assert Envelope.from_message(envelope.to_message(), no_object) == envelope


def test_the_message_is_plain_ascii() -> None:
    message = make_envelope(b"\x00\xff", content_type="text/plain; name=表紙").to_message()

    assert message.isascii()
    assert message.isprintable()


@pytest.mark.parametrize(
    "message",
    ["", "x", "null", "[]", "7", "{}", '{"version": 1}', '{"version": 2}', "[" * 100_000, '"\\ud800"'],
)
def test_what_is_no_envelope_is_refused(message: str) -> None:
    with pytest.raises(EnvelopeError):
        Envelope.from_message(message, no_object)


@pytest.mark.parametrize(
    "change",
    [
        {"body": "e30"},
        {"body": "e30=\u00e9"},
        {"body": 7},
        {"body_sha256": "0" * 64},
        {"source": None},
        {"external_id": "a\u0000b"},
        {"event_type": "\ud800"},
        {"headers": []},
        {"headers": {"a": 1}},
        {"headers": {"a": "\u0000"}},
        {"received_at": "yesterday"},
        {"received_at": None},
        {"version": 2},
        {"surplus": 1},
    ],
)
def test_a_spoilt_envelope_is_refused(change: dict[str, object]) -> None:
    wire = json.loads(make_envelope().to_message()) | change

    with pytest.raises(EnvelopeError):
        Envelope.from_message(json.dumps(wire), no_object)


@given(st.dictionaries(st.sampled_from(sorted(Envelope.__dataclass_fields__)), JSON_VALUES, min_size=1))
def test_any_change_is_refused_or_harmless(changes: dict[str, object]) -> None:
    wire = json.loads(make_envelope().to_message()) | changes

    try:
        envelope = Envelope.from_message(json.dumps(wire), no_object)
    except EnvelopeError:
        return
    assert Envelope.from_message(envelope.to_message(), no_object) == envelope


def test_storable_drops_what_postgresql_cannot_keep() -> None:
    assert storable("a\x00b\ud800é") == "ab?é"
