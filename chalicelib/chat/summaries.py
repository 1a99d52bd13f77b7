"""Summaries: what was said before the turns that the model still sees, cumulative, each naming what it covers."""

from dataclasses import dataclass

from chalicelib.aws.tables import Table
from chalicelib.chat.sessions import Session
from chalicelib.chat.turns import decompress

SUMMARY = "SUMMARY#"


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
