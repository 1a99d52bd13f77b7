"""Who calls: a customer number and its PIN, proven to the bank, counted and remembered in the calls table.

Nothing else proves anything: neither the number a call comes from, nor a session attribute, which whoever talks to Lex
directly may set. Three wrong PINs in a call end its dealings with the bank.
"""

from dataclasses import dataclass

from chalicelib.voice.bank import BankUnavailableError
from chalicelib.voice.bot import CUSTOMER_NUMBER, PIN
from chalicelib.voice.calls import MAX_ATTEMPTS, VERIFIED_SECONDS, Call
from chalicelib.voice.lex_event import Turn
from chalicelib.voice.replies import Reply, ask, to_agent
from chalicelib.voice.slots import digits
from chalicelib.voice.speech import say
from chalicelib.voice.teller import Teller


@dataclass(frozen=True)
class Proven:
    """The customer who calls, and the call as it is after the proof."""

    customer_id: str
    call: Call


def require(turn: Turn, teller: Teller, within: int = VERIFIED_SECONDS) -> Proven | Reply:
    """The customer, if proven in the last ``within`` seconds or by this turn; else what to ask for.

    A number is not kept, so that an old proof is renewed with both, number and PIN.
    """
    call = teller.call
    if call.is_verified(teller.clock(), within) and call.customer_id:
        return Proven(call.customer_id, call)
    number = digits(turn.slots.get(CUSTOMER_NUMBER.name))
    if number is None or len(number) != CUSTOMER_NUMBER.digits:
        if turn.slots.get(CUSTOMER_NUMBER.name):
            return ask(CUSTOMER_NUMBER, say("customer_number_unclear"))
        return ask(CUSTOMER_NUMBER, *([say("step_up")] if call.is_verified(teller.clock()) else []))
    pin = digits(turn.slots.get(PIN.name))
    if pin is None or len(pin) != PIN.digits:
        return ask(PIN, *([say("pin_unclear")] if turn.slots.get(PIN.name) else []))
    return _prove(turn, teller, number, pin)


def locked() -> Reply:
    return to_agent("locked", say("locked"))


def _prove(turn: Turn, teller: Teller, number: str, pin: str) -> Proven | Reply:
    attempts = teller.calls.count_attempt(turn.session_id)
    if attempts is None:
        return _lock(turn, teller)
    try:
        verdict = teller.bank.verify(number, pin, teller.deadline)
    except BankUnavailableError as error:
        if not error.is_sent:
            teller.calls.take_back_attempt(turn.session_id)
        raise
    if verdict.customer_id:
        call = teller.calls.verify(turn.session_id, verdict.customer_id)
        return Proven(verdict.customer_id, call) if call else _lock(turn, teller)
    if verdict.locked or attempts >= MAX_ATTEMPTS:
        return _lock(turn, teller)
    return ask(CUSTOMER_NUMBER, say("wrong_pin"))


def _lock(turn: Turn, teller: Teller) -> Reply:
    teller.calls.lock(turn.session_id)
    return locked()
