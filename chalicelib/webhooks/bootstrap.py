"""The first role of a new database, made once with the administrator's password.

RDS creates a database with an administrator and nobody else. An operator, who may read that password, hands it to
``migrate_database``, the only one in the database's network; from then on every function connects as a role of its own.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import sql

from chalicelib.errors import RequestError, UnavailableError
from chalicelib.webhooks.credentials import Credentials
from chalicelib.webhooks.database import ROLE_SETTINGS, SESSION

if TYPE_CHECKING:
    from psycopg import Connection

_LOCK = 0x626F6F74  # "boot": any number will do that no other program of this database uses

_TOKENS = "rds_iam"
"""RDS's own role, whose members show tokens, and can no longer show passwords."""


@dataclass(frozen=True)
class Administrator:
    username: str
    password: str = field(repr=False)

    @classmethod
    def read(cls, event: Mapping[str, Any]) -> "Administrator":
        """From ``{"bootstrap": {"username": …, "password": …}}``; ``RequestError`` from anything else.

        ``{"bootstrap": "needed"}``, which needs none, is not for here.
        """
        match event.get("bootstrap"):
            case {"username": str(username), "password": str(password)} if username and password:
                return cls(username, password)
        raise RequestError('A bootstrap needs the administrator: {"bootstrap": {"username": …, "password": …}}.')


@dataclass(frozen=True)
class Bootstrap:
    """Makes the role that ``credentials`` name. ``connect`` is ``psycopg.connect`` or something like it.

    With ``uses_tokens`` the role has no password, and is let in with tokens where the server is RDS.
    """

    credentials: Credentials
    uses_tokens: bool
    connect: Callable[..., "Connection[Any]"] = psycopg.connect

    def needed(self) -> dict[str, Any]:
        """Whether the role cannot connect yet, so that it takes an administrator; and its name."""
        own = self.credentials.current()
        return {"role": str(own["user"]), "needed": not self._can_connect(own)}

    def run(self, administrator: Administrator) -> dict[str, Any]:
        """Make the role and give it the database; the answer names it, and whether it is new.

        Where the role can connect already nothing is done, and the administrator's password is not shown to anyone: RDS
        may refuse it by then, since whoever makes a role is a member of it from PostgreSQL 16 on. ``UnavailableError``
        when the database cannot be reached or refuses the administrator. Safe to repeat, and for two at once.
        """
        own = self.credentials.current()
        role = str(own["user"])
        if role == administrator.username:
            raise RequestError("The functions need a role of their own, other than the administrator.")
        if self._can_connect(own):
            return {"role": role, "created": False}
        try:
            connection = self._open(own | {"user": administrator.username, "password": administrator.password})
        except psycopg.OperationalError:
            # Without its cause: what libpq says is not ours to keep passwords out of.
            raise UnavailableError("The database cannot be reached, or refuses the administrator.") from None
        with connection:
            return {"role": role, "created": self._make(connection, role, own)}

    def _can_connect(self, own: dict[str, Any]) -> bool:
        try:
            self._open(own).close()
        except psycopg.OperationalError:
            return False
        return True

    def _open(self, parameters: dict[str, Any]) -> "Connection[Any]":
        return self.connect(**SESSION | parameters, autocommit=True, prepare_threshold=None)

    def _make(self, connection: "Connection[Any]", role: str, own: Mapping[str, Any]) -> bool:
        name, database = sql.Identifier(role), sql.Identifier(str(own["dbname"]))
        with connection.transaction():
            connection.execute("select pg_advisory_xact_lock(%s)", [_LOCK])
            created = not _exists(connection, role)
            if created:
                connection.execute(sql.SQL("create role {} login").format(name))
            # Its owner owns the schema "public" too, and to give it away one must be able to act as the new owner.
            connection.execute(sql.SQL("grant {} to current_user").format(name))
            _take_over(connection, role)
            connection.execute(sql.SQL("alter database {} owner to {}").format(database, name))
            connection.execute(sql.SQL("revoke {} from current_user").format(name))
            for setting, value in ROLE_SETTINGS.items():
                statement = sql.SQL("alter role {} set {} to {}")
                connection.execute(statement.format(name, sql.Identifier(setting), sql.Literal(value)))
            if not self.uses_tokens:
                # The server is sent no more than the verifier, as its log might show the statement.
                verifier = connection.pgconn.encrypt_password(str(own["password"]).encode(), role.encode())
                connection.execute(sql.SQL("alter role {} password {}").format(name, sql.Literal(verifier.decode())))
                if _is_member(connection, role, _TOKENS):
                    connection.execute(sql.SQL("revoke {} from {}").format(sql.Identifier(_TOKENS), name))
            elif _exists(connection, _TOKENS):
                connection.execute(sql.SQL("grant {} to {}").format(sql.Identifier(_TOKENS), name))
        return created


def _exists(connection: "Connection[Any]", role: str) -> bool:
    return connection.execute("select 1 from pg_roles where rolname = %s", [role]).fetchone() is not None


def _is_member(connection: "Connection[Any]", role: str, of: str) -> bool:
    query = (
        "select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid join pg_roles u on u.oid = m.member"
        " where u.rolname = %s and r.rolname = %s"
    )
    return connection.execute(query, [role, of]).fetchone() is not None


def _take_over(connection: "Connection[Any]", role: str) -> None:
    """Give the role the tables, too, where the functions had another one before."""
    query = (
        "select pg_get_userbyid(datdba)::text, pg_get_userbyid(datdba) = current_user from pg_database"
        " where datname = current_database()"
    )
    owner, is_own = connection.execute(query).fetchone() or (role, True)
    if is_own or owner == role:
        return
    former, name = sql.Identifier(owner), sql.Identifier(role)
    connection.execute(sql.SQL("grant {} to current_user").format(former))
    connection.execute(sql.SQL("reassign owned by {} to {}").format(former, name))
    connection.execute(sql.SQL("revoke {} from current_user").format(former))
