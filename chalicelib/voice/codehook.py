"""The codehook: Lex's events in, Lex's responses out, and no event that leaves a caller in silence.

Each turn goes to its intent's module, which decides; here the decision gets its words and its shape. Logs and metrics
say which intent, which step and how it went: never what a caller said, or any value of a slot or an attribute.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from traceback import extract_tb
from types import MappingProxyType, ModuleType
from typing import Any

from chalicelib import telemetry
from chalicelib.errors import UnavailableError
from chalicelib.voice import bot, confirmation, lex_response, reprompts
from chalicelib.voice.calls import Call, Calls
from chalicelib.voice.catalogue import Catalogue, catalogue, choose_locale
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.intents import (
    check_balance,
    fallback,
    goodbye,
    report_lost_card,
    speak_to_agent,
    transfer_funds,
    verify_caller,
)
from chalicelib.voice.intents import help as help_intent
from chalicelib.voice.lex_event import NotLexEventError, Turn, parse_turn
from chalicelib.voice.lex_response import Attributes, IntentState, Message, Response
from chalicelib.voice.replies import Reply, to_agent
from chalicelib.voice.slots import Slot, Slots, scalar
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Bank, Teller
from chalicelib.voice.timely_table import TimelyTable
from chalicelib.voice.verification import locked

LEX_MILLISECONDS = 30_000
"""How long Lex waits for its code hook; outside Lambda no context says how much of a function's time is left."""

ROUTE, AGENT = "route", "agent"

NOTING_SECONDS = 0.5
"""What the bank leaves of a turn's time to the calls table, which then notes what the bank did."""

INTENTS: Mapping[str, ModuleType] = MappingProxyType(
    {
        "CheckBalance": check_balance,
        "TransferFunds": transfer_funds,
        "ReportLostCard": report_lost_card,
        "VerifyCaller": verify_caller,
        "Help": help_intent,
        "SpeakToAgent": speak_to_agent,
        "Goodbye": goodbye,
        bot.FALLBACK: fallback,
    }
)

_OWN = (ROUTE, reprompts.ATTRIBUTE, confirmation.ATTRIBUTE)
_NEED_NO_CALL = (help_intent, speak_to_agent, goodbye)
_SLOTS = {intent.name: tuple(slot.name for slot in intent.slots) for intent in bot.INTENTS}
_LAST_RESORT = "I am sorry, something went wrong. I am putting you through to a colleague."


@dataclass(frozen=True)
class Codehook:
    """``clock`` gives seconds since the epoch, ``timer`` seconds that never go back; ``make_id`` makes references."""

    bank: Bank
    calls: Calls
    clock: Callable[[], float]
    timer: Callable[[], float]
    make_id: Callable[[], str]

    def handle(self, event: Any, context: Any = None) -> Response:
        """Answer an event. What is none of Lex's is answered by a flat ``{"code", "message"}``, as Connect wants it."""
        started = self.timer()
        try:
            turn = parse_turn(event)
        except NotLexEventError as error:
            telemetry.logger.error("not an event of Lex", code=error.code)
            telemetry.count("VoiceTurns", intent="none", outcome=error.code)
            return {"code": error.code, "message": str(error)}
        deadline = Deadline.of_turn(self.timer, _remaining(context))
        reply, response = self._answer(turn, deadline)
        _log(turn, reply, (self.timer() - started) * 1000)
        return response

    def _answer(self, turn: Turn, deadline: Deadline) -> tuple[Reply, Response]:
        try:
            reply = self._decide(turn, deadline)
        except UnavailableError as error:
            telemetry.logger.warning("voice turn without what it needs", error=type(error).__name__)
            reply = _apologise(turn, "unavailable")
        except Exception as error:  # noqa: BLE001 - logged without what it holds, see there
            _log_failure(error)
            reply = _apologise(turn, "failed")
        try:
            reply, asked = reprompts.count(turn, reply)
            return reply, render(turn, reply, asked, catalogue(turn.locale))
        except Exception as error:  # noqa: BLE001
            _log_failure(error)
            return _last_resort(turn)

    def _decide(self, turn: Turn, deadline: Deadline) -> Reply:
        intent = INTENTS.get(turn.intent)
        if intent is None:
            return to_agent("unknown_intent", say("unknown_intent"))
        calls = replace(self.calls, table=TimelyTable(self.calls.table, deadline))
        call = Call() if intent in _NEED_NO_CALL else calls.find(turn.session_id)
        if call.is_locked and intent is not report_lost_card:
            return locked()
        teller = Teller(self.bank, calls, call, deadline.earlier(NOTING_SECONDS), self.clock, self.make_id)
        step = intent.fulfill if turn.is_fulfilment else intent.handle_dialog
        reply: Reply = step(turn, teller)
        return reply


