"""Turns: what was said in a session, one item each, in the order of their sequence numbers.

A customer's message claims two numbers at once, its own and the next one for its answer, so that an answer has a key
before it exists, follows its question whatever happens meanwhile, and cannot be stored twice.
"""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any, Literal, Self, TypeAlias

Author: TypeAlias = Literal["customer", "bot", "agent", "system"]

TURN = "TURN#"
BACKSTOP_SECONDS = 14 * 86_400
"""A turn outlives every session (7 days at most); what the deletion of a session missed goes by this."""

MAX_CONTENT_BYTES = 300_000
"""Compressed; an item has room for 400 KB."""

_ENCODING = "zlib"


@dataclass(frozen=True)
class Turn:
    """One contribution. ``at`` is in seconds since the epoch.

    ``message_id`` is the sender's own id of a message; a bot's turn bears that of the message it answers.
    ``response_id`` names what others than the customer said.
    """

    seq: int
    author: Author
    content: str
    at: int
    message_id: str | None = None
    response_id: str | None = None
    agent: str | None = None

    def to_item(self, session_id: str) -> dict[str, Any]:
        item = {
            "PK": f"SESSION#{session_id}",
            "SK": turn_key(self.seq),
            "author": self.author,
            "content": compress(self.content),
            "encoding": _ENCODING,
            "tokens": estimate_tokens(self.content),
            "at": self.at,
            "ttl": self.at + BACKSTOP_SECONDS,
        }
        optional = {"message_id": self.message_id, "response_id": self.response_id, "agent": self.agent}
        return item | {name: value for name, value in optional.items() if value is not None}

    @classmethod
    def from_item(cls, item: Mapping[str, Any]) -> Self:
        return cls(
            seq=int(item["SK"].removeprefix(TURN)),
            author=item["author"],
            content=decompress(item),
            at=item["at"],
            message_id=item.get("message_id"),
            response_id=item.get("response_id"),
            agent=item.get("agent"),
        )


def turn_key(seq: int) -> str:
    """The sort key of a turn; 12 digits, so that texts sort as numbers do."""
    return f"{TURN}{seq:012}"


def compress(text: str) -> bytes:
    return zlib.compress(text.encode("utf-8", "replace"))


def decompress(item: Mapping[str, Any]) -> str:
    """The content of an item, which says how it is encoded."""
    if item["encoding"] != _ENCODING:
        raise ValueError(f"{item['PK']} {item['SK']} is encoded as {item['encoding']}")
    return zlib.decompress(item["content"]).decode("utf-8")


def estimate_tokens(text: str) -> int:
    """How many tokens a text costs the model, about: a quarter of its characters."""
    return ceil(len(text) / 4)
