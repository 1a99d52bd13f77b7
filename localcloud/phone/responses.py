"""What a codehook answers, read as Lex reads it: whatever Lex would refuse is refused here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from localcloud.phone.definition import Bot
from localcloud.phone.speech import heard

Action = Literal["Close", "ConfirmIntent", "Delegate", "ElicitIntent", "ElicitSlot"]

_STATES = {"Failed", "Fulfilled", "FulfillmentInProgress", "InProgress", "ReadyForFulfillment", "Waiting"}
_CONTENT_TYPES = {"PlainText", "SSML", "CustomPayload", "ImageResponseCard"}


class CodehookError(Exception):
    """The function failed, or answered what Lex does not take: the contact flow sends the caller to a person."""


@dataclass(frozen=True)
class Response:
    """``intent`` is as Lex would keep it, with every slot of it; None where the answer has none."""

    action: Action
    slot: str | None
    intent: Mapping[str, Any] | None
    attributes: Mapping[str, str]
    heard: tuple[str, ...]


def read_response(answer: Any, bot: Bot) -> Response:
    """Raises ``CodehookError`` with what is wrong."""
    state = _mapping(_mapping(answer, "the answer").get("sessionState"), "sessionState")
    dialog = _mapping(state.get("dialogAction"), "sessionState.dialogAction")
    action = dialog.get("type")
    if action not in get_args(Action):
        raise CodehookError(f"dialogAction.type is {action!r}, not one of: {', '.join(get_args(Action))}.")
    intent = _intent(state.get("intent"), bot)
    if intent is None and action not in ("ElicitIntent", "Close"):
        raise CodehookError(f"{action} needs sessionState.intent.")
    if action == "ConfirmIntent" and not (intent and _can_be_confirmed(intent, bot)):
        raise CodehookError(f"{intent and intent['name']} has no active confirmation, which ConfirmIntent needs.")
    messages = _messages(answer.get("messages"))
    if action == "ElicitIntent" and not messages:
        raise CodehookError("ElicitIntent needs messages.")
    slot = _slot(dialog, intent, bot) if action == "ElicitSlot" else None
    return Response(cast("Action", action), slot, intent, _attributes(state.get("sessionAttributes")), messages)


def _mapping(value: Any, what: str) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise CodehookError(f"{what} is {value!r}, not an object.")
    return value


def _intent(value: Any, bot: Bot) -> Mapping[str, Any] | None:
    if value is None:
        return None
    given = _mapping(value, "sessionState.intent")
    known = bot.intent(given.get("name"))
    if known is None:
        raise CodehookError(f"The bot has no intent {given.get('name')!r}.")
    slots = _mapping(given.get("slots") or {}, "intent.slots")
    if unknown := sorted(slots.keys() - {slot.name for slot in known.slots}):
        raise CodehookError(f"{known.name} has no slots {', '.join(unknown)}.")
    if given.get("state", "InProgress") not in _STATES:
        raise CodehookError(f"intent.state is {given['state']!r}.")
    return {
        "name": known.name,
        "state": given.get("state", "InProgress"),
        "confirmationState": given.get("confirmationState", "None"),
        "slots": {slot.name: slots.get(slot.name) for slot in known.slots},
    }


def _can_be_confirmed(intent: Mapping[str, Any], bot: Bot) -> bool:
    known = bot.intent(intent["name"])
    return known is not None and known.confirmation is not None


def _slot(dialog: Mapping[str, Any], intent: Mapping[str, Any] | None, bot: Bot) -> str:
    known = bot.intent(intent["name"]) if intent else None
    name = dialog.get("slotToElicit")
    if known is None or known.slot(name) is None:
        raise CodehookError(f"slotToElicit is {name!r}, which is no slot of {known.name if known else 'any intent'}.")
    return str(name)


def _attributes(value: Any) -> Mapping[str, str]:
    attributes = _mapping(value or {}, "sessionAttributes")
    if not all(isinstance(text, str) for pair in attributes.items() for text in pair):
        raise CodehookError("sessionAttributes must be strings.")
    return attributes


def _messages(value: Any) -> tuple[str, ...]:
    messages = value or []
    if not isinstance(messages, list) or len(messages) > 10:
        raise CodehookError("messages must be a list of ten at most.")
    return tuple(text for message in messages if (text := _heard(_mapping(message, "a message"))))


def _heard(message: Mapping[str, Any]) -> str:
    kind, content = message.get("contentType"), message.get("content")
    if kind not in _CONTENT_TYPES:
        raise CodehookError(f"A message's contentType is {kind!r}.")
    if kind == "ImageResponseCard":
        return ""
    if not isinstance(content, str) or not 1 <= len(content) <= 1_024:
        raise CodehookError("A message's content must have 1 to 1,024 characters.")
    try:
        return heard(kind, content)
    except ValueError as error:
        raise CodehookError(str(error)) from error
