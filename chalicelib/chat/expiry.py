"""Expiry: a session whose META is gone, whatever removed it, loses the rest of its partition.

Its entry at the desk goes as well.
."""

from dataclasses import dataclass

from chalicelib import telemetry
from chalicelib.aws.streams import Change
from chalicelib.aws.tables import Table
from chalicelib.chat.handoff import DESK, WAITING


@dataclass(frozen=True)
class Expiry:
    table: Table

    def handle(self, change: Change) -> None:
        """Delete what is left of a session; raises ``UnavailableError`` when not all of it could be.

        A session that was opened anew under the same id, which nobody does on purpose, stays.
        """
        partition = str(change.key["PK"])
        session_id = partition.removeprefix("SESSION#")
        items = self.table.query(partition)
        if any(item["SK"] == "META" for item in items):
            return
        items += [item for item in self.table.query(DESK, WAITING) if item["session_id"] == session_id]
        if not items:
            return
        self.table.write_batch(deletes=[{"PK": item["PK"], "SK": item["SK"]} for item in items])
        telemetry.count("SessionsExpired")
        telemetry.logger.info("session expired", session_id=session_id, items=len(items))
