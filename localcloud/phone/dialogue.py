"""What Lex does in a call: hears an input, calls the codehook, and does as it is told.

It is pure but for the function it calls, which gets an event and answers as a codehook does.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, TypeAlias

from localcloud.phone.definition import Bot, Confirmation, Slot
from localcloud.phone.events import DIALOG, FULFILMENT, Input, build_event
from localcloud.phone.responses import CodehookError, Response, read_response
from localcloud.phone.speech import PLAIN, SSML, heard
from localcloud.phone.understanding import Session, Understood, keyed, understand

Function = Callable[[dict[str, Any]], Any]
"""Calls the codehook; raises ``CodehookError`` when that fails."""


@dataclass(frozen=True)
class Exchange:
    """One call of the codehook: the event and what it answered, None where it failed."""

    event: Mapping[str, Any]
    answer: Any


@dataclass(frozen=True)
class Turn:
    """What an input led to: what the caller hears, and what Lex and the codehook told one another.

    ``failure`` says why the codehook could not be asked: then the contact flow sends the caller to a person.
    """

    session: Session
    heard: tuple[str, ...]
    exchanges: tuple[Exchange, ...]
    failure: str | None = None

    @property
    def has_ended(self) -> bool:
        return self.session.action == "Close"

    @property
    def goes_to_a_person(self) -> bool:
        """Whether the contact flow hands the caller over at the end."""
        return self.has_ended and (self.failure is not None or self.session.attributes.get("route") == "agent")


@dataclass(frozen=True)
class _Call:
    """What the codehook is to be asked next."""

    source: str
    intent: Mapping[str, Any]
    understood: Understood


_Next: TypeAlias = tuple[Session, _Call | None, Slot | Confirmation | None]


@dataclass(frozen=True)
class Dialogue:
    """The bot in one language, on the line with one codehook."""

    bot: Bot
    function: Function

    def turn(self, session: Session, said: Input) -> Turn:
        """What follows on an input. The session must not have ended."""
        said = keyed(said, session, self.bot)
        understood = understand(session, said, self.bot)
        session = replace(session, misses=understood.misses)
        call: _Call | None = self._first_call(understood)
        heard_now: list[str] = []
        exchanges: list[Exchange] = []
        while call is not None:
            event = self._event(call, session, said)
            answer = None
            try:
                answer = self.function(event)
                response = read_response(answer, self.bot)
            except CodehookError as error:
                closed = replace(session, action="Close")
                return Turn(closed, tuple(heard_now), (*exchanges, Exchange(event, answer)), str(error))
            exchanges.append(Exchange(event, answer))
            heard_now += response.heard
            session, call, asked = self._follow(replace(session, attributes=response.attributes), call, response)
            heard_now += [] if response.heard or asked is None else [_prompt(asked.prompt)]
        return Turn(session, tuple(heard_now), tuple(exchanges))

    def _first_call(self, understood: Understood) -> _Call:
        intent = self.bot.intent(understood.intent["name"])
        assert intent is not None
        if intent.asks_hook:
            return _Call(DIALOG, understood.intent, understood)
        return _Call(FULFILMENT, {**understood.intent, "state": "ReadyForFulfillment"}, understood)

    def _event(self, call: _Call, session: Session, said: Input) -> dict[str, Any]:
        return build_event(
            call.source,
            said,
            session_id=session.session_id,
            locale=self.bot.locale,
            attributes=session.attributes,
            intent=call.intent,
            resolved={name: value.as_slot() for name, value in call.understood.values.items()},
            proposed=self._proposed(call, session) if call.source == DIALOG else None,
        )

    def _proposed(self, call: _Call, session: Session) -> dict[str, Any]:
        """What Lex would do by itself: ask again, ask for the next slot, or go on to the fulfilment."""
        if session.misses:
            slot = {"slotToElicit": session.slot} if session.action == "ElicitSlot" else {}
            action = {"type": session.action, **slot}
            return {"dialogAction": action, "intent": call.intent, "prompt": {"attempt": f"Retry{session.misses}"}}
        prompt = {"attempt": "Initial"}
        if missing := self._missing(call.intent):
            action = {"type": "ElicitSlot", "slotToElicit": missing.name}
            return {"dialogAction": action, "intent": call.intent, "prompt": prompt}
        if self._confirmation(call.intent):
            return {"dialogAction": {"type": "ConfirmIntent"}, "intent": call.intent, "prompt": prompt}
        ready = {**call.intent, "state": "ReadyForFulfillment"}
        return {"dialogAction": {"type": "Close"}, "intent": ready, "prompt": prompt}

    def _missing(self, intent: Mapping[str, Any]) -> Slot | None:
        """The next slot that Lex asks for without being told to."""
        known = self.bot.intent(intent["name"])
        slots = known.slots if known else ()
        return next((slot for slot in slots if slot.required and intent["slots"].get(slot.name) is None), None)

    def _confirmation(self, intent: Mapping[str, Any]) -> Confirmation | None:
        """The confirmation that Lex asks for without being told to, once there is an active one and no answer yet."""
        known = self.bot.intent(intent["name"])
        return known.confirmation if known and intent["confirmationState"] == "None" else None

    def _follow(self, session: Session, call: _Call, response: Response) -> _Next:
        """Do as the codehook says: the session after it, what to ask it next, and what Lex itself may ask for."""
        if response.action == "Delegate":
            return self._delegate(session, call, response)
        if response.action == "ElicitSlot":
            assert response.intent is not None
            known = self.bot.intent(response.intent["name"])
            asked = known.slot(response.slot) if known else None
            return self._ask(session, response.intent, asked), None, asked
        if response.action == "ConfirmIntent":
            assert response.intent is not None
            return self._ask_to_confirm(session, response.intent)
        intent = None if response.action == "ElicitIntent" else response.intent
        misses = session.misses if session.action == response.action else 0
        return replace(session, intent=intent, action=response.action, slot=None, misses=misses), None, None

    def _delegate(self, session: Session, call: _Call, response: Response) -> _Next:
        """Lex's own order: a refusal ends the intent; then the slots it must have, the confirmation, the fulfilment."""
        assert response.intent is not None
        intent = response.intent
        known = self.bot.intent(intent["name"])
        assert known is not None
        closed = replace(session, intent=intent, action="Close", slot=None)
        if intent["confirmationState"] == "Denied" or call.source == FULFILMENT:
            return closed, None, None
        if missing := self._missing(intent):
            return self._ask(session, intent, missing), None, missing
        if self._confirmation(intent):
            return self._ask_to_confirm(session, intent)
        if known.fulfils_by_hook:
            ready = {**intent, "state": "ReadyForFulfillment"}
            return replace(session, intent=ready), _Call(FULFILMENT, ready, call.understood), None
        return closed, None, None

    def _ask_to_confirm(self, session: Session, intent: Mapping[str, Any]) -> _Next:
        known = self.bot.intent(intent["name"])
        same = session.intent is not None and session.intent["name"] == intent["name"]
        misses = session.misses if same and session.action == "ConfirmIntent" else 0
        asking = replace(session, intent=intent, action="ConfirmIntent", slot=None, misses=misses)
        return asking, None, known.confirmation if known else None

    @staticmethod
    def _ask(session: Session, intent: Mapping[str, Any], slot: Slot | None) -> Session:
        same = session.intent is not None and session.intent["name"] == intent["name"]
        again = session.action == "ElicitSlot" and same and slot is not None and session.slot == slot.name
        misses = session.misses if again else 0
        return replace(session, intent=intent, action="ElicitSlot", slot=slot.name if slot else None, misses=misses)


def _prompt(text: str) -> str:
    return heard(SSML if text.lstrip().startswith("<speak>") else PLAIN, text)