def render(turn: Turn, reply: Reply, asked: str, words: Catalogue) -> Response:
    """A decision in Lex's shape and the caller's language."""
    own = {ROUTE: AGENT} if reply.to_agent else {}
    own |= {reprompts.ATTRIBUTE: asked} if asked else {}
    own |= {confirmation.ATTRIBUTE: reply.confirming} if reply.confirming else {}
    others = {name: text for name, text in turn.session_attributes.items() if name not in _OWN}
    attributes = Attributes(own, others)
    messages = [words.message(said, spoken=turn.is_spoken) for said in reply.says]
    if reply.choices and not turn.is_spoken:
        messages.append(_buttons(reply, words))
    intent = IntentState(turn.intent or bot.FALLBACK, _slots(turn, reply), reply.state)
    match reply.action:
        case "ElicitSlot":
            return lex_response.elicit_slot(intent, reply.asks, messages, attributes)
        case "ElicitIntent":
            return lex_response.elicit_intent(messages, attributes)
        case "ConfirmIntent":
            return lex_response.confirm_intent(intent, messages, attributes)
        case "Delegate":
            confirmed = IntentState(intent.name, intent.slots, intent.state, turn.confirmation)
            return lex_response.delegate(confirmed, attributes)
    return lex_response.close(IntentState(intent.name, state=reply.state), messages, attributes)


def _slots(turn: Turn, reply: Reply) -> Slots:
    """The intent's slots as they go back. A PIN never does; a customer number only while its PIN is asked for."""
    names = _SLOTS.get(turn.intent, ())
    slots = {name: _plain(turn.slots.get(name)) for name in names} | {bot.PIN.name: None}
    if reply.asks != bot.PIN.name:
        slots[bot.CUSTOMER_NUMBER.name] = None
    slots |= reply.changes
    return {name: slots[name] for name in names}


def _plain(slot: Slot | None) -> Slot | None:
    """A slot without whatever else stood in it: all of ours hold one value."""
    return scalar(slot.texts[0]) if slot and slot.texts and slot.shape != "Scalar" else slot


def _buttons(reply: Reply, words: Catalogue) -> Message:
    prompt = words.text(reply.says[-1])
    return lex_response.card(prompt, [(words.formats.account(kind), kind) for kind in reply.choices])


def _remaining(context: Any) -> float:
    """Milliseconds that the function has left."""
    remaining = getattr(context, "get_remaining_time_in_millis", None)
    return float(remaining()) if callable(remaining) else LEX_MILLISECONDS


def _apologise(turn: Turn, outcome: str) -> Reply:
    """Whatever is broken, a person takes over; who lost a card hears that this is about their card."""
    if INTENTS.get(turn.intent) is report_lost_card:
        return to_agent(outcome, say("lost_card_agent"))
    return to_agent(outcome, say(outcome))


def _last_resort(turn: Turn) -> tuple[Reply, Response]:
    """An answer that depends on nothing, for when not even the catalogue can be used."""
    attributes = Attributes({ROUTE: AGENT}, turn.session_attributes)
    intent = IntentState(turn.intent or bot.FALLBACK, state="Failed")
    return to_agent("failed"), lex_response.close(intent, [lex_response.plain_text(_LAST_RESORT)], attributes)


def _log(turn: Turn, reply: Reply, milliseconds: float) -> None:
    """One line and one metric for a turn, with words of our own alone."""
    intent = turn.intent if turn.intent in INTENTS else "other"
    source = "FulfillmentCodeHook" if turn.is_fulfilment else "DialogCodeHook"
    telemetry.logger.info(
        "voice turn",
        intent=intent,
        source=source,
        input_mode=turn.input_mode,
        locale=choose_locale(turn.locale),
        action=reply.action,
        slot=reply.asks,
        outcome=reply.outcome,
        milliseconds=round(milliseconds, 1),
    )
    telemetry.emit({"VoiceTurns": 1}, {"VoiceTurnTime": [milliseconds]}, intent=intent, outcome=reply.outcome)


def _log_failure(error: Exception) -> None:
    """Log an error by its kind and place: its text, and what it holds, may come from a caller."""
    frames = extract_tb(error.__traceback__)
    place = [f"{frame.name}:{frame.lineno}" for frame in frames[-4:]]
    telemetry.logger.error("voice turn failed", error=type(error).__name__, place=place)
