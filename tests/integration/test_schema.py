"""The schema on every version of PostgreSQL that is at hand: the wheel's 16 and 18, and those of the system."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from chalicelib.webhooks.schema import Migration, migrate, read_migrations
from localcloud.postgres import Postgres, new_password, wheel_binaries
from tests.integration.conftest import Databases

SYSTEM = [path for path in sorted(Path("/usr/lib/postgresql").glob("*/bin")) if int(path.parent.name) >= 15]
SERVERS = [wheel_binaries(16), wheel_binaries(18), *SYSTEM]


@pytest.fixture(params=SERVERS, ids=lambda path: path.parent.name)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Postgres]:
    (tmp_path / "tmp").mkdir()
    server = Postgres(tmp_path / "server", tmp_path / "tmp", tmp_path / "log", new_password(), binaries=request.param)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(server.directory)


def test_it_applies_to_every_supported_version(server: Postgres) -> None:
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        assert migrate(connection, list(read_migrations())) == [migration.version for migration in read_migrations()]

        tables = {name for (name,) in connection.execute("select tablename from pg_tables where schemaname = 'public'")}
    assert tables == {"schema_versions", "webhook_events", "webhook_conflicts", "orders", "erasures"}


def test_a_second_time_there_is_nothing_to_do(databases: Databases) -> None:
    with psycopg.connect(**databases.create(), autocommit=True) as connection:
        assert migrate(connection, list(read_migrations())) == []


def test_two_at_once_apply_it_once(databases: Databases) -> None:
    parameters = databases.create(template="template1")
    applied: list[list[int]] = []
    start = threading.Barrier(4)

    def run() -> None:
        with psycopg.connect(**parameters, autocommit=True) as connection:
            start.wait()
            applied.append(migrate(connection, list(read_migrations())))

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    versions = [migration.version for migration in read_migrations()]
    assert sorted(applied) == [[], [], [], versions]


def test_a_migration_that_fails_leaves_nothing_behind(databases: Databases) -> None:
    broken = [Migration(1, "good", "create table good ()"), Migration(2, "bad", "create table bad (")]
    with psycopg.connect(**databases.create(template="template1"), autocommit=True) as connection:
        with pytest.raises(psycopg.errors.SyntaxError, match=r"\A0002_bad\.sql: syntax error .*\Z"):
            migrate(connection, broken)

        assert connection.execute("select to_regclass('good'), to_regclass('schema_versions')").fetchone() == (
            None,
            None,
        )


def test_an_applied_migration_must_not_change(databases: Databases) -> None:
    (first, *_) = read_migrations()
    changed = replace(first, sql=first.sql + "-- another thought")

    with (
        psycopg.connect(**databases.create(), autocommit=True) as connection,
        pytest.raises(ValueError, match="changed after it was applied"),
    ):
        migrate(connection, [changed])


def test_a_migration_must_be_named_by_its_number(tmp_path: Path) -> None:
    (tmp_path / "add_note.sql").write_text("select 1")

    with pytest.raises(ValueError, match="add_note"):
        list(read_migrations(tmp_path))
