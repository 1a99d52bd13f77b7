"""The envelope: one webhook as it travels through the queue.

The wire format is a JSON object, all ASCII, whose ``body`` is the base64 of the bytes as received: SQS refuses control
characters, and nothing less keeps the body equal byte for byte. A body too large for a message lies in a bucket
instead, and ``body_key`` names the object.
"""

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

from chalicelib.errors import EnvelopeError

VERSION = 1

MAX_INLINE_BODY_BYTES = 700 * 1024
"""Larger bodies, a third longer in base64, would not fit the 1 MiB of an SQS message together with their envelope."""

_TEXTS = ("source", "external_id", "event_type", "content_type", "body_sha256", "correlation_id")
_FIELDS = (*_TEXTS, "received_at", "headers")


@dataclass(frozen=True)
class Envelope:
    """A webhook that has been verified. ``headers`` are those worth keeping, names in lower case.

    ``body`` is None once it is gone from the bucket, where ``body_key`` named it.
    """

    source: str
    external_id: str
    event_type: str
    received_at: datetime
    content_type: str
    headers: Mapping[str, str]
    body_sha256: str
    body: bytes | None
    correlation_id: str
    body_key: str | None = None

    def to_message(self) -> str:
        """The text to put into the queue."""
        wire: dict[str, Any] = {name: getattr(self, name) for name in _TEXTS}
        wire |= {"version": VERSION, "received_at": self.received_at.isoformat(), "headers": dict(self.headers)}
        if self.body_key is not None:
            return json.dumps(wire | {"body_key": self.body_key}, separators=(",", ":"))
        # Base64 needs no escaping, and json.dumps would look for it in every character.
        body = base64.b64encode(self.body or b"").decode("ascii")
        return f'{json.dumps(wire, separators=(",", ":"))[:-1]},"body":"{body}"}}'

    @classmethod
    def from_message(cls, text: str, fetch: Callable[[str], bytes | None]) -> Self:
        """Read what ``to_message`` wrote; anything else raises ``EnvelopeError``.

        ``fetch`` gets the object of a key, None where there is none any more; its errors pass through.
        """
        try:
            wire = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise EnvelopeError(f"The message is not JSON: {error}.") from None
        if not isinstance(wire, dict) or wire.pop("version", None) != VERSION:
            raise EnvelopeError(f"The message is not an envelope of version {VERSION}.")
        if wire.keys() not in ({*_FIELDS, "body"}, {*_FIELDS, "body_key"}):
            raise EnvelopeError("The envelope's fields are not those of its version.")
        if not all(_is_text(wire[name]) for name in _TEXTS) or not _is_text_mapping(wire["headers"]):
            raise EnvelopeError("A field of the envelope is not a text that PostgreSQL can keep.")
        if "body_key" in wire and not _is_text(wire["body_key"]):
            raise EnvelopeError("The envelope's body_key is not a text.")
        body = _read_body(wire.pop("body")) if "body" in wire else fetch(wire["body_key"])
        if body is not None and hashlib.sha256(body).hexdigest() != wire["body_sha256"]:
            raise EnvelopeError("The envelope's body does not have the hash it names.")
        return cls(**wire | {"received_at": _read_time(wire["received_at"]), "body": body})

    def in_bucket(self, put: Callable[[str, bytes], None]) -> Self:
        """This envelope with its body put into the bucket, under a key that no other delivery has."""
        assert self.body is not None
        key = f"{self.source}/{self.correlation_id}/{self.body_sha256}"
        put(key, self.body)
        return replace(self, body_key=key)


def storable(text: str) -> str:
    """``text`` without what PostgreSQL cannot keep: U+0000, and surrogates that pair with nothing."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and "\x00" not in value and (value.isascii() or value == storable(value))


def _is_text_mapping(value: Any) -> bool:
    return isinstance(value, dict) and all(map(_is_text, value)) and all(map(_is_text, value.values()))


def _read_time(value: Any) -> datetime:
    try:
        time = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        raise EnvelopeError("The envelope's received_at is not an ISO 8601 time.") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)


def _read_body(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise EnvelopeError("The envelope's body is not base64.") from None
