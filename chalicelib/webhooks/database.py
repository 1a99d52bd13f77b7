"""PostgreSQL: one connection for each execution environment.

It opens when it is first needed, stays open between invocations, and is opened anew when the server has dropped it or
refuses the credentials it was opened with.
"""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import psycopg

from chalicelib import telemetry
from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import UnavailableError

T = TypeVar("T")

# Each refused event would be followed by a warning, in plain text, that its pipeline ended with an error.
logging.getLogger("psycopg").setLevel(logging.ERROR)

_SESSION = {
    "application_name": "frontdesk",
    "connect_timeout": 5,
    # A server that vanished without a word is noticed by TCP, not by the function's time limit.
    "keepalives_idle": 10,
    "tcp_user_timeout": 10_000,
    "options": "-c statement_timeout=20s -c idle_in_transaction_session_timeout=30s -c timezone=UTC",
}


@dataclass
class Credentials:
    """Connection parameters from a secret as RDS has it: ``host``, ``port``, ``dbname``, ``username``, ``password``.

    Whatever else libpq knows may stand beside them (``sslmode``, ``sslrootcert``).
    """

    cache: SecretCache
    secret_name: str

    def current(self) -> dict[str, Any]:
        return self._read(self.cache.get(self.secret_name))

    def refreshed(self) -> dict[str, Any]:
        return self._read(self.cache.refresh(self.secret_name))

    def _read(self, text: str | None) -> dict[str, Any]:
        try:
            secret = json.loads(text or "")
            user = {"user": secret.pop("username")}
        except (ValueError, KeyError, TypeError, AttributeError):
            raise UnavailableError(f"The secret {self.secret_name} does not hold a database's credentials.") from None
        managed_by_rds = {"engine", "dbInstanceIdentifier", "dbClusterIdentifier", "masterarn"}
        return user | {key: value for key, value in secret.items() if key not in managed_by_rds}


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
        return self.connect(**_SESSION | parameters, autocommit=True, prepare_threshold=None)
