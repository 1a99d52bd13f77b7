"""PostgreSQL: one connection for each execution environment.

It opens when it is first needed, stays open between invocations, and is opened anew when the server has dropped it or
refuses the credentials it was opened with.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from chalicelib import telemetry
from chalicelib.errors import UnavailableError
from chalicelib.webhooks.credentials import Credentials

T = TypeVar("T")

# Each refused event would be followed by a warning, in plain text, that its pipeline ended with an error.
logging.getLogger("psycopg").setLevel(logging.ERROR)

ROLE_SETTINGS = {
    "statement_timeout": "20s",
    "idle_in_transaction_session_timeout": "30s",
    "timezone": "UTC",
}
"""Asked for with each connection, and kept with the role where a proxy passes none of it on."""

SESSION = {
    "application_name": "frontdesk",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed by TCP, not by the function's time limit.
    "keepalives_idle": 10,
    "tcp_user_timeout": 10_000,
    "options": " ".join(f"-c {name}={value}" for name, value in ROLE_SETTINGS.items()),
}


@dataclass
class Database:
    """Runs work on the connection. ``connect`` is ``psycopg.connect`` or something like it."""

    credentials: Credentials
    connect: Callable[..., "psycopg.Connection[Any]"] = psycopg.connect
    _connection: "psycopg.Connection[Any] | None" = None

    def run(self, work: Callable[["psycopg.Connection[Any]"], T]) -> T:
        """Return what ``work`` makes of the connection.

        ``work`` runs a second time, on a new connection, when the first had been lost since it was last used; it must
        therefore be safe to repeat. ``UnavailableError`` when the database cannot be reached or goes away meanwhile.
        """
        connection, reused = self._open()
        try:
            return work(connection)
        except psycopg.Error as error:
            if not connection.broken:
                raise
            telemetry.logger.warning("database connection lost", detail=type(error).__name__)
            if not reused:
                raise UnavailableError("The connection to the database was lost.") from error
        return self.run(work)

    def close(self) -> None:
        """Close the connection, if there is one; the next work opens another."""
        if self._connection is not None:
            self._connection.close()

    def _open(self) -> tuple["psycopg.Connection[Any]", bool]:
        if self._connection is not None and not self._connection.closed:
            return self._connection, True
        self._connection = self._connect()
        return self._connection, False

    def _connect(self) -> "psycopg.Connection[Any]":
        """Connect; when that fails, once more with fresh credentials, if they differ: they may have been rotated."""
        parameters = self.credentials.current()
        try:
            return self._connect_with(parameters)
        except psycopg.OperationalError as error:
            fresh = self.credentials.refreshed()
            if fresh == parameters:
                raise UnavailableError("The database cannot be reached.") from error
        try:
            return self._connect_with(fresh)
        except psycopg.OperationalError as error:
            raise UnavailableError("The database cannot be reached.") from error

    def _connect_with(self, parameters: dict[str, Any]) -> "psycopg.Connection[Any]":
        # Prepared statements would be lost behind a proxy that shares connections between clients.
        return self.connect(**SESSION | parameters, autocommit=True, prepare_threshold=None)
