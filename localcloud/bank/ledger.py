"""Accounts, cards, and transfers between accounts. Money moves in whole cents and never comes or goes."""

import sqlite3
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from localcloud.bank.database import CURRENCY, Database

LIMIT_CENTS = 10_000_00
"""The most that one transfer moves."""


class IdempotencyConflictError(Exception):
    """The key was used for another transfer."""


@dataclass(frozen=True)
class Card:
    id: str
    last4: str
    blocked: bool


@dataclass(frozen=True)
class Account:
    id: str
    customer_id: str
    type: str
    last4: str
    currency: str
    cents: int
    card: Card | None


@dataclass(frozen=True)
class Order:
    """A transfer as it is asked for."""

    key: str
    source: str
    target: str
    cents: int
    currency: str = CURRENCY


@dataclass(frozen=True)
class Transfer:
    """``status`` is ``completed``, ``pending`` or ``refused``; then ``code`` says why. ``created_at`` is in seconds."""

    order: Order
    status: str
    code: str | None
    created_at: float


@dataclass(frozen=True)
class Ledger:
    database: Database
    clock: Callable[[], float] = time.time

    def accounts(self, customer_id: str | None = None) -> Sequence[Account]:
        """Those of one customer, or all; none where there is no such customer."""
        return self._read_accounts("where ?1 is null or customer_id = ?1", customer_id)

    def account(self, account_id: str) -> Account | None:
        return next(iter(self._read_accounts("where accounts.id = ?1", account_id)), None)

    def block(self, card_id: str) -> bool:
        """Block a card, for good; whether there is such a card."""
        with self.database.transaction() as connection:
            return connection.execute("update cards set blocked = 1 where id = ?", (card_id,)).rowcount == 1

    def transfer(self, order: Order, pending_seconds: float = 0) -> tuple[Transfer, bool]:
        """Carry an order out, or keep why it is refused; and whether its key is new.

        A known key changes nothing and has the transfer that it had, or ``IdempotencyConflictError`` for another order.
        With ``pending_seconds`` the money moves so much later, if it is still there then.
        """
        self._settle()
        with self.database.transaction() as connection:
            if known := _read_transfer(connection, order.key):
                if known.order != order:
                    raise IdempotencyConflictError
                return known, False
            now = self.clock()
            code = _refusal(connection, order)
            status = "refused" if code else "pending" if pending_seconds else "completed"
            if status == "completed":
                _move(connection, order)
            due_at = now + pending_seconds if status == "pending" else None
            connection.execute(
                "insert into transfers values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (order.key, order.source, order.target, order.cents, order.currency, status, code, now, due_at),
            )
        return Transfer(order, status, code, now), True

    def find(self, key: str) -> Transfer | None:
        self._settle()
        return _read_transfer(self.database.connection, key)

    def transfers(self) -> Sequence[Transfer]:
        """All, the oldest first."""
        self._settle()
        return [_transfer(row) for row in self.database.connection.execute("select * from transfers order by rowid")]

    def _read_accounts(self, condition: str, value: str | None) -> Sequence[Account]:
        self._settle()
        query = f"""
            select accounts.*, cards.id as card_id, cards.last4 as card_last4, blocked
              from accounts left join cards on account_id = accounts.id
              {condition}
             order by accounts.rowid
            """  # noqa: S608 - conditions of our own
        return [_account(row) for row in self.database.connection.execute(query, (value,))]

    def _settle(self) -> None:
        """Carry out the pending transfers whose time has come."""
        due = "select * from transfers where status = 'pending' and due_at <= ? order by due_at, rowid"
        now = self.clock()
        if self.database.connection.execute(due, (now,)).fetchone() is None:
            return
        with self.database.transaction() as connection:
            for row in connection.execute(due, (now,)).fetchall():
                order = _transfer(row).order
                code = _refusal(connection, order)
                if code is None:
                    _move(connection, order)
                status = "refused" if code else "completed"
                connection.execute("update transfers set status = ?, code = ? where key = ?", (status, code, order.key))


def _refusal(connection: sqlite3.Connection, order: Order) -> str | None:
    """Why an order cannot be carried out now, as a code."""
    balances = {
        row["id"]: row["cents"]
        for row in connection.execute("select id, cents from accounts where id in (?, ?)", (order.source, order.target))
    }
    if not {order.source, order.target} <= balances.keys():
        return "not_found"
    if order.source == order.target:
        return "same_account"
    if order.cents > LIMIT_CENTS:
        return "limit_exceeded"
    if order.cents > balances[order.source]:
        return "insufficient_funds"
    return None


def _move(connection: sqlite3.Connection, order: Order) -> None:
    for account_id, cents in ((order.source, -order.cents), (order.target, order.cents)):
        connection.execute("update accounts set cents = cents + ? where id = ?", (cents, account_id))


def _read_transfer(connection: sqlite3.Connection, key: str) -> Transfer | None:
    row = connection.execute("select * from transfers where key = ?", (key,)).fetchone()
    return _transfer(row) if row else None


def _transfer(row: sqlite3.Row) -> Transfer:
    order = Order(row["key"], row["source"], row["target"], row["cents"], row["currency"])
    return Transfer(order, row["status"], row["code"], row["created_at"])


def _account(row: sqlite3.Row) -> Account:
    card = Card(row["card_id"], row["card_last4"], bool(row["blocked"])) if row["card_id"] else None
    return Account(row["id"], row["customer_id"], row["type"], row["last4"], row["currency"], row["cents"], card)
