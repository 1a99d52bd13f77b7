"""Handoff: a session goes to the people who wait for it, to one of them, back to the assistant, or to its end.

Each step is one transaction on the session's META, conditional on where it stands, with a turn of the system that says
so, an entry that says who did what, and the session's entry on the desk. The number of that turn is the one after the
last; a message that claims it meanwhile makes the transaction fail, and it is tried again.

Somebody whom nobody helped within the waiting limit goes back to the assistant and stays on the desk as ``left``: an
agent may still claim the conversation, as long as it lives. Somebody whose agent is gone goes back in line.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.aws.tables import ConditionFailedError, Item, Table, Write, delete, put, update
from chalicelib.chat.hours import ALWAYS, OpeningHours
from chalicelib.chat.messages import agent_message_key
from chalicelib.chat.sessions import Session, Status, session_key
from chalicelib.chat.summaries import count_answer
from chalicelib.chat.tokens import ANONYMOUS
from chalicelib.chat.turns import BACKSTOP_SECONDS, Turn
from chalicelib.errors import NotFoundError, RequestError, UnavailableError

DESK = "DESK"
WAITING = "WAITING#"
AGENT = "AGENT#"
ATTEMPTS = 8

MAX_LINE = 100
"""So many customers nobody knows may wait at the same time: anybody can open sessions, and agents read the line."""

IN_LINE = "You are in line for a person of our team. They can read this conversation."
NOBODY = (
    "Nobody of our team is here at the moment{hours}. Leave a message with your e-mail address, and somebody will get "
    "back to you."
)
JOINED = "{agent} has joined the conversation."
RETURNED = "{agent} has left; the assistant goes on with you."
LEFT = (
    "Nobody of our team has come free. What you wrote is kept for them: with your e-mail address in it, they get back "
    "to you. Meanwhile the assistant goes on with you."
)
GONE = "{agent} is no longer here. You are in line for another person of our team."
GONE_NOBODY = "{agent} is no longer here. "
CLOSED = "This conversation was closed. Thank you for writing to us."


class MovedError(RequestError):
    """The session is not where the step wants it: another was faster."""


@dataclass(frozen=True)
class Step:
    """One step: from one of ``before`` to ``after``, by ``who``, for ``reason``; the system ``says`` so.

    ``agent`` is whose conversation it must be, or becomes. ``over`` is whose place they take. ``seq``, where a step has
    one, is the session's number on which it was decided: when anything was said since, it is not taken.
    """

    before: Sequence[Status]
    after: Status
    who: str
    says: str
    reason: str = ""
    agent: str | None = None
    over: str | None = None
    is_left: bool = False
    seq: int | None = None


def to_people(who: str, reason: str) -> Step:
    return Step(("active",), "waiting", who, IN_LINE, reason)


def claim(agent: str) -> Step:
    return Step(("waiting",), "handoff", f"agent:{agent}", JOINED, agent=agent)


def take_over(agent: str, absent: str) -> Step:
    """Go on with the conversation of an agent who is gone, also when it was put back in line meanwhile."""
    step = Step(("handoff", "waiting"), "handoff", f"agent:{agent}", JOINED, f"{absent} was gone.", agent)
    return replace(step, over=absent)


def put_back(absent: str, seq: int) -> Step:
    """Back in line, since the agent is gone who had the conversation when ``seq`` was its last number."""
    return Step(("handoff",), "waiting", "frontdesk", GONE, f"{absent} was gone.", over=absent, seq=seq)


def give_back(agent: str) -> Step:
    return Step(("handoff",), "active", f"agent:{agent}", RETURNED, agent=agent, over=agent)


def close(agent: str) -> Step:
    return Step(("handoff",), "closed", f"agent:{agent}", CLOSED, agent=agent, over=agent)


def leave() -> Step:
    """The waiting limit is over."""
    return Step(("waiting",), "active", "frontdesk", LEFT, "Nobody came within the waiting limit.", is_left=True)


@dataclass(frozen=True)
class Handoffs:
    """Takes steps. ``clock`` gives seconds since the epoch, ``hours`` are those of the desk."""

    table: Table
    clock: Callable[[], float]
    hours: OpeningHours = ALWAYS

    def take(self, session_id: str, step: Step) -> tuple[Session, Turn | None]:
        """Take a step; the session as it is then, and the system's turn that tells of it.

        Asking for a person when one was asked for already changes nothing, and there is no turn. ``NotFoundError``
        when there is no such session, ``MovedError`` when it is not where the step begins.
        """
        for _ in range(ATTEMPTS):
            session = self._find(session_id)
            if step.before == ("active",) and session.status in ("waiting", "handoff"):
                return session, None
            _require(session, step)
            writes, turn = self.writes(session, step)
            try:
                self.table.transact(*writes)
            except ConditionFailedError:
                continue
            return replace(session, **_changes(session, step, turn, session.waiting or "")), turn
        raise UnavailableError("The conversation moves too fast at the moment; try again.", retry_after=1)

    def say(self, session: Session, message_id: str, content: str) -> tuple[Turn, bool]:
        """Store what an agent says in a session that is theirs; whether it is new.

        ``MovedError`` when the session is no longer theirs.
        """
        for _ in range(ATTEMPTS):
            now = int(self.clock())
            turn = Turn(session.seq + 1, "agent", content, now, response_id=message_id, agent=session.agent)
            item = turn.to_item(session.session_id)
            key = agent_message_key(session, message_id)
            marker = {**key, "seq": turn.seq, "ttl": item["ttl"]}
            change = _update(session, {"seq": turn.seq, **_use(session, now), **count_answer(session)})
            try:
                self.table.transact(put(marker), put(item), change)
            except ConditionFailedError as refused:
                if stored := refused.items[0]:
                    return replace(turn, seq=stored["seq"]), False
                session = self._again(session)
                continue
            return turn, True
        raise UnavailableError("The conversation moves too fast at the moment; try again.", retry_after=1)

    def writes(self, session: Session, step: Step, extra: Item | None = None) -> tuple[list[Write], Turn]:
        """The writes of a step, with ``extra`` to be set on META beside it; and the system's turn among them."""
        now_ms = int(self.clock() * 1000)
        now = now_ms // 1000
        turn = Turn(session.seq + 1, "system", self._words(step), now)
        entry = session.waiting or f"{WAITING}{now_ms:015}#{session.session_id}"
        changes = _changes(session, step, turn, entry) | {"handoff_at": now} | (extra or {})
        record = {
            "status": step.after,
            "who": step.who,
            "reason": step.reason,
            "at": now,
            "ttl": now + BACKSTOP_SECONDS,
        }
        key = {"PK": f"SESSION#{session.session_id}", "SK": f"HANDOFF#{now_ms:015}"}
        writes = [_update(session, changes), put({**key, **record}), put(turn.to_item(session.session_id))]
        return [*writes, _desk_write(session, step, entry, now)], turn

    def entries(self) -> list[Item]:
        """The entries of those who wait, are being helped (by an ``agent``), or are ``left``; oldest first."""
        now = self.clock()
        return [item for item in self.table.query(DESK, WAITING) if item["ttl"] > now]

    def has_room(self, session: Session) -> bool:
        """Whether a session may get in line: always, but for one too many of customers nobody knows."""
        if session.customer_id != ANONYMOUS or session.waiting:
            return True
        return sum(is_stranger(entry) and not entry.keys() & {"agent", "left"} for entry in self.entries()) < MAX_LINE

    def is_staffed(self) -> bool:
        """Whether somebody may be expected to come: within the hours, and with an agent at the desk."""
        now = self.clock()
        return self.hours.is_open(now) and any(
            item["ttl"] > now and gone_at(item, now) is None for item in self.table.query(DESK, AGENT)
        )

    def _words(self, step: Step) -> str:
        who = step.agent or step.over
        if step.after == "waiting" and not self.is_staffed():
            nobody = NOBODY.format(hours=f" (we are here {self.hours.text})" if self.hours.text else "")
            return GONE_NOBODY.format(agent=who) + nobody if step.over else nobody
        return step.says.format(agent=who)

    def _find(self, session_id: str) -> Session:
        item = self.table.get(session_key(session_id))
        if item is None or item["ttl"] <= self.clock():
            raise NotFoundError("There is no such conversation any more.")
        return Session.from_item(item)

    def _again(self, session: Session) -> Session:
        found = self._find(session.session_id)
        if found.status != session.status or found.agent != session.agent:
            raise MovedError("This conversation is no longer yours.")
        return found


