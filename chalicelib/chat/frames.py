"""Frames: what travels over a socket, as JSON. Reading is strict, and an error says what to do.

``docs/asyncapi.yaml`` describes all of them.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, ClassVar

from chalicelib.chat.turns import Turn
from chalicelib.errors import RequestError, TooLargeError

MAX_CONTENT = 4_000
"""Characters of a message."""

MAX_REASON = 500

MAX_HISTORY_BYTES = 100_000
"""Of the 128 KB that a connection takes in one message; lists of any kind stay within."""

SHOWN_REASON = 200
"""Characters of a reason in a queue."""

_ID = re.compile(r"[A-Za-z0-9._:-]{1,128}", re.ASCII)

Frame = Mapping[str, Any]


@dataclass(frozen=True)
class Inbound:
    """A frame that a client sent; which fields it has depends on its ``action``."""

    action: str
    message_id: str | None = None
    content: str | None = None
    reason: str | None = None
    session_id: str | None = None

    FIELDS: ClassVar[Mapping[str, Sequence[str]]] = {
        "hello": (),
        "ping": (),
        "message": ("message_id", "content"),
        "request_human": ("reason",),
        "claim": ("session_id",),
        "return": ("session_id",),
        "close": ("session_id",),
    }


class FrameError(RequestError):
    """A frame that cannot be used. ``message_id`` is that of the frame, where it has a usable one."""

    def __init__(self, message: str, message_id: str | None = None) -> None:
        super().__init__(message)
        self.message_id = message_id


class FrameTooLargeError(TooLargeError, FrameError):
    """A text is longer than it may be."""


def read_frame(body: str | None, *, agent: bool) -> Inbound:
    """Read a frame of a customer's, or of an agent's; ``FrameError`` says what is wrong with it."""
    try:
        frame = json.loads(body or "")
    except (ValueError, RecursionError):
        raise FrameError("A frame must be a JSON object.") from None
    if not isinstance(frame, dict):
        raise FrameError("A frame must be a JSON object.")
    message_id = _identifier(frame.get("message_id"))
    action = frame.get("action")
    allowed = ("hello", "ping", "message", "claim", "return", "close") if agent else _CUSTOMERS
    if not isinstance(action, str) or action not in allowed:
        raise FrameError(f"`action` must be one of {', '.join(allowed)}.", message_id)
    fields = [*Inbound.FIELDS[action], *(("session_id",) if agent and action == "message" else ())]
    return Inbound(action, **{name: _READERS[name](frame.get(name), message_id) for name in fields})


_CUSTOMERS = ("hello", "ping", "message", "request_human")


def _read_message_id(value: Any, message_id: str | None) -> str:
    if message_id is None:
        raise FrameError("`message_id` must be 1 to 128 letters, digits, dots, colons, hyphens or underscores.")
    return message_id


def _read_content(value: Any, message_id: str | None) -> str:
    if not isinstance(value, str) or not value.strip():
        raise FrameError("`content` must be a text that is not empty.", message_id)
    if len(value) > MAX_CONTENT:
        raise FrameTooLargeError(f"`content` may have {MAX_CONTENT} characters; send it in parts.", message_id)
    return value.encode("utf-8", "replace").decode("utf-8")


def _read_reason(value: Any, message_id: str | None) -> str:
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MAX_REASON:
        raise FrameError(f"`reason` must be a text of at most {MAX_REASON} characters.", message_id)
    return value.encode("utf-8", "replace").decode("utf-8").strip()


def _read_session_id(value: Any, message_id: str | None) -> str:
    session_id = _identifier(value)
    if session_id is None:
        raise FrameError("`session_id` must name a session.", message_id)
    return session_id


_READERS = {
    "message_id": _read_message_id,
    "content": _read_content,
    "reason": _read_reason,
    "session_id": _read_session_id,
}


def _identifier(value: Any) -> str | None:
    return value if isinstance(value, str) and _ID.fullmatch(value) else None


def ack(message_id: str, seq: int) -> Frame:
    return {"type": "ack", "message_id": message_id, "seq": seq}


def delta(message_id: str, attempt: int, index: int, text: str) -> Frame:
    return {"type": "delta", "message_id": message_id, "attempt": attempt, "index": index, "text": text}


def message(turn: Turn, session_id: str | None = None) -> Frame:
    """A turn as it is shown; agents also hear which session it belongs to."""
    frame = {"type": "message", **shown(turn)}
    return frame | {"session_id": session_id} if session_id else frame


def session(session_id: str, status: str, turns: Sequence[Turn]) -> Frame:
    """A session as its customer comes back to it; ``turns`` are its history, the newest of which that fit are shown."""
    return {"type": "session", "session_id": session_id, "status": status, "history": history(turns)}


def history(turns: Sequence[Turn], room: int = MAX_HISTORY_BYTES) -> list[dict[str, Any]]:
    """The newest turns that fit into ``room`` bytes, in their order."""
    return _fitting([shown(turn) for turn in reversed(turns)], room)[::-1]


def queue(waiting: Sequence[Mapping[str, Any]], mine: Sequence[Mapping[str, Any]]) -> Frame:
    """Who waits, and which conversations are an agent's; of both the oldest, as far as they fit into one frame.

    Whoever still waits comes before those who are ``left``. ``total`` counts all of ``waiting``.
    """
    own = _fitting(mine, MAX_HISTORY_BYTES // 2)
    still_first = sorted(waiting, key=lambda entry: entry.get("left", False))
    fitting = _fitting(still_first, MAX_HISTORY_BYTES - size(own))
    oldest_first = sorted(fitting, key=lambda entry: entry["since"])
    return {"type": "queue", "waiting": oldest_first, "mine": own, "total": len(waiting)}


def size(value: Any) -> int:
    """How many bytes a part of a frame takes, at most."""
    return len(json.dumps(value, ensure_ascii=False).encode())


def short(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _fitting(entries: Sequence[Any], room: int) -> list[Any]:
    """The first of ``entries`` that fit into ``room`` bytes together."""
    kept = []
    for entry in entries:
        room -= size(entry) + len(", ")
        if room < 0:
            break
        kept.append(entry)
    return kept


def handoff(status: str, session_id: str | None = None) -> Frame:
    frame = {"type": "handoff", "status": status}
    return frame | {"session_id": session_id} if session_id else frame


def error(code: str, text: str, message_id: str | None = None) -> Frame:
    frame = {"type": "error", "code": code, "message": text}
    return frame | {"message_id": message_id} if message_id else frame


PONG: Frame = {"type": "pong"}


def shown(turn: Turn) -> dict[str, Any]:
    """A turn without what is nobody's business."""
    optional = {"message_id": turn.message_id, "response_id": turn.response_id}
    return {"seq": turn.seq, "author": turn.author, "content": turn.content, "at": iso(turn.at)} | {
        name: value for name, value in optional.items() if value is not None
    }


def iso(seconds: int) -> str:
    """A time as frames have it: ISO 8601, in UTC."""
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
