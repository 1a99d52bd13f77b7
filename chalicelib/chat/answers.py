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
from chalicelib.chat.deltas import DeltaSender, Socket
from chalicelib.chat.desk import Desk
from chalicelib.chat.failed_turns import FailedTurn
from chalicelib.chat.handoff import Handoffs
from chalicelib.chat.prompt import MAX_CONTEXT_TURNS, build_messages, build_system
from chalicelib.chat.replies import Model, Reply, Replying, Tool
from chalicelib.chat.sessions import Session, Sessions, Status, session_key
from chalicelib.chat.summaries import SUMMARISE_FROM, Summaries
from chalicelib.chat.tokens import ANONYMOUS
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError

AWAIT_SECONDS = 10
"""How long an answer that the table refused is waited for, before the session is tried again."""

ANSWER_SECONDS = 40
"""How long a whole answer may take; the function's time limit is longer."""


class Orders(Protocol):
    """The orders, which webhooks brought."""

    def look_up(self, number: str, *, customer_id: str | None, email: str | None) -> Mapping[str, Any]:
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
    clock: Callable[[], float]
    sleep: Callable[[float], None]

    def answer(self, session_id: str, *, again: bool) -> None:
        """Answer what is unanswered in a session; ``again`` says that this was tried before.

        ``UnavailableError`` when it must be tried again.
        """
        session, turns = self._load(session_id)
        if session is None or session.status != "active":
            return
        missing = [turn for turn in turns if turn.author == "customer" and turn.seq > session.answered]
        if not missing and again:
            self._show_last(session, turns)
        for turn in missing:
            session = self._answer(session, [known for known in turns if known.seq <= turn.seq], turn)
            if session is None:
                return
            if stored := self.sessions.turn(session_id, turn.seq + 1) if len(missing) > 1 else None:
                turns = sorted([*turns, stored], key=lambda known: known.seq)

    def apologise(self, session_id: str) -> None:
        """The last attempt has come: store an apology for what is unanswered, so that no turn is left alone."""
        session, turns = self._load(session_id)
        for turn in turns:
            if session and session.status == "active" and turn.author == "customer" and turn.seq > session.answered:
                session = self._store(session, turn, Reply(persona.APOLOGY, 0, complete=False), None)

    def _load(self, session_id: str) -> tuple[Session | None, list[Turn]]:
        """A session and its newest turns, at the same time."""
        with ThreadPoolExecutor(2) as pool:
            turns = pool.submit(self.sessions.turns, session_id, MAX_CONTEXT_TURNS)
            return self.sessions.find(session_id), turns.result()

    def _answer(self, session: Session, turns: Sequence[Turn], turn: Turn) -> Session | None:
        """Answer one turn; the session as it is then, None when it is no longer the assistant's."""
        assert turn.message_id is not None
        summary = self.summaries.latest(session) if session.summary_upto else None
        customer = session.name or (session.customer_id if session.customer_id != ANONYMOUS else None)
        system = build_system(persona.SYSTEM, summary, customer)
        wish = _Wish()
        sender = DeltaSender(self.socket, self.sessions, session, turn.message_id, self.clock)
        replying = Replying(self.model, self.clock, self.sleep, self.clock() + ANSWER_SECONDS)
        reply = replying.reply(system, build_messages(system, turns), self._tools(session, wish), sender)
        return self._store(session, turn, reply, wish.reason)

    def _tools(self, session: Session, wish: "_Wish") -> Mapping[str, Tool]:
        def look_up_order(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            known = session.customer_id if session.customer_id != ANONYMOUS else None
            number, email = str(arguments.get("number", "")), arguments.get("email")
            return self.orders.look_up(number, customer_id=known, email=email if isinstance(email, str) else None)

        def request_human(arguments: Mapping[str, Any]) -> Mapping[str, Any]:
            wish.reason = str(arguments.get("reason") or "The customer asked for a person.")[: frames.MAX_REASON]
            return {"status": "A person of the team has been asked to take over."}

        return {"look_up_order": look_up_order, "request_human": request_human}

    def _store(self, session: Session, turn: Turn, reply: Reply, wish: str | None) -> Session | None:
        """Store an answer and show it as it is stored; the session as it is then, None when it is not the bot's."""
        answer = Turn(
            turn.seq + 1,
            "bot",
            reply.text,
            int(self.clock()),
            message_id=turn.message_id,
            response_id=f"{session.session_id}:{turn.seq + 1}",
        )
        try:
            after = self._write(session, answer, wish)
        except UnavailableError:
            telemetry.logger.error("answer not stored", session_id=session.session_id, seq=answer.seq)
            self.failed_turns.keep(FailedTurn(session.session_id, answer))
            after = self._await(session, answer)
        if after is None:
            return None
        stored = answer if after is not session else self.sessions.turn(session.session_id, answer.seq) or answer
        self._show(session, frames.message(stored))
        if wish is not None and after.status == "waiting":
            self._show(session, frames.handoff("waiting"))
            self.desk.show_queue()
        return after

    def _write(self, session: Session, answer: Turn, wish: str | None) -> Session | None:
        """The answer, and on META that it is there; with a wish for a person, the handoff too.

        Returns the very ``session`` when the answer had been stored before.
        """
        for _ in range(handoff.ATTEMPTS):
            answered, unsummarised = answer.seq - 1, session.unsummarised + 2
            extra: dict[str, Any] = {"answered": answered, "unsummarised": unsummarised}
            extra |= {"summarise": True} if unsummarised >= SUMMARISE_FROM else {}
            if wish is not None:
                writes, _ = self.handoffs.writes(session, handoff.to_people("assistant", wish), extra=extra)
            else:
                writes = [_note_answer(session, extra)]
            try:
                self.sessions.table.transact(put(answer.to_item(session.session_id)), *writes)
            except ConditionFailedError:
                found = self.sessions.find(session.session_id)
                if found is None or found.status != "active":
                    return None
                if found.answered >= answer.seq - 1:
                    return session
                session = found
                continue
            status: Status = "waiting" if wish is not None else "active"
            return replace(session, status=status, answered=answered, unsummarised=unsummarised)
        raise UnavailableError("The conversation moves too fast at the moment.")

    def _await(self, session: Session, answer: Turn) -> Session | None:
        """Wait until an answer is stored that was given away: while this waits, no other answer can overtake it."""
        for _ in range(AWAIT_SECONDS):
            self.sleep(1)
            with suppress(UnavailableError):
                found = self.sessions.find(session.session_id)
                if found is None or found.answered >= answer.seq - 1:
                    return found
        raise UnavailableError("An answer is not stored yet.")

    def _show_last(self, session: Session, turns: Sequence[Turn]) -> None:
        """Show the last answer again: who stored it may have died before showing it."""
        for turn in turns:
            if turn.seq == session.answered + 1 and turn.author == "bot":
                self._show(session, frames.message(turn))

    def _show(self, session: Session, frame: frames.Frame) -> None:
        """Show a frame to the customer, wherever they are connected by now."""
        if session.connection_id and self.socket.send(session.connection_id, frame):
            return
        found = self.sessions.find(session.session_id)
        if found and found.connection_id and found.connection_id != session.connection_id:
            self.socket.send(found.connection_id, frame)


def _note_answer(session: Session, changes: Mapping[str, Any]) -> Any:
    expression = "SET " + ", ".join(f"{name} = :{name}" for name in changes)
    return update(
        session_key(session.session_id),
        expression,
        "#status = :active AND answered < :answered",
        names={"status": "status"},
        active="active",
        **changes,
    )


@dataclass
class _Wish:
    """That the model asked for a person, and why. It is granted together with the answer, or not at all."""

    reason: str | None = None
