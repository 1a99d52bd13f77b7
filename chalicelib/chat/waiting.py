"""Waiting: what becomes of those for whom nobody comes.

Each minute: whoever has waited longer than the limit goes back to the assistant and stays on the desk as left; whose
agent is away waits again, from then on. What is left stays there for as long as a session can live; its session is kept
alive meanwhile, since an agent who reads it the next morning is its next use. Of customers nobody knows only the newest
are left: whoever opens sessions without end must not fill the desk. Entries whose sessions are gone go too.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from chalicelib import telemetry
from chalicelib.aws.tables import ConditionFailedError, Item, Table, delete, update
from chalicelib.chat import handoff
from chalicelib.chat.desk import Desk
from chalicelib.chat.handoff import DESK, MovedError
from chalicelib.chat.sessions import IDLE_SECONDS, Session, Sessions, session_key
from chalicelib.errors import NotFoundError, UnavailableError

_RENEW_SECONDS = IDLE_SECONDS // 2

MAX_LEFT = 200
"""So many entries of customers nobody knows stay on the desk when nobody came."""


@dataclass(frozen=True)
class Waiting:
    """Looks after those who wait. ``clock`` gives seconds since the epoch, ``limit`` is in seconds."""

    table: Table
    sessions: Sessions
    desk: Desk
    clock: Callable[[], float]
    limit: int

    def check(self) -> dict[str, int]:
        """Look at every entry of the desk; how many wait, are being helped, were left for later, or are gone."""
        found = {"waiting": 0, "helped": 0, "left": 0, "gone": 0}
        entries = self.desk.handoffs.entries()
        strangers: list[Item] = []
        waited = [0.0]
        for entry in entries:
            try:
                kind = self._check(entry)
            except UnavailableError:
                telemetry.logger.exception("waiting entry not checked", session_id=entry["session_id"])
                continue
            found[kind] += 1
            if kind == "waiting" and "agent" not in entry:  # whose agent left has waited since now
                waited.append(self.clock() - entry["since"])
            strangers += [entry] if kind == "left" and handoff.is_stranger(entry) else []
        for entry in strangers[:-MAX_LEFT]:
            self._drop(entry)
        if entries:
            self.desk.show_queue()  # which also finds out which agents are gone
            telemetry.logger.info("waiting checked", found=found)
        self._report(found["waiting"], max(waited))
        return found

    def _report(self, waiting: int, longest: float) -> None:
        """Each minute, also when nobody waits: that nothing is said shows that nobody looks.

        Outside the desk's hours nobody waits in vain: they are told so.
        """
        is_open = self.desk.handoffs.hours.is_open(self.clock())
        telemetry.emit({"SessionsWaiting": waiting}, {"LongestWait": [longest * 1000 if is_open else 0.0]})

    def _check(self, entry: Item) -> str:
        session = self.sessions.find(entry["session_id"])
        if session is None or session.waiting != entry["SK"]:
            self.table.write(delete({"PK": DESK, "SK": entry["SK"]}))
            return "gone"
        if session.status == "handoff":
            return "waiting" if self.desk.put_back(session) else "helped"
        if session.status == "active":
            self._keep(session)
            return "left"
        if self.clock() - entry["since"] < self.limit:
            return "waiting"
        try:
            self._keep(self.desk.take(session.session_id, handoff.leave()))
        except (MovedError, NotFoundError):
            return "helped"  # somebody came this very moment
        return "left"

    def _drop(self, entry: Item) -> None:
        """Take what was left off the desk, unless its session is back in line or with an agent meanwhile."""
        let_go = update(
            session_key(entry["session_id"]),
            "REMOVE waiting",
            "waiting = :entry AND #status = :active",
            names={"status": "status"},
            entry=entry["SK"],
            active="active",
        )
        with suppress(ConditionFailedError, UnavailableError):  # the next minute comes by again
            self.table.transact(let_go, delete({"PK": DESK, "SK": entry["SK"]}))

    def _keep(self, session: Session) -> None:
        """Let a session live on that would end within half a day, a week after its beginning at the latest."""
        now = int(self.clock())
        ttl = session.lives_until(now)
        if session.ttl - now > _RENEW_SECONDS or ttl <= session.ttl:
            return
        write = update(
            session_key(session.session_id),
            "SET #ttl = :ttl, updated_at = :now",
            "#ttl = :was",
            names={"ttl": "ttl"},
            ttl=ttl,
            now=now,
            was=session.ttl,
        )
        with suppress(ConditionFailedError):  # it was used meanwhile, and lives on for that
            self.table.write(write)
