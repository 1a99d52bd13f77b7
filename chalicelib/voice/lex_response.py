"""Lex V2's responses: the five dialog actions, the four kinds of messages, and the limits that hold for all of them.

https://docs.aws.amazon.com/lexv2/latest/dg/lambda-response-format.html has the format, botocore's ``lexv2-runtime`` the
shapes. A response is never refused here: what does not fit is shortened or left out, others' session attributes first.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from chalicelib.voice.slots import Slots, to_lex

MAX_MESSAGES = 10
MAX_MESSAGE = 1024
MAX_ATTRIBUTES_BYTES = 12 * 1024
MAX_RESPONSE_BYTES = 25 * 1024
ROOM_BYTES = 1024
"""Kept for our own attributes."""

MAX_BUTTONS = 5
MAX_BUTTON = 50
MAX_TITLE = 250

Response: TypeAlias = dict[str, Any]
Message: TypeAlias = dict[str, Any]
Style = Literal["Default", "SpellByLetter", "SpellByWord"]
State = Literal["Failed", "Fulfilled", "FulfillmentInProgress", "InProgress", "ReadyForFulfillment", "Waiting"]


@dataclass(frozen=True)
class Attributes:
    """Session attributes: ``own`` ones always go along, ``others``, which we were given, as far as they fit."""

    own: Mapping[str, str] = field(default_factory=dict)
    others: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class IntentState:
    """The intent that a response goes on with, or ends."""

    name: str
    slots: Slots = field(default_factory=dict)
    state: State = "InProgress"
    confirmation: Literal["Confirmed", "Denied", "None"] = "None"

    def to_lex(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "slots": {name: to_lex(slot) for name, slot in self.slots.items()},
            "state": self.state,
            "confirmationState": self.confirmation,
        }


def plain_text(text: str) -> Message:
    return {"contentType": "PlainText", "content": text[:MAX_MESSAGE] or "…"}


def ssml(document: str, text: str) -> Message:
    """A whole SSML document, or the plain ``text`` in its place where it is too long to be cut."""
    if len(document) > MAX_MESSAGE:
        return plain_text(text)
    return {"contentType": "SSML", "content": document}


def custom_payload(content: str) -> Message:
    """A message for the client's own use. What is too long for it is refused with ``ValueError``: cut, it is spoilt."""
    if not 0 < len(content) <= MAX_MESSAGE:
        raise ValueError(f"a custom payload has 1 to {MAX_MESSAGE} characters")
    return {"contentType": "CustomPayload", "content": content}


def card(title: str, buttons: Sequence[tuple[str, str]], *, subtitle: str = "", image_url: str = "") -> Message:
    """A card with buttons, each with its text and the value it sends. Only written chats show them."""
    content: dict[str, Any] = {
        "title": title[:MAX_TITLE],
        "buttons": [{"text": text[:MAX_BUTTON], "value": value[:MAX_BUTTON]} for text, value in buttons[:MAX_BUTTONS]],
    }
    content |= {"subtitle": subtitle[:MAX_TITLE]} if subtitle else {}
    content |= {"imageUrl": image_url} if 0 < len(image_url) <= MAX_TITLE else {}
    return {"contentType": "ImageResponseCard", "imageResponseCard": content}


def elicit_slot(
    intent: IntentState,
    slot: str,
    messages: Sequence[Message],
    attributes: Attributes,
    *,
    style: Style = "Default",
    sub_slots: Sequence[str] = (),
) -> Response:
    """Ask for a slot; of a composite one for the sub-slot to which ``sub_slots`` leads, from the outside in."""
    action: dict[str, Any] = {"type": "ElicitSlot", "slotToElicit": slot, "slotElicitationStyle": style}
    inner: dict[str, Any] = {}
    for name in reversed(sub_slots):
        inner = {"name": name} | ({"subSlotToElicit": inner} if inner else {})
    if inner:
        action["subSlotToElicit"] = inner
    return _response(action, attributes, messages, intent)


def elicit_intent(messages: Sequence[Message], attributes: Attributes) -> Response:
    """Ask what the caller wants next; Lex insists on a message here."""
    return _response({"type": "ElicitIntent"}, attributes, messages or [plain_text("…")])


def confirm_intent(intent: IntentState, messages: Sequence[Message], attributes: Attributes) -> Response:
    return _response({"type": "ConfirmIntent"}, attributes, messages, intent)


def delegate(intent: IntentState, attributes: Attributes) -> Response:
    """Leave the next step to Lex, which is fulfilment where the intent is ready for it."""
    return _response({"type": "Delegate"}, attributes, (), intent)


def close(intent: IntentState, messages: Sequence[Message], attributes: Attributes) -> Response:
    return _response({"type": "Close"}, attributes, messages, intent)


def _response(
    action: Mapping[str, Any],
    attributes: Attributes,
    messages: Sequence[Message],
    intent: IntentState | None = None,
) -> Response:
    state: dict[str, Any] = {"dialogAction": dict(action), "sessionAttributes": {}}
    if intent:
        state["intent"] = intent.to_lex()
    response: Response = {"sessionState": state}
    if messages:
        response["messages"] = list(messages[:MAX_MESSAGES])
    _shorten(response)
    room = min(MAX_ATTRIBUTES_BYTES, MAX_RESPONSE_BYTES - _size(response))
    state["sessionAttributes"] = _fit(attributes, room)
    return response


def _shorten(response: Response) -> None:
    """Leave room for our own attributes: the largest slots are emptied, then the last messages left out."""
    slots = response["sessionState"].get("intent", {}).get("slots", {})
    for name in sorted(slots, key=lambda name: _size(slots[name]), reverse=True):
        if _size(response) <= MAX_RESPONSE_BYTES - ROOM_BYTES:
            return
        slots[name] = None
    while len(response.get("messages", ())) > 1 and _size(response) > MAX_RESPONSE_BYTES - ROOM_BYTES:
        response["messages"].pop()


def _fit(attributes: Attributes, room: int) -> dict[str, str]:
    """Our own attributes, and the smallest of the others in ``room`` bytes of JSON, in the order they had."""
    own = dict(attributes.own)
    others = {name: text for name, text in attributes.others.items() if name and name not in own}
    sizes = {name: _size({name: text}) for name, text in others.items()}
    total = _size(own) + sum(sizes.values())
    for name in sorted(others, key=lambda name: sizes[name], reverse=True):
        if total <= room:
            break
        total -= sizes[name]
        del others[name]
    return {**others, **own}


def _size(value: Any) -> int:
    """Bytes of a value's JSON; every character beyond ASCII counts as its escape, which is no less than it takes."""
    return len(json.dumps(value))