def gone_at(agent: Item, now: float) -> int | None:
    """Since when an agent's socket counts no more, by its entry: it is gone, or its token has expired."""
    ends = [agent[name] for name in ("gone_at", "ends_at") if name in agent and agent[name] <= now]
    return min(ends, default=None)


def is_stranger(entry: Item) -> bool:
    """Whether an entry of the desk is a customer's nobody knows."""
    return bool(entry["customer"] == ANONYMOUS)


def _require(session: Session, step: Step) -> None:
    """``MovedError`` unless the step may be taken from where the session stands."""
    is_left = session.status == "active" and session.waiting and step.before == ("waiting",) and not step.is_left
    if session.status not in step.before and not is_left:
        taken = f" by {session.agent}" if session.status == "handoff" and session.agent else ""
        states = {"handoff": f"taken{taken}", "active": "with the assistant", "waiting": "waiting", "closed": "closed"}
        raise MovedError(f"This conversation is {states[session.status]} already.")
    if session.agent != step.over and session.status == "handoff":
        raise MovedError("This conversation is no longer yours.")
    if step.seq not in (None, session.seq):
        raise MovedError("This conversation goes on.")


def _changes(session: Session, step: Step, turn: Turn, entry: str) -> dict[str, Any]:
    """What a step changes on META; None takes an attribute away.

    Whatever was said to people needs no answer of the assistant's, who comes back.
    """
    changes = {
        "status": step.after,
        "seq": turn.seq,
        **_use(session, turn.at),
        "agent": step.agent if step.after in ("handoff", "closed") else None,
        "waiting": entry if step.after in ("waiting", "handoff") or step.is_left else None,
    }
    return changes | ({"answered": session.seq} if step.after == "active" else {})


