"""Handing a session off from outside: what other systems, and operators, ask ``hand_off_session``.

A request is ``{"session_id": …, "reason": …}``, and may name who asks in ``by``. The answer is ``{"status": …}``, where
the session stands then, or ``{"error": {"code": …, "message": …}}``. Asking again is no error.
"""

from collections.abc import Mapping
from typing import Any

from chalicelib.chat import handoff
from chalicelib.chat.desk import Desk
from chalicelib.chat.frames import MAX_REASON
from chalicelib.errors import RequestError

_MAX_NAME = 100


def hand_off(desk: Desk, event: Mapping[str, Any]) -> dict[str, Any]:
    """Carry out a request."""
    try:
        session_id = _text(event, "session_id", 128)
        reason = _text(event, "reason", MAX_REASON)
        who = f"operator:{_text(event, 'by', _MAX_NAME)}" if event.get("by") is not None else "system"
        return {"status": desk.take(session_id, handoff.to_people(who, reason)).status}
    except RequestError as error:
        return {"error": {"code": error.code, "message": str(error)}}


def _text(event: Mapping[str, Any], name: str, longest: int) -> str:
    value = event.get(name)
    if not isinstance(value, str) or not 0 < len(value.strip()) <= longest or not value.isprintable():
        raise RequestError(f"`{name}` must be a text of 1 to {longest} characters, on one line.")
    return value.strip()
