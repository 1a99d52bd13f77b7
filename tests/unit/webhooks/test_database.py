"""The connection's life, with a fake in the place of psycopg.connect; the real one is in tests/integration."""

import json
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import psycopg
import pytest

from chalicelib.aws.secrets import SecretCache, read_secret
from chalicelib.errors import UnavailableError
from chalicelib.webhooks.credentials import SecretCredentials
from chalicelib.webhooks.database import Database
from tests.fakes import FakeClock

SECRET = {"host": "db", "port": 5432, "dbname": "frontdesk", "username": "app", "password": "old", "engine": "postgres"}


@dataclass
class FakeConnection:
    broken: bool = False
    closed: bool = False

    def lose(self) -> None:
        self.broken = self.closed = True


@dataclass
class FakeServer:
    """Accepts one password, or nothing."""

    password: str | None
    connections: list[FakeConnection] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)

    def connect(self, **parameters: Any) -> Any:
        self.attempts.append(parameters)
        if parameters["password"] != self.password:
            raise psycopg.OperationalError("password authentication failed")
        self.connections.append(FakeConnection())
        return self.connections[-1]


@dataclass
class FakeManager:
    secret: dict[str, Any] | None

    def get_secret_value(self, **_: str) -> dict[str, str]:
        return {"SecretString": json.dumps(self.secret)}


def make(server: FakeServer, manager: FakeManager, clock: FakeClock | None = None) -> Database:
    cache = SecretCache(partial(read_secret, manager), clock or FakeClock())
    return Database(SecretCredentials(cache, "frontdesk/dev/database"), server.connect)


def test_it_connects_once_and_lazily() -> None:
    server = FakeServer("old")
    database = make(server, FakeManager(SECRET))
    assert server.attempts == []

    first = database.run(lambda connection: connection)
    second = database.run(lambda connection: connection)

    assert first is second
    assert len(server.attempts) == 1
    assert server.attempts[0]["user"] == "app"
    assert "engine" not in server.attempts[0]


def test_a_connection_lost_meanwhile_is_opened_anew() -> None:
    server = FakeServer("old")
    database = make(server, FakeManager(SECRET))
    database.run(lambda connection: None)

    def work(connection: Any) -> str:
        if connection is server.connections[0]:
            connection.lose()
            raise psycopg.OperationalError("server closed the connection unexpectedly")
        return "done"

    assert database.run(work) == "done"
    assert len(server.connections) == 2


def test_a_connection_lost_at_once_again_is_unavailable() -> None:
    database = make(FakeServer("old"), FakeManager(SECRET))

    def work(connection: Any) -> None:
        connection.lose()
        raise psycopg.OperationalError("terminating connection")

    with pytest.raises(UnavailableError):
        database.run(work)


def test_an_error_on_a_sound_connection_is_the_callers() -> None:
    database = make(FakeServer("old"), FakeManager(SECRET))

    def work(connection: Any) -> None:
        raise psycopg.errors.UndefinedTable("no such table")

    with pytest.raises(psycopg.errors.UndefinedTable):
        database.run(work)


def test_rotated_credentials_are_taken_when_the_old_are_refused() -> None:
    server, manager, clock = FakeServer("old"), FakeManager(SECRET), FakeClock()
    database = make(server, manager, clock)
    database.run(lambda connection: None)

    server.password = "new"
    manager.secret = SECRET | {"password": "new"}
    server.connections[0].lose()
    clock.now += 60

    database.run(lambda connection: None)
    assert [attempt["password"] for attempt in server.attempts] == ["old", "old", "new"]


def test_a_server_out_of_reach_is_unavailable() -> None:
    with pytest.raises(UnavailableError):
        make(FakeServer(None), FakeManager(SECRET)).run(lambda connection: None)


@pytest.mark.parametrize("secret", [None, {}, {"host": "db"}, []])
def test_a_secret_without_credentials_is_unavailable(secret: Any) -> None:
    with pytest.raises(UnavailableError, match="frontdesk/dev/database"):
        make(FakeServer("old"), FakeManager(secret)).run(lambda connection: None)
