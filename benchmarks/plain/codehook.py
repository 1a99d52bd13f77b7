"""The codehook of the plain design: a router, response builders and slot helpers over Lex's dictionaries.

It believes the session attributes, confirms nothing twice and logs the slots. ``ask`` stands for the bank: a method, a
path and a body in, the answer's JSON out.
"""

import json
import logging
import sys
from collections.abc import Callable
from typing import Any

Ask = Callable[[str, str, dict[str, Any] | None], dict[str, Any]]

LIMIT = 10_000

logger = logging.getLogger("plain-codehook")
logger.setLevel(logging.INFO)
logger.propagate = False


class _Stdout(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        print(record.getMessage(), file=sys.stdout)


logger.addHandler(_Stdout())


def answer(event: dict[str, Any], ask: Ask) -> dict[str, Any]:
    """Lex's event in, Lex's response out."""
    intent = event["sessionState"]["intent"]
    slots = intent.get("slots") or {}
    session = event["sessionState"].get("sessionAttributes") or {}
    said = {name: value(slots, name) for name in slots}
    logger.info(json.dumps({"message": "turn", "intent": intent["name"], "session": event["sessionId"], "slots": said}))
    is_dialog = event["invocationSource"] == "DialogCodeHook"
    handlers = {
        "CheckBalance": validate_balance if is_dialog else tell_balance,
        "TransferFunds": validate_transfer if is_dialog else transfer,
    }
    return handlers[intent["name"]](intent, slots, session, ask)


def value(slots: dict[str, Any], name: str) -> Any:
    slot = slots.get(name) or {}
    return (slot.get("value") or {}).get("interpretedValue")


def validate_balance(
    intent: dict[str, Any], slots: dict[str, Any], session: dict[str, Any], ask: Ask
) -> dict[str, Any]:
    if value(slots, "AccountType") is None:
        return respond("ElicitSlot", intent, slots, session, "Which account?", slot="AccountType")
    return tell_balance(intent, slots, session, ask)


def tell_balance(intent: dict[str, Any], slots: dict[str, Any], session: dict[str, Any], ask: Ask) -> dict[str, Any]:
    found = ask("GET", f"/accounts/{value(slots, 'AccountType')}/balance", None)
    return respond("Close", intent, slots, session, f"Your balance is ${found['balance']}.", state="Fulfilled")


def validate_transfer(
    intent: dict[str, Any], slots: dict[str, Any], session: dict[str, Any], ask: Ask
) -> dict[str, Any]:
    for name in ("FromAccount", "ToAccount", "TransferAmount"):
        if value(slots, name) is None:
            return respond("ElicitSlot", intent, slots, session, f"What is the {name}?", slot=name)
    if float(value(slots, "TransferAmount")) > LIMIT:
        too_much = f"At most ${LIMIT} a transfer."
        return respond("ElicitSlot", intent, slots, session, too_much, slot="TransferAmount")
    return respond("ConfirmIntent", intent, slots, session, f"Transfer ${value(slots, 'TransferAmount')}?")


def transfer(intent: dict[str, Any], slots: dict[str, Any], session: dict[str, Any], ask: Ask) -> dict[str, Any]:
    body = {
        "from": value(slots, "FromAccount"),
        "to": value(slots, "ToAccount"),
        "amount": value(slots, "TransferAmount"),
    }
    ask("POST", "/transfers", body)
    return respond("Close", intent, slots, session, "It is done.", state="Fulfilled")


def respond(
    action: str,
    intent: dict[str, Any],
    slots: dict[str, Any],
    session: dict[str, Any],
    text: str,
    *,
    slot: str | None = None,
    state: str = "InProgress",
) -> dict[str, Any]:
    dialog = {"type": action} | ({"slotToElicit": slot} if slot else {})
    return {
        "sessionState": {
            "sessionAttributes": session,
            "dialogAction": dialog,
            "intent": {"name": intent["name"], "slots": slots, "state": state},
        },
        "messages": [{"contentType": "PlainText", "content": text}],
    }
