"""Answers: a session that has work gets what is missing, one customer's turn after the other.

A queue message says no more than that a session has work, so that it may come late, twice or for nothing. What is
missing follows from the table: customers' turns that nobody has answered. An answer's key is its question's next
number, and it is stored together with the note that it is there, on condition that the session is still the
assistant's. Whoever repeats an answer finds it, and shows what is stored.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any, Protocol

from chalicelib import telemetry
from chalicelib.aws.tables import ConditionFailedError, put, update
from chalicelib.chat import frames, handoff, persona
from chalicelib.chat.budget import Budget
from chalicelib.chat.deltas import DeltaSender, Socket
from chalicelib.chat.desk import Desk
from chalicelib.chat.failed_turns import FailedTurn
from chalicelib.chat.handoff import Handoffs
from chalicelib.chat.prompt import MAX_CONTEXT_TURNS, build_messages, build_system
from chalicelib.chat.replies import Model, Reply, Replying, Tool
from chalicelib.chat.sessions import Session, Sessions, session_key
from chalicelib.chat.summaries import Summaries, count_answer
from chalicelib.chat.tokens import ANONYMOUS
from chalicelib.chat.turns import Turn
from chalicelib.errors import RequestError, UnavailableError

ANSWER_SECONDS = 35
"""How long the model may take for a whole answer. Its client's patience of 12 s may come on top of it."""

RUN_SECONDS = 50
"""No answer begins that may take longer than this after the function's start; its time limit is 60 s."""

AWAIT_SECONDS = 8
"""How long an answer that the table refused is waited for, before the session is tried again."""


class Orders(Protocol):
    """The orders, which webhooks brought."""

    def look_up(self, number: str, *, session_id: str, customer_id: str | None, email: str | None) -> Mapping[str, Any]:
        """One order of a customer's, or of whoever knows its number and e-mail address; ``{"error": …}`` else."""


class FailedTurns(Protocol):
    def keep(self, failed: FailedTurn) -> None:
        """Return once it is safe elsewhere, else raise ``UnavailableError``."""


