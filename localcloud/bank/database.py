"""The file in which the bank keeps everything: one SQLite database, which outlives a kill at any moment."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from localcloud.bank.pins import digest, new_salt, scramble
from localcloud.bank.samples import CUSTOMERS

_TABLES = {
    "customers": "id text primary key, caller text not null unique, salt blob not null, pin blob not null",
    "attempts": "caller text primary key, wrong integer not null",
    "accounts": (
        "id text primary key, customer_id text not null references customers, type text not null, "
        "last4 text not null, currency text not null, cents integer not null"
    ),
    "cards": (
        "id text primary key, account_id text not null references accounts, last4 text not null, "
        "blocked integer not null default 0"
    ),
    # No references: a transfer that was refused may name accounts that do not exist. ``due_at`` is when a pending one
    # is carried out; times are seconds since 1970.
    "transfers": (
        "key text primary key, source text not null, target text not null, cents integer not null, "
        "currency text not null, status text not null, code text, created_at real not null, due_at real"
    ),
}
CURRENCY = "USD"


class Database:
    """The open file, made with the sample customers in it where there is none. For one thread at a time."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600)
        # Each statement commits by itself; what belongs together is in ``transaction``.
        self._connection = sqlite3.connect(path, timeout=10, isolation_level=None, check_same_thread=False)
        self._connection.row_factory = sqlite3.Row
        # In a write-ahead log a commit outlives the program at once; only a power cut may cost the last ones.
        for pragma in ("journal_mode = wal", "synchronous = normal", "foreign_keys = on"):
            self._connection.execute(f"pragma {pragma}")
        with self.transaction() as connection:
            for name, columns in _TABLES.items():
                connection.execute(f"create table if not exists {name} ({columns})")
            if connection.execute("select 1 from customers").fetchone() is None:
                _seed(connection)

    def close(self) -> None:
        self._connection.close()

    @property
    def connection(self) -> sqlite3.Connection:
        """For reading."""
        return self._connection

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All of what is done inside, or nothing of it."""
        self._connection.execute("begin immediate")
        try:
            yield self._connection
        except BaseException:
            self._connection.execute("rollback")
            raise
        self._connection.execute("commit")

    def reset(self) -> None:
        """Begin afresh with the sample customers."""
        with self.transaction() as connection:
            for name in reversed(_TABLES):
                connection.execute(f"delete from {name}")  # noqa: S608 - a name of our own
            _seed(connection)


def _seed(connection: sqlite3.Connection) -> None:
    for customer in CUSTOMERS:
        salt = new_salt()
        row = (customer.id, digest(customer.number), salt, scramble(customer.pin, salt))
        connection.execute("insert into customers values (?, ?, ?, ?)", row)
        for account in customer.accounts:
            connection.execute(
                "insert into accounts values (?, ?, ?, ?, ?, ?)",
                (account.id, customer.id, account.type, account.last4, CURRENCY, account.cents),
            )
            if account.card:
                card = account.card
                connection.execute("insert into cards values (?, ?, ?, 0)", (card.id, account.id, card.last4))
