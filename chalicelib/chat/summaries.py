"""Summaries: what was said before the turns that the model still sees, cumulative, each naming what it covers.

Answers flag their session when ten or more turns are without a summary; the stream's filter sees the flag. Whoever
writes a summary claims the session for a minute first, and stores it on condition that no other one came between. When
the model fails, nothing is retried here, where a shard would wait: the flag stays, and the next answer shows it again.
A summary costs tokens as an answer does: it adds to both ceilings, and beyond them there is none.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from chalicelib import telemetry
from chalicelib.aws.streams import Change
from chalicelib.aws.tables import ConditionFailedError, Table, put, update
from chalicelib.chat import persona
from chalicelib.chat.budget import Budget
from chalicelib.chat.model import ModelError, Stop, Text
from chalicelib.chat.prompt import Message
from chalicelib.chat.replies import Heard, Model
from chalicelib.chat.sessions import Session, Sessions, session_key
from chalicelib.chat.turns import BACKSTOP_SECONDS, Turn, compress, decompress, estimate_tokens
from chalicelib.errors import UnavailableError

SUMMARY = "SUMMARY#"
SUMMARISE_FROM = 10
"""Turns without a summary from which on one is made; an answer and its question count for two, whoever answers."""

CLAIM_SECONDS = 60
MODEL_SECONDS = 20
ATTEMPTS = 5

MAX_TOKENS = 24_000
"""So much of what was said goes into one summary; what is left over makes the next one."""

_SPEAKERS = {"customer": "Customer", "bot": "Assistant", "agent": "Person of the team", "system": "Note"}


def summary_key(upto: int) -> str:
    return f"{SUMMARY}{upto:012}"


def count_answer(session: Session, *, is_complete: bool = True) -> dict[str, Any]:
    """What META notes beside an answer that is stored: one more pair of turns wants a summary.

    An apology raises no flag: the model was not to be had, or had cost enough.
    """
    turns = session.unsummarised + 2
    return count_unsummarised(turns) if is_complete else {"unsummarised": turns}


def count_unsummarised(turns: int) -> dict[str, Any]:
    return {"unsummarised": turns} | ({"summarise": True} if turns >= SUMMARISE_FROM else {})


def coverable(turns: Sequence[Turn]) -> list[Turn]:
    """Which of ``turns``, all those behind the last summary in their order, the next one covers.

    It ends with an answer, so that no question is cut off from its own.
    """
    tokens, whole = 0, 0
    for index, turn in enumerate(turns):
        tokens += estimate_tokens(turn.content)
        if whole and tokens > MAX_TOKENS:
            break
        if _is_answer(turn):
            whole = index + 1
    return list(turns[:whole])


@dataclass(frozen=True)
class Summaries:
    """The summaries in the table of the sessions."""

    table: Table

    def latest(self, session_id: str) -> str | None:
        """The summary that covers the most, None when there is none."""
        items = self.table.query(f"SESSION#{session_id}", SUMMARY, newest_first=True, limit=1)
        return decompress(items[0]) if items else None


@dataclass(frozen=True)
class Summarizing:
    """Writes summaries. ``clock`` gives seconds since the epoch."""

    sessions: Sessions
    summaries: Summaries
    model: Model
    budget: Budget
    clock: Callable[[], float]

    def handle(self, change: Change) -> None:
        """Summarise the session of a change that bears the flag; raises ``UnavailableError`` when the table fails."""
        session_id = change.key["PK"].removeprefix("SESSION#")
        session = self.sessions.find(session_id)
        if session is None or session.seq <= session.summary_upto:
            return
        if self.budget.refusal(session.tokens):
            telemetry.count("Summaries", outcome="refused")
            return
        turns = coverable(self.sessions.turns_from(session_id, session.summary_upto + 1))
        if not turns or not self._claim(session):
            return
        asked = _request(self.summaries.latest(session_id) if session.summary_upto else None, turns)
        try:
            text = self._summarise(asked)
        except ModelError as error:
            telemetry.logger.warning("summary failed", session_id=session_id, detail=str(error))
            telemetry.count("Summaries", outcome="failed")
            self._charge(session_id, asked.tokens)
            return
        finally:
            if asked.tokens:
                self.budget.add(asked.tokens)
        self._store(session, turns, text, asked.tokens)

    def _claim(self, session: Session) -> bool:
        now = int(self.clock())
        write = update(
            session_key(session.session_id),
            "SET summarising_until = :until",
            "summarise = :yes AND summary_upto = :was"
            " AND (attribute_not_exists(summarising_until) OR summarising_until < :now)",
            until=now + CLAIM_SECONDS,
            was=session.summary_upto,
            yes=True,
            now=now,
        )
        try:
            self.sessions.table.write(write)
        except ConditionFailedError:
            return False
        return True

    def _summarise(self, asked: Heard) -> str:
        deadline = self.clock() + MODEL_SECONDS
        words: list[str] = []
        for event in asked.listen(self.model):
            match event:
                case Text(text):
                    words.append(text)
                case Stop("end_turn" | "max_tokens" | "stop_sequence"):
                    break
                case Stop(reason):
                    raise ModelError(f"The summary ended as {reason}.", retryable=False)
            if self.clock() > deadline:
                raise ModelError("The summary takes too long.", retryable=True)
        if not (summary := "".join(words).strip()):
            raise ModelError("The summary is empty.", retryable=True)
        return summary

    def _charge(self, session_id: str, tokens: int) -> None:
        """Add to a session what was spent on it for nothing."""
        if tokens:
            with suppress(ConditionFailedError):  # it has ended meanwhile
                self.sessions.table.write(update(session_key(session_id), "ADD tokens :tokens", tokens=tokens))

    def _store(self, session: Session, turns: Sequence[Turn], text: str, tokens: int) -> None:
        now = int(self.clock())
        item = {
            "PK": f"SESSION#{session.session_id}",
            "SK": summary_key(turns[-1].seq),
            "from": turns[0].seq,
            "to": turns[-1].seq,
            "content": compress(text),
            "encoding": "zlib",
            "tokens": estimate_tokens(text),
            "at": now,
            "ttl": now + BACKSTOP_SECONDS,
        }
        covered = 2 * sum(_is_answer(turn) for turn in turns)
        if not self._put(session.session_id, item, session.summary_upto, covered, tokens):
            self._charge(session.session_id, tokens)
            telemetry.count("Summaries", outcome="duplicate")
            return
        telemetry.count("Summaries", outcome="stored")

    def _put(self, session_id: str, item: dict[str, Any], was: int, covered: int, tokens: int) -> bool:
        """Store a summary and note it on its session; False when another one came between, or the session is gone.

        The flag goes, unless what came meanwhile or is left over wants a summary of its own.
        """
        for _ in range(ATTEMPTS):
            session = self.sessions.find(session_id)
            if session is None or session.summary_upto != was:
                return False
            left = max(0, session.unsummarised - covered)
            changes = {"summary_upto": item["to"], "tokens": session.tokens + tokens, **count_unsummarised(left)}
            gone = ["summarising_until"] if "summarise" in changes else ["summarising_until", "summarise"]
            note = update(
                session_key(session_id),
                f"SET {', '.join(f'{name} = :{name}' for name in changes)} REMOVE {', '.join(gone)}",
                "summary_upto = :was AND unsummarised = :before",
                was=was,
                before=session.unsummarised,
                **changes,
            )
            try:
                self.sessions.table.transact(put(item), note)
            except ConditionFailedError:
                continue
            return True
        raise UnavailableError("The conversation moves too fast at the moment.")


def _request(before: str | None, turns: Sequence[Turn]) -> Heard:
    told = [f"Summary so far:\n{before}"] if before else []
    told += [f"{_SPEAKERS[turn.author]}: {turn.content}" for turn in turns]
    messages: list[Message] = [{"role": "user", "content": [{"text": "\n\n".join(told)}]}]
    return Heard(persona.SUMMARY_SYSTEM, messages)


def _is_answer(turn: Turn) -> bool:
    return turn.author in ("bot", "agent")
