"""The real parts: a PostgreSQL for tests of SQL alone, and one whole local cloud for all other tests."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest
from psycopg import sql

from chalicelib.aws.tables import Table
from chalicelib.webhooks.schema import migrate, read_migrations
from localcloud.postgres import NAME, Postgres, new_password
from tests.integration.cloud import Cloud, start_cloud
from tests.integration.place import Place
from tests.integration.talk import TABLE, Chat


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A server of its own, with the schema applied in the database that new ones are copied from."""
    folder = tmp_path_factory.mktemp("postgres")
    (folder / "tmp").mkdir()
    server = Postgres(folder / "server", folder / "tmp", folder / "postgres.log", new_password())
    server.start()
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        migrate(connection, list(read_migrations()))
    yield server
    server.stop()


@dataclass
class Databases:
    """Makes databases, each a copy of the migrated one."""

    server: Postgres
    _made: int = 0

    def create(self, template: str = NAME) -> dict[str, Any]:
        """Connection parameters of a new database."""
        self._made += 1
        name = f"test_{self._made}"
        parameters = self.server.superuser | {"autocommit": True}
        with psycopg.connect(**parameters) as connection:
            connection.execute(
                sql.SQL("create database {} template {} owner {}").format(
                    sql.Identifier(name), sql.Identifier(template), sql.Identifier(NAME)
                )
            )
        return self.server.owner | {"dbname": name}


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    return Databases(postgres)


@pytest.fixture
def place(databases: Databases) -> Iterator[Place]:
    place = Place(databases.create())
    yield place
    place.close()


@pytest.fixture(scope="session")
def cloud(tmp_path_factory: pytest.TempPathFactory, pytestconfig: pytest.Config) -> Iterator[Cloud]:
    """One local cloud for all tests that leave it as they found it; with ``--deployed``, as `make deploy` leaves it."""
    running = start_cloud(tmp_path_factory.mktemp("cloud") / ".localcloud", "--no-reload")
    if pytestconfig.getoption("deployed"):
        deployed = running.infra("deploy", "--stage", "local")
        assert deployed.returncode == 0, deployed.stdout + deployed.stderr
    yield running
    running.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def chat(cloud: Cloud) -> Iterator[Chat]:
    """Its chat, whose model answers without pauses meanwhile."""
    chat = Chat(cloud)
    chat.control("instant")
    yield chat
    chat.control("normal")
    chat.stop()


@pytest.fixture(scope="module")
def table(cloud: Cloud) -> Table:
    """The chat's table."""
    return Table(cloud.client("dynamodb"), TABLE)
