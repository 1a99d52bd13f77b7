"""Who calls: customer number and PIN, with a lock after three wrong ones."""

import asyncio
from dataclasses import dataclass

from localcloud.bank.database import Database
from localcloud.bank.pins import digest, matches, new_salt

ATTEMPTS = 3
"""So many wrong PINs in a row lock a number, whether anybody has it or not."""


@dataclass(frozen=True)
class Verdict:
    """``customer_id`` is None for a caller who is not verified."""

    customer_id: str | None
    attempts_left: int

    @property
    def locked(self) -> bool:
        return self.attempts_left == 0


@dataclass(frozen=True)
class Callers:
    database: Database

    async def verify(self, number: str, pin: str) -> Verdict:
        """Compare a PIN; one that is wrong is counted, a right one ends the count unless the number is locked.

        An unknown number is compared and counted like any other, and takes as long.
        """
        caller = digest(number)
        customer = self.database.connection.execute(
            "select id, salt, pin from customers where caller = ?", (caller,)
        ).fetchone()
        salt, kept = (customer["salt"], customer["pin"]) if customer else (new_salt(), bytes(32))
        right = await asyncio.to_thread(matches, pin, salt, kept)
        # The count is read only now, so that many guesses at once are not worth more than as many in a row.
        with self.database.transaction() as connection:
            row = connection.execute("select wrong from attempts where caller = ?", (caller,)).fetchone()
            wrong = row["wrong"] if row else 0
            if wrong >= ATTEMPTS:
                return Verdict(None, 0)
            if right:
                connection.execute("delete from attempts where caller = ?", (caller,))
                return Verdict(customer["id"], ATTEMPTS)
            connection.execute("insert or replace into attempts values (?, ?)", (caller, wrong + 1))
            return Verdict(None, ATTEMPTS - wrong - 1)

    def unlock(self, number: str | None = None) -> None:
        """Forget the wrong PINs of one number, or of all."""
        with self.database.transaction() as connection:
            if number is None:
                connection.execute("delete from attempts")
            else:
                connection.execute("delete from attempts where caller = ?", (digest(number),))

    def locked(self) -> dict[str, bool]:
        """Every customer's id, and whether the number is locked."""
        rows = self.database.connection.execute(
            """
            select id, coalesce(wrong, 0) >= ? as locked
              from customers left join attempts using (caller)
             order by customers.rowid
            """,
            (ATTEMPTS,),
        )
        return {row["id"]: bool(row["locked"]) for row in rows}
