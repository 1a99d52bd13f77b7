"""The framing of AWS event streams (application/vnd.amazon.eventstream).

A frame is a prelude (length of the frame, length of its headers, CRC-32 of both), headers, payload, and the CRC-32 of
all that comes before. https://smithy.io/2.0/aws/amazon-eventstream.html
"""

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any

CONTENT_TYPE = "application/vnd.amazon.eventstream"

_STRING = 7
_OVERHEAD = 16
"""Bytes of a frame beside headers and payload."""


def event(kind: str, payload: Mapping[str, Any]) -> bytes:
    """The frame of one event of a stream, as ``contentBlockDelta``."""
    return _frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)


def exception(kind: str, message: str) -> bytes:
    """The frame with which a stream fails, as ``modelStreamErrorException``."""
    headers = {":exception-type": kind, ":content-type": "application/json", ":message-type": "exception"}
    return _frame(headers, {"message": message})


def _frame(headers: Mapping[str, str], payload: Mapping[str, Any]) -> bytes:
    block = b"".join(_header(name, value) for name, value in headers.items())
    body = json.dumps(payload, ensure_ascii=False).encode()
    prelude = struct.pack(">II", _OVERHEAD + len(block) + len(body), len(block))
    frame = prelude + _checksum(prelude) + block + body
    return frame + _checksum(frame)


def _header(name: str, value: str) -> bytes:
    text = value.encode()
    return struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", _STRING, len(text)) + text


def _checksum(data: bytes) -> bytes:
    return struct.pack(">I", zlib.crc32(data))