@dataclass(frozen=True)
class Answering:
    """Answers sessions. ``clock`` gives seconds since the epoch."""

    sessions: Sessions
    handoffs: Handoffs
    desk: Desk
    summaries: Summaries
    model: Model
    orders: Orders
    socket: Socket
    failed_turns: FailedTurns
    budget: Budget
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def answer(self, session_id: str, *, receives: int, queued_at: float = 0.0) -> bool:
        """Answer what is unanswered in a session, as far as time allows; whether that was all of it.

        ``receives`` counts the runs for the same cause, this one included; ``queued_at`` is when the session was queued
        for it, in seconds since the epoch. ``UnavailableError`` when it must be tried again.
        """
        started = self.clock()
        session, turns, summary = self._load(session_id)
        if session and receives > 1:
            self._show_last(session, turns)
        if session is None or session.status != "active":
            return True
        for turn in unanswered(session, turns):
            if self.clock() + ANSWER_SECONDS > started + RUN_SECONDS:
                return False
            known = [earlier for earlier in turns if earlier.seq <= turn.seq]
            stored = self._answer(session, summary, known, turn, receives, queued_at)
            if stored is None or stored.session.status != "active":
                return True
            session = stored.session
            turns = sorted([*turns, stored.answer], key=lambda known: known.seq)
        return True

    def apologise(self, session_id: str) -> bool:
        """The last attempt has come: store an apology for the first turn that is unanswered; whether it was the last.

        The others behind it have not failed yet.
        """
        session, turns, _ = self._load(session_id)
        if session:
            self._show_last(session, turns)
        if session is None or session.status != "active":
            return True
        missing = unanswered(session, turns)
        if missing:
            telemetry.count("Apologies")
            self._store(session, missing[0], Reply(persona.APOLOGY, 0, complete=False), None)
        return len(missing) < 2

    def _load(self, session_id: str) -> tuple[Session | None, Sequence[Turn], str | None]:
        """A session, its newest turns and its summary, at the same time; more turns when more are unanswered."""
        with ThreadPoolExecutor(2) as pool:
            newest = pool.submit(self.sessions.turns, session_id, MAX_CONTEXT_TURNS)
            summary = pool.submit(self.summaries.latest, session_id)
            session, turns = self.sessions.find(session_id), newest.result()
        if session and len(turns) == MAX_CONTEXT_TURNS and turns[0].seq > session.answered + 1:
            turns = self.sessions.turns_from(session_id, session.answered - MAX_CONTEXT_TURNS)
        return session, turns, summary.result()

    def _answer(
        self,
        session: Session,
        summary: str | None,
        turns: Sequence[Turn],
        turn: Turn,
        receives: int,
        queued_at: float,
    ) -> "_Stored | None":
        """Answer one turn; None when the session is no longer the assistant's."""
        if refusal := self.budget.refusal(session.tokens):
            return self._store(session, turn, Reply(refusal, 0, complete=False), None)
        assert turn.message_id is not None
        customer = session.name or (session.customer_id if session.customer_id != ANONYMOUS else None)
        system = build_system(persona.SYSTEM, summary, customer)
        wish = _Wish()
        sender = DeltaSender(self.socket, self.sessions, session, turn.message_id, self.clock, run=receives - 1)
        replying = Replying(self.model, self.clock, self.sleep, self.clock() + ANSWER_SECONDS)
        reply = replying.reply(system, build_messages(system, turns), self._tools(session, wish), sender)
        if sender.first_sent_at:
            # A turn knows its second; its session's message in the queue, sent right after it, the millisecond.
            waited = max(sender.first_sent_at - max(queued_at, turn.at), 0.0)
            telemetry.emit({}, {"FirstDeltaTime": [waited * 1000]})
        try:
            return self._store(session, turn, reply, wish.reason)
        finally:
            if reply.tokens:
                self.budget.add(reply.tokens)

    def _tools(self, session: Session, wish: "_Wish") -> Mapping[str, Tool]:
        def look_up_order(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            known = session.customer_id if session.customer_id != ANONYMOUS else None
            number, given = str(arguments.get("number", "")), arguments.get("email")
            email = given if isinstance(given, str) else None
            return self.orders.look_up(number, session_id=session.session_id, customer_id=known, email=email)

        def request_human(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            if not self.handoffs.has_room(session):
                return {"error": "More people wait than the team can help; the customer may ask again in some minutes."}
            wish.reason = str(arguments.get("reason") or "The customer asked for a person.")[: frames.MAX_REASON]
            return {"status": "A person of the team has been asked to take over."}

        return {"look_up_order": look_up_order, "request_human": request_human}

    def _store(self, session: Session, turn: Turn, reply: Reply, wish: str | None) -> "_Stored | None":
        """Store an answer and show it as it is stored; None when the session is no longer the assistant's."""
        answer = Turn(
            turn.seq + 1,
            "bot",
            reply.text,
            int(self.clock()),
            message_id=turn.message_id,
            response_id=f"{session.session_id}:{turn.seq + 1}",
        )
        try:
            stored = self._write(session, answer, reply, wish)
        except UnavailableError as error:
            telemetry.logger.error("answer not stored", session_id=session.session_id, seq=answer.seq, exc_info=error)
            self.failed_turns.keep(FailedTurn(session.session_id, answer))
            stored = self._await(session, answer, wish)
        if stored is not None:
            telemetry.logger.info(
                "message answered", session_id=session.session_id, seq=answer.seq, tokens=reply.tokens
            )
            self._show_stored(stored)
        return stored

    def _write(self, session: Session, answer: Turn, reply: Reply, wish: str | None) -> "_Stored | None":
        """The answer, and on META that it is there; with a wish for a person, the handoff too.

        When the answer had been stored before, that one counts.
        """
        for _ in range(handoff.ATTEMPTS):
            counted = count_answer(session, is_complete=reply.complete)
            extra: dict[str, Any] = {"answered": answer.seq - 1, **counted}
            extra |= {"tokens": session.tokens + reply.tokens} if reply.tokens else {}
            note, writes = None, [_note_answer(session, extra)]
            if wish is not None:
                writes, note = self.handoffs.writes(session, handoff.to_people("assistant", wish), extra=extra)
            try:
                self.sessions.table.transact(put(answer.to_item(session.session_id)), *writes)
            except ConditionFailedError:
                found = self.sessions.find(session.session_id)
                if found is None or found.status != "active":
                    return None
                if found.answered >= answer.seq - 1:
                    return self._stored_before(found, answer)
                session = found
                continue
            unsummarised, charged = extra["unsummarised"], session.tokens + reply.tokens
            after = replace(session, answered=answer.seq - 1, unsummarised=unsummarised, tokens=charged)
            return _Stored(replace(after, status="waiting", seq=note.seq) if note else after, answer, note)
        raise UnavailableError("The conversation moves too fast at the moment.")

    def _await(self, session: Session, answer: Turn, wish: str | None) -> "_Stored | None":
        """Wait until an answer is stored that was given away: while this waits, no other answer can overtake it."""
        until = self.clock() + AWAIT_SECONDS
        while self.clock() < until:
            self.sleep(1)
            with suppress(UnavailableError):
                found = self.sessions.find(session.session_id)
                if found is None:
                    return None
                if found.answered >= answer.seq - 1:
                    return self._grant(self._stored_before(found, answer), wish)
        raise UnavailableError("An answer is not stored yet.")

    def _stored_before(self, session: Session, answer: Turn) -> "_Stored":
        return _Stored(session, self.sessions.turn(session.session_id, answer.seq) or answer)

    def _grant(self, stored: "_Stored", wish: str | None) -> "_Stored":
        """The handoff of an answer that was stored without it, unless a person is there already."""
        if wish is not None:
            with suppress(RequestError):
                after, note = self.handoffs.take(stored.session.session_id, handoff.to_people("assistant", wish))
                return replace(stored, session=after, note=note)
        return stored

    def _show_stored(self, stored: "_Stored") -> None:
        self._show(stored.session, frames.message(stored.answer))
        if stored.note:
            self._show(stored.session, frames.message(stored.note))
            self._show(stored.session, frames.handoff(stored.session.status))
            self.desk.show_queue()
            telemetry.count("Handoffs", status=stored.session.status)

    def _show_last(self, session: Session, turns: Sequence[Turn]) -> None:
        """Show the last answer again, and what came with it: who stored it may have died before showing it."""
        answer = next((turn for turn in turns if turn.seq == session.answered + 1 and turn.author == "bot"), None)
        if answer:
            note = turns[-1] if turns[-1].author == "system" else None
            self._show_stored(_Stored(session, answer, note))

    def _show(self, session: Session, frame: frames.Frame) -> None:
        """Show a frame to the customer, wherever they are connected by now."""
        if session.connection_id and self.socket.send(session.connection_id, frame):
            return
        found = self.sessions.find(session.session_id)
        if found and found.connection_id and found.connection_id != session.connection_id:
            self.socket.send(found.connection_id, frame)


def unanswered(session: Session, turns: Sequence[Turn]) -> list[Turn]:
    """The customer's turns that wait for the assistant. What was said before a person came or left is theirs."""
    settled = max((turn.seq for turn in turns if turn.author in ("agent", "system")), default=0)
    return [turn for turn in turns if turn.author == "customer" and turn.seq > max(settled, session.answered)]


def _note_answer(session: Session, changes: Mapping[str, Any]) -> Any:
    expression = "SET " + ", ".join(f"{name} = :{name}" for name in changes)
    return update(
        session_key(session.session_id),
        expression,
        "#status = :active AND answered < :answered AND unsummarised = :was_unsummarised",
        names={"status": "status"},
        active="active",
        was_unsummarised=session.unsummarised,
        **changes,
    )


@dataclass
class _Wish:
    """That the model asked for a person, and why. It is granted together with the answer, or not at all."""

    reason: str | None = None


@dataclass(frozen=True)
class _Stored:
    """An answer as it is stored, its session as it is then, and the system's note when that gave it to people."""

    session: Session
    answer: Turn
    note: Turn | None = None
