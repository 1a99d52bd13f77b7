"""Handoff: a session goes to the people who wait for it, to one of them, back to the assistant, or to its end.

Each step is one transaction on the session's META, conditional on where it stands, with a turn of the system that says
so and an entry that says who did what. The number of that turn is the one after the last; a message that claims it
meanwhile makes the transaction fail, and it is tried again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from chalicelib.aws.tables import ConditionFailedError, Item, Table, Write, delete, put, update
from chalicelib.chat.sessions import Session, Status, session_key
from chalicelib.chat.turns import BACKSTOP_SECONDS, Turn
from chalicelib.errors import NotFoundError, RequestError, UnavailableError

DESK = "DESK"
WAITING = "WAITING#"
ATTEMPTS = 5

SAID: dict[str, str] = {
    "waiting": "You are in line for a person of our team. They read along from here on.",
    "handoff": "{agent} has joined the conversation.",
    "active": "{agent} has left; the assistant goes on with you.",
    "closed": "This conversation was closed. Thank you for writing to us.",
}


class MovedError(RequestError):
    """The session is not where the step wants it: another was faster."""

    code = "bad_request"


@dataclass(frozen=True)
class Step:
    """One step: from one of ``before`` to ``after``, by ``who``, for ``reason``."""

    before: Sequence[Status]
    after: Status
    who: str
    reason: str = ""

    @property
    def agent(self) -> str | None:
        return self.who.removeprefix("agent:") if self.who.startswith("agent:") else None


def to_people(who: str, reason: str) -> Step:
    return Step(("active",), "waiting", who, reason)


def claim(agent: str) -> Step:
    return Step(("waiting",), "handoff", f"agent:{agent}")


def give_back(agent: str) -> Step:
    return Step(("handoff",), "active", f"agent:{agent}")


def close(agent: str) -> Step:
    return Step(("handoff",), "closed", f"agent:{agent}")


@dataclass(frozen=True)
class Handoffs:
    """Takes steps. ``clock`` gives seconds since the epoch."""

    table: Table
    clock: Callable[[], float]

    def take(self, session_id: str, step: Step) -> tuple[Session, Turn]:
        """Take a step; the session as it is then, and the system's turn that tells of it.

        ``NotFoundError`` when there is no such session, ``MovedError`` when it is not where the step begins.
        """
        for _ in range(ATTEMPTS):
            item = self.table.get(session_key(session_id))
            if item is None or item["ttl"] <= self.clock():
                raise NotFoundError("There is no such conversation any more.")
            session = Session.from_item(item)
            if not _may(session, step):
                raise MovedError(f"This conversation is {session.status} already.")
            writes, turn = self.writes(session, step, item.get("waiting"))
            try:
                self.table.transact(*writes)
            except ConditionFailedError:
                continue
            return Session.from_item({**item, "status": step.after, "seq": turn.seq, "agent": step.agent}), turn
        raise UnavailableError("The conversation moves too fast at the moment; try again.", retry_after=1)

    def say(self, session: Session, message_id: str, content: str) -> tuple[Turn, bool]:
        """Store what an agent says in a session that is theirs; whether it is new.

        ``MovedError`` when the session was returned or closed meanwhile.
        """
        for _ in range(ATTEMPTS):
            now = int(self.clock())
            turn = Turn(session.seq + 1, "agent", content, now, response_id=message_id, agent=session.agent)
            item = turn.to_item(session.session_id)
            marker = {"PK": item["PK"], "SK": f"MSG#{message_id}", "seq": turn.seq, "ttl": item["ttl"]}
            change = _change(session, {"seq": turn.seq, "updated_at": now})
            try:
                self.table.transact(put(marker), put(item), change)
            except ConditionFailedError as refused:
                if stored := refused.items[0]:
                    return replace(turn, seq=stored["seq"]), False
                session = self._again(session)
                continue
            return turn, True
        raise UnavailableError("The conversation moves too fast at the moment; try again.", retry_after=1)

    def _again(self, session: Session) -> Session:
        item = self.table.get(session_key(session.session_id))
        found = Session.from_item(item) if item else None
        if found is None or found.status != session.status or found.agent != session.agent:
            raise MovedError("This conversation is no longer yours.")
        return found

    def writes(
        self, session: Session, step: Step, waiting: str | None = None, extra: Item | None = None
    ) -> tuple[list[Write], Turn]:
        """The writes of a step, with ``extra`` to be set on META beside it; and the system's turn among them.

        ``waiting`` is the sort key of the session's entry on the desk, where it has one already.
        """
        now_ms = int(self.clock() * 1000)
        agent = step.agent or session.agent
        turn = Turn(session.seq + 1, "system", SAID[step.after].format(agent=agent), now_ms // 1000)
        entry = waiting or f"{WAITING}{now_ms:015}#{session.session_id}"
        changes = {
            "status": step.after,
            "seq": turn.seq,
            "updated_at": now_ms // 1000,
            "agent": agent if step.after in ("handoff", "closed") else None,
            "waiting": entry if step.after in ("waiting", "handoff") else None,
            "handoff_at": now_ms // 1000,
        } | (extra or {})
        writes = [
            _change(session, changes),
            put({**_handoff_key(session, now_ms), **_record(step, now_ms)}),
            put(turn.to_item(session.session_id)),
        ]
        key = {"PK": DESK, "SK": entry}
        match step.after:
            case "waiting":
                writes.append(put({**key, **_waiting(session, step, now_ms // 1000)}))
            case "handoff":
                writes.append(update(key, "SET agent = :agent", agent=agent))
            case _:
                writes.append(delete(key))
        return writes, turn

    def entries(self) -> list[Item]:
        """The entries of those who wait, and of those who are being helped; these have an ``agent``. Oldest first."""
        now = self.clock()
        return [item for item in self.table.query(DESK, WAITING) if item["ttl"] > now]


def _may(session: Session, step: Step) -> bool:
    if session.status not in step.before:
        return False
    return step.before != ("handoff",) or session.agent == step.agent


def _change(session: Session, changes: Item) -> Write:
    kept = {name: value for name, value in changes.items() if value is not None}
    gone = [name for name, value in changes.items() if value is None]
    expression = "SET " + ", ".join(f"#{name} = :{name}" for name in kept)
    expression += f" REMOVE {', '.join(f'#{name}' for name in gone)}" if gone else ""
    return update(
        session_key(session.session_id),
        expression,
        "#seq = :was_seq AND #status = :was_status",
        names={name: name for name in changes},
        **kept,
        was_seq=session.seq,
        was_status=session.status,
    )


def _handoff_key(session: Session, now_ms: int) -> Item:
    return {"PK": f"SESSION#{session.session_id}", "SK": f"HANDOFF#{now_ms:015}"}


def _record(step: Step, now_ms: int) -> dict[str, Any]:
    now = now_ms // 1000
    return {"status": step.after, "who": step.who, "reason": step.reason, "at": now, "ttl": now + BACKSTOP_SECONDS}


def _waiting(session: Session, step: Step, now: int) -> Item:
    customer = session.name or session.email or session.customer_id
    return {
        "session_id": session.session_id,
        "customer": customer,
        "reason": step.reason,
        "since": now,
        "ttl": session.ttl,
    }