def _use(session: Session, now: int) -> dict[str, int]:
    """That a session was used just now, from which its life is counted."""
    return {"updated_at": now, "ttl": session.lives_until(now)}


def _update(session: Session, changes: Item) -> Write:
    """Change META, on condition that nobody else did meanwhile what these changes rely on."""
    counts = {"was_unsummarised": session.unsummarised} if "unsummarised" in changes else {}
    kept = {name: value for name, value in changes.items() if value is not None}
    gone = [name for name, value in changes.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
    expression += f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
    return update(
        session_key(session.session_id),
        expression,
        "#seq = :was_seq AND #status = :was_status" + (" AND unsummarised = :was_unsummarised" if counts else ""),
        names={name: name for name in changes} | {"status": "status", "seq": "seq"},
        **kept,
        was_seq=session.seq,
        was_status=session.status,
        **counts,
    )


def _desk_write(session: Session, step: Step, entry: str, now: int) -> Write:
    """What becomes of a session's entry on the desk, which lives as long as the session can."""
    key = {"PK": DESK, "SK": entry}
    customer = session.name or session.email or session.customer_id
    item = {"session_id": session.session_id, "customer": customer, "ttl": session.ends_at}
    if step.after == "waiting" and step.over:
        return _line_up(key, item | {"reason": step.reason, "since": now}, ("since",), ("agent", "left"))
    if step.after == "waiting":
        return put({**key, **item, "reason": step.reason, "since": now}, None)
    if step.after == "handoff":
        return _line_up(key, item | {"agent": step.agent, "reason": step.reason, "since": now}, ("agent",), ("left",))
    if step.is_left:
        return update(key, "SET #left = :yes", names={"left": "left"}, yes=True)
    return delete(key)


def _line_up(key: Item, values: Item, anew: Sequence[str], gone: Sequence[str]) -> Write:
    """Change an entry of the desk, or make it: reason and time stay as they were, unless they are given ``anew``."""
    kept = [name for name in ("reason", "since") if name not in anew]
    assignments = [
        f"#{name} = if_not_exists(#{name}, :{name})" if name in kept else f"#{name} = :{name}" for name in values
    ]
    expression = f"SET {', '.join(assignments)} REMOVE {', '.join(f'#{name}' for name in gone)}"
    return update(key, expression, "", names={name: name for name in (*values, *gone)}, **values)
