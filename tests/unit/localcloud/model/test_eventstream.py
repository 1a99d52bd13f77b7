import json

import pytest
from botocore.eventstream import (
    ChecksumMismatch,
    EventStreamBuffer,
    EventStreamMessage,
    InvalidHeadersLength,
    InvalidPayloadLength,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from localcloud.model import eventstream

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda children: st.dictionaries(st.text(), children),
    max_leaves=5,
)


def parse(data: bytes) -> list[EventStreamMessage]:
    buffer = EventStreamBuffer()
    buffer.add_data(data)
    return list(buffer)


@settings(max_examples=50)
@given(st.dictionaries(st.text(), VALUES))
def test_botocore_reads_every_payload(payload: dict[str, object]) -> None:
    (message,) = parse(eventstream.event("contentBlockDelta", payload))

    assert json.loads(message.payload) == payload
    assert message.headers == {
        ":event-type": "contentBlockDelta",
        ":content-type": "application/json",
        ":message-type": "event",
    }


def test_frames_follow_one_another() -> None:
    first, second = parse(eventstream.event("messageStart", {}) + eventstream.event("messageStop", {"a": "é"}))

    assert [first.headers[":event-type"], second.headers[":event-type"]] == ["messageStart", "messageStop"]


def test_an_exception_is_told_as_one() -> None:
    (message,) = parse(eventstream.exception("modelStreamErrorException", "failed"))

    assert message.to_response_dict()["status_code"] == 400
    assert message.headers[":exception-type"] == "modelStreamErrorException"
    assert json.loads(message.payload) == {"message": "failed"}


@pytest.mark.parametrize("place", [0, 9, 20, -1])
def test_a_changed_byte_is_noticed(place: int) -> None:
    frame = bytearray(eventstream.event("messageStop", {"stopReason": "end_turn"}))
    frame[place] ^= 1

    with pytest.raises((ChecksumMismatch, InvalidHeadersLength, InvalidPayloadLength)):
        parse(bytes(frame))
