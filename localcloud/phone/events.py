"""The events with which Lex V2 calls a codehook.

https://docs.aws.amazon.com/lexv2/latest/dg/lambda-input-format.html
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

DIALOG, FULFILMENT = "DialogCodeHook", "FulfillmentCodeHook"

_BOT = {"id": "LOCALPHONE", "name": "frontdesk-local", "version": "1", "aliasId": "LOCALALIAS", "aliasName": "live"}


@dataclass(frozen=True)
class Input:
    """What came down the line: words, digits of the keypad, or nothing, which is silence."""

    text: str = ""
    keypad: bool = False


def build_event(
    source: str,
    said: Input,
    *,
    session_id: str,
    locale: str,
    attributes: Mapping[str, str],
    intent: Mapping[str, Any],
    resolved: Mapping[str, Any],
    proposed: Mapping[str, Any] | None,
) -> dict[str, Any]:
    """An event. ``resolved`` are the slots that these words filled, ``proposed`` is what Lex would do by itself.

    Like Lex, it proposes nothing when it asks for the fulfilment.
    """
    return {
        "messageVersion": "1.0",
        "invocationSource": source,
        "inputMode": "DTMF" if said.keypad else "Speech",
        "responseContentType": "audio/pcm",
        "sessionId": session_id,
        "inputTranscript": said.text,
        "bot": {**_BOT, "localeId": locale},
        "interpretations": [_interpretation(intent)],
        **({} if proposed is None else {"proposedNextState": dict(proposed)}),
        "requestAttributes": {
            "x-amz-lex:accept-content-types": "PlainText,SSML",
            "x-amz-lex:channels:platform": "Connect",
        },
        "sessionState": {
            "sessionAttributes": dict(attributes),
            "activeContexts": [],
            "intent": dict(intent),
            "originatingRequestId": str(uuid.uuid4()),
        },
        "transcriptions": [
            {
                "transcription": said.text,
                "transcriptionConfidence": 1.0,
                "resolvedContext": {"intent": intent["name"]},
                "resolvedSlots": dict(resolved),
            }
        ],
    }


def _interpretation(intent: Mapping[str, Any]) -> dict[str, Any]:
    """Lex gives no confidence for the fallback."""
    confidence = {} if intent["name"] == "FallbackIntent" else {"nluConfidence": 1.0}
    return {"interpretationSource": "Lex", "intent": dict(intent), **confidence}
