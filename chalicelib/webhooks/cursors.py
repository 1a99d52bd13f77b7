"""Cursors: a place in a list, as a text that its reader hands back and need not understand."""

import base64
import binascii
import json

from chalicelib.errors import RequestError


def to_cursor(*place: str) -> str:
    """A text that only ``from_cursor`` reads."""
    return base64.urlsafe_b64encode(json.dumps(place).encode()).decode("ascii")


def from_cursor(cursor: str, length: int) -> list[str]:
    """The texts that make a place, so many of them; ``RequestError`` for what is no such cursor."""
    try:
        place = json.loads(base64.urlsafe_b64decode(cursor.encode()))
    except (ValueError, binascii.Error, RecursionError):
        place = None
    if not isinstance(place, list) or len(place) != length or not all(isinstance(text, str) for text in place):
        raise RequestError("`cursor` is not one that an answer gave; leave it out to begin anew.")
    return place
