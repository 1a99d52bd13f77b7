"""The versioned schema of PostgreSQL: numbered SQL files, applied once each and in their order.

Migrations only expand (add tables, columns that may be null, indexes), so that the code of version N works on the
schemas of N and N+1: migrate first, then update the functions.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from psycopg import Connection

DIRECTORY = Path(__file__).with_name("migrations")

_LOCK = 0x66726F6E74  # "front": any number will do that no other program of this database uses

_CREATE_VERSIONS = """
create table if not exists schema_versions (
    version    integer     primary key,
    name       text        not null,
    sha256     text        not null,
    applied_at timestamptz not null default now()
)
"""


@dataclass(frozen=True)
class Migration:
    version: int
    name: str
    sql: str

    @property
    def file_name(self) -> str:
        return f"{self.version:04}_{self.name}.sql"

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_migrations(directory: Path = DIRECTORY) -> Iterator[Migration]:
    """The migrations of a directory, whose files are called ``NNNN_name.sql``, in their order."""
    for path in sorted(directory.glob("*.sql")):
        match = re.fullmatch(r"(\d{4})_(\w+)", path.stem, re.ASCII)
        if match is None:
            raise ValueError(f"{path.name} is not named like 0002_what_it_adds.sql")
        yield Migration(int(match[1]), match[2], path.read_text(encoding="utf-8"))


def migrate(connection: "Connection", migrations: Sequence[Migration]) -> list[int]:
    """Apply what is missing, all or nothing, and return the versions applied.

    ``ValueError`` when one was changed after it was applied; an error of PostgreSQL's names the file. Safe to run
    twice, and by two at once: the second waits for the first and finds nothing to do. A statement may take as long as
    it needs, but not make the writers queue up behind it while it waits for a lock.
    """
    with connection.transaction():
        connection.execute("set local statement_timeout = 0")
        connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
        connection.execute("set local lock_timeout = '10s'")
        connection.execute(_CREATE_VERSIONS)
        present: dict[int, str] = dict(connection.execute("select version, sha256 from schema_versions").fetchall())
        for migration in migrations:
            if present.get(migration.version, migration.sha256) != migration.sha256:
                raise ValueError(f"migration {migration.version} was changed after it was applied; add a new one")
        missing = [migration for migration in migrations if migration.version not in present]
        for migration in missing:
            _apply(connection, migration)
            connection.execute(
                "insert into schema_versions (version, name, sha256) values (%s, %s, %s)",
                [migration.version, migration.name, migration.sha256],
            )
    return [migration.version for migration in missing]


def _apply(connection: "Connection", migration: Migration) -> None:
    import psycopg

    try:
        connection.execute(migration.sql.encode())
    except psycopg.Error as error:
        raise type(error)(f"{migration.file_name}: {' '.join(str(error).split())}") from error


def current_version(connection: "Connection") -> int:
    """The version now in force, which may be newer than any this code knows."""
    row = connection.execute("select max(version) from schema_versions").fetchone()
    assert row is not None
    return int(row[0])
