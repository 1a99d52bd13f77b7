"""Summaries: what was said before the turns that the model still sees, cumulative, each naming what it covers.

Answers flag their session when ten or more turns are without a summary; the stream's filter sees the flag. Whoever
writes a summary claims the session for a minute first, and stores it on condition that no other one came between. When
the model fails, nothing is retried here, where a shard would wait: the flag stays, and the next answer shows it again.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chalicelib import telemetry
from chalicelib.aws.streams import Change
from chalicelib.aws.tables import ConditionFailedError, Table, put, update
from chalicelib.chat import persona
from chalicelib.chat.model import ModelError, Stop, Text
from chalicelib.chat.prompt import Message
from chalicelib.chat.replies import Model
from chalicelib.chat.sessions import Session, Sessions, session_key
from chalicelib.chat.turns import BACKSTOP_SECONDS, Turn, compress, decompress, estimate_tokens

SUMMARY = "SUMMARY#"
CLAIM_SECONDS = 60
MODEL_SECONDS = 20

_SPEAKERS = {"customer": "Customer", "bot": "Assistant", "agent": "Person of the team", "system": "Note"}


def summary_key(upto: int) -> str:
    return f"{SUMMARY}{upto:012}"


@dataclass(frozen=True)
class Summaries:
    """The summaries in the table of the sessions."""

    table: Table

    def latest(self, session: Session) -> str | None:
        """The summary that covers the most, None when there is none."""
        item = self.table.get({"PK": f"SESSION#{session.session_id}", "SK": summary_key(session.summary_upto)})
        return decompress(item) if item else None


@dataclass(frozen=True)
class Summarizing:
    """Writes summaries. ``clock`` gives seconds since the epoch."""

    sessions: Sessions
    summaries: Summaries
    model: Model
    clock: Callable[[], float]

    def handle(self, change: Change) -> None:
        """Summarise the session of a change that bears the flag; raises ``UnavailableError`` when the table fails."""
        session_id = change.key["PK"].removeprefix("SESSION#")
        session = self.sessions.find(session_id)
        if session is None or not self._claim(session):
            return
        turns = [turn for turn in self.sessions.turns_after(session) if turn.seq <= session.answered + 1]
        if not turns:
            return
        try:
            text = self._summarise(self.summaries.latest(session) if session.summary_upto else None, turns)
        except ModelError as error:
            telemetry.logger.warning("summary failed", session_id=session_id, detail=str(error))
            telemetry.count("Summaries", outcome="failed")
            return
        self._store(session, turns, text)

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

    def _summarise(self, before: str | None, turns: Sequence[Turn]) -> str:
        deadline = self.clock() + MODEL_SECONDS
        told = [f"Summary so far:\n{before}"] if before else []
        told += [f"{_SPEAKERS[turn.author]}: {turn.content}" for turn in turns]
        messages: list[Message] = [{"role": "user", "content": [{"text": "\n\n".join(told)}]}]
        words: list[str] = []
        for event in self.model.stream(persona.SUMMARY_SYSTEM, messages):
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

    def _store(self, session: Session, turns: Sequence[Turn], text: str) -> None:
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
        covered = 2 * sum(turn.author == "bot" for turn in turns)
        note = update(
            session_key(session.session_id),
            "SET summary_upto = :upto, unsummarised = unsummarised - :covered REMOVE summarise, summarising_until",
            "summary_upto = :was",
            upto=turns[-1].seq,
            covered=covered,
            was=session.summary_upto,
        )
        try:
            self.sessions.table.transact(put(item), note)
        except ConditionFailedError:
            telemetry.count("Summaries", outcome="duplicate")
            return
        telemetry.count("Summaries", outcome="stored")
