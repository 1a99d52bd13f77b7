"""Lex V2's events, read once and tolerantly: what is missing, null or new never stops a call.

https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html has the format, which changes without notice. An
event must have a ``sessionState``, or ``interpretations`` with an intent; all else may be absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from chalicelib.errors import RequestError
from chalicelib.voice.slots import Slots, read_slots, well_formed

_CONNECT_HINT = (
    "This is an event of Amazon Connect's own. Put the Lex bot into a 'Get customer input' block of the contact flow, "
    "in place of the 'Invoke AWS Lambda function' block."
)
_HINT = "This function answers Amazon Lex V2 alone: make it the code hook of a Lex V2 bot's alias."

MAX_NAME = 100
"""Lex's own limit for the names of intents and slots."""

Confirmation = Literal["Confirmed", "Denied", "None"]


class NotLexEventError(RequestError):
    """What came is no event of Lex V2; the message says what to do about it."""

    code = "not_lex_event"


@dataclass(frozen=True)
class Turn:
    """One turn of a call, without what the caller said.

    ``session_id`` is empty when the event has none, and ``intent`` when nothing was recognised. ``locale`` is such as
    ``en_US``. The values of slots and attributes stay out of ``repr``.
    """

    is_fulfilment: bool
    input_mode: Literal["Speech", "DTMF", "Text"]
    session_id: str = field(repr=False)
    locale: str
    intent: str
    confirmation: Confirmation
    is_silent: bool
    slots: Slots = field(repr=False)
    session_attributes: Mapping[str, str] = field(repr=False)
    request_attributes: Mapping[str, str] = field(repr=False)
    proposed_slot: str = ""

    @property
    def is_spoken(self) -> bool:
        """Whether the answer is heard rather than read."""
        return self.input_mode != "Text"


def parse_turn(event: Any) -> Turn:
    """Read an event. ``NotLexEventError`` for what is none."""
    if not isinstance(event, Mapping):
        raise NotLexEventError(_HINT)
    state, intent = _mapping(event.get("sessionState")), _intent(event)
    if not state and not intent:
        raise NotLexEventError(_CONNECT_HINT if "Details" in event else _HINT)
    mode, transcript = event.get("inputMode"), event.get("inputTranscript")
    return Turn(
        is_fulfilment=event.get("invocationSource") == "FulfillmentCodeHook",
        input_mode=mode if mode in ("Speech", "DTMF") else "Text",
        session_id=_text(event.get("sessionId")),
        locale=_text(_mapping(event.get("bot")).get("localeId")),
        intent=_text(intent.get("name"))[:MAX_NAME],
        confirmation=_confirmation(intent.get("confirmationState")),
        is_silent=not (isinstance(transcript, str) and transcript.strip()),
        slots=read_slots(intent.get("slots")),
        session_attributes=_texts(state.get("sessionAttributes")),
        request_attributes=_texts(event.get("requestAttributes")),
        proposed_slot=_text(
            _mapping(_mapping(event.get("proposedNextState")).get("dialogAction")).get("slotToElicit"),
        ),
    )


def _intent(event: Mapping[str, Any]) -> Mapping[str, Any]:
    """The intent of the session's state, else of the best interpretation that has one."""
    interpretations = event.get("interpretations")
    candidates = [event.get("sessionState"), *(interpretations if isinstance(interpretations, list) else ())]
    for candidate in candidates:
        intent = _mapping(_mapping(candidate).get("intent"))
        if _text(intent.get("name")):
            return intent
    return {}


def _confirmation(raw: Any) -> Confirmation:
    return raw if raw in ("Confirmed", "Denied") else "None"


def _mapping(raw: Any) -> Mapping[str, Any]:
    return raw if isinstance(raw, Mapping) else {}


def _texts(raw: Any) -> Mapping[str, str]:
    texts = [(name, text) for name, text in _mapping(raw).items() if isinstance(text, str) and isinstance(name, str)]
    return {well_formed(name): well_formed(text) for name, text in texts}


def _text(raw: Any) -> str:
    return well_formed(raw) if isinstance(raw, str) else ""
