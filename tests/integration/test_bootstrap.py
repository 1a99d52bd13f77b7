"""The first role of a new database, on every version of PostgreSQL that is at hand.

The administrator is what RDS makes it: no superuser, but one that makes roles and databases and gives ``rds_iam`` away.
"""

import json
import logging
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

import app
from chalicelib.errors import RequestError, UnavailableError
from chalicelib.webhooks.bootstrap import Administrator, Bootstrap
from chalicelib.webhooks.database import ROLE_SETTINGS
from chalicelib.webhooks.schema import migrate, read_migrations
from infra.database import bootstrap
from localcloud.postgres import Postgres, new_password
from tests.forgetting import forget
from tests.integration.cloud import STAGE_PREFIX, Cloud
from tests.integration.place import FixedCredentials
from tests.integration.test_schema import SERVERS

PASSWORD = "the-administrators-password"
OWN = "the-functions-password"


@dataclass
class Rds:
    """A server as RDS hands it over, with an empty database for each test."""

    postgres: Postgres
    administrator: Administrator = field(default_factory=lambda: Administrator("rds_master", PASSWORD))

    def as_superuser(self, database: str = "postgres") -> "psycopg.Connection[Any]":
        return psycopg.connect(**self.postgres.superuser | {"dbname": database}, autocommit=True)

    def hand_over(self) -> None:
        with self.as_superuser() as connection:
            connection.execute(f"create role rds_master login createdb createrole password '{PASSWORD}'")
            connection.execute("create role rds_iam nologin")
            connection.execute("grant rds_iam to rds_master with admin option")

    def new_database(self) -> None:
        with self.as_superuser() as connection:
            connection.execute("drop database if exists shop with (force)")
            connection.execute("drop role if exists functions")
            connection.execute("create database shop owner rds_master")

    def credentials(self, user: str = "functions", password: str = OWN) -> FixedCredentials:
        return FixedCredentials(
            {
                "host": "127.0.0.1",
                "port": self.postgres.port,
                "dbname": "shop",
                "user": user,
                "password": password,
            }
        )

    def ask(self, query: str) -> list[tuple[Any, ...]]:
        with self.as_superuser("shop") as connection:
            return connection.execute(query.encode()).fetchall()


@pytest.fixture(scope="module", params=SERVERS, ids=lambda path: path.parent.name)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rds]:
    folder: Path = tmp_path_factory.mktemp("rds")
    (folder / "tmp").mkdir()
    postgres = Postgres(folder / "server", folder / "tmp", folder / "log", new_password(), binaries=request.param)
    postgres.start()
    rds = Rds(postgres)
    rds.hand_over()
    yield rds
    postgres.stop()
    shutil.rmtree(postgres.directory)


@pytest.fixture
def rds(server: Rds) -> Rds:
    server.new_database()
    return server


def who_show_tokens(rds: Rds) -> set[str]:
    return {name for (name,) in rds.ask("select rolname from pg_roles where pg_has_role(oid, 'rds_iam', 'member')")}


def test_the_role_owns_its_database_and_shows_tokens(rds: Rds) -> None:
    answer = Bootstrap(rds.credentials(), uses_tokens=True).run(rds.administrator)

    assert answer == {"role": "functions", "created": True}
    assert rds.ask("select pg_get_userbyid(datdba)::text from pg_database where datname = 'shop'") == [("functions",)]
    assert "functions" in who_show_tokens(rds)
    # Neither power beyond its database, nor a password.
    assert rds.ask(
        "select rolsuper, rolcreaterole, rolcreatedb, rolcanlogin, rolpassword is null from pg_authid"
        " where rolname = 'functions'"
    ) == [(False, False, False, True, True)]


def test_it_can_apply_the_schema(rds: Rds) -> None:
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)

    with psycopg.connect(**rds.credentials().current(), autocommit=True) as connection:
        assert migrate(connection, list(read_migrations()))
        assert connection.execute("show statement_timeout").fetchone() == (ROLE_SETTINGS["statement_timeout"],)


def test_with_a_secret_it_has_that_password(rds: Rds) -> None:
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)

    with psycopg.connect(**rds.credentials().current()) as connection:
        assert connection.execute("select current_user::text").fetchone() == ("functions",)
    assert "functions" not in who_show_tokens(rds)
    with pytest.raises(psycopg.OperationalError):
        psycopg.connect(**rds.credentials(password="another").current())


@pytest.mark.parametrize("uses_tokens", [True, False])
def test_a_second_time_there_is_nothing_to_do(rds: Rds, uses_tokens: bool) -> None:
    repeated = Bootstrap(rds.credentials(), uses_tokens)

    created = [repeated.run(rds.administrator)["created"] for _ in range(3)]

    assert created == [True, False, False]


def test_a_role_that_can_connect_needs_no_administrator(rds: Rds) -> None:
    """RDS may refuse the administrator's password by then."""
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)

    answer = Bootstrap(rds.credentials(), uses_tokens=False).run(Administrator("rds_master", "rotated meanwhile"))

    assert answer == {"role": "functions", "created": False}


def test_it_says_whether_it_is_needed(rds: Rds) -> None:
    before = Bootstrap(rds.credentials(), uses_tokens=False).needed()
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)

    assert before == {"role": "functions", "needed": True}
    assert Bootstrap(rds.credentials(), uses_tokens=False).needed() == {"role": "functions", "needed": False}


def test_a_role_that_comes_to_have_a_password_shows_no_tokens_any_more(rds: Rds) -> None:
    """RDS would refuse the password for as long as the role is one of ``rds_iam``."""
    Bootstrap(rds.credentials(), uses_tokens=True).run(rds.administrator)
    assert "functions" in who_show_tokens(rds)

    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)

    assert "functions" not in who_show_tokens(rds)
    psycopg.connect(**rds.credentials().current()).close()


def test_another_role_takes_the_tables_over(rds: Rds) -> None:
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)
    with psycopg.connect(**rds.credentials().current(), autocommit=True) as connection:
        assert migrate(connection, list(read_migrations()))
    with rds.as_superuser() as connection:
        connection.execute("drop role if exists successor")
    try:
        Bootstrap(rds.credentials("successor"), uses_tokens=False).run(rds.administrator)

        with psycopg.connect(**rds.credentials("successor").current(), autocommit=True) as connection:
            assert migrate(connection, list(read_migrations())) == []
            connection.execute("alter table webhook_events add column note text")
        assert rds.ask("select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid where m.inherit_option"
                       " and r.rolname in ('functions', 'successor')"
                       if rds.ask("select 1 where current_setting('server_version_num')::int >= 160000") else
                       "select 1 from pg_auth_members m join pg_roles r on r.oid = m.roleid"
                       " where r.rolname in ('functions', 'successor')") == []  # fmt: skip
    finally:
        with rds.as_superuser() as connection:
            connection.execute("drop database shop with (force)")
            connection.execute("drop role successor")


def test_two_at_once_make_it_once(rds: Rds) -> None:
    answers: list[bool] = []
    start = threading.Barrier(4)

    def run() -> None:
        start.wait()
        answers.append(Bootstrap(rds.credentials(), uses_tokens=True).run(rds.administrator)["created"])

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert sorted(answers) == [False, False, False, True]


def test_a_password_that_changed_is_set_anew(rds: Rds) -> None:
    Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)
    changed = rds.credentials(password="a new one")

    Bootstrap(changed, uses_tokens=False).run(rds.administrator)

    psycopg.connect(**changed.current()).close()


@pytest.mark.parametrize(
    "name", ['x" superuser; drop database shop; --', "x'; drop database shop; --", "X Y", "público"]
)
def test_a_name_is_a_name_whatever_it_holds(rds: Rds, name: str) -> None:
    try:
        Bootstrap(rds.credentials(name), uses_tokens=False).run(rds.administrator)

        assert rds.ask("select rolname::text, rolsuper from pg_roles where oid = (select datdba from pg_database"
                       " where datname = 'shop')") == [(name, False)]  # fmt: skip
    finally:
        with rds.as_superuser() as connection:
            connection.execute("drop database shop with (force)")
            quoted = name.replace('"', '""')
            connection.execute(f'drop role "{quoted}"'.encode())


@pytest.mark.parametrize("name", ["pg_read_all_data", "pg_new"])
def test_a_role_of_postgresqls_own_is_refused(rds: Rds, name: str) -> None:
    with pytest.raises(psycopg.Error):
        Bootstrap(rds.credentials(name), uses_tokens=True).run(rds.administrator)

    assert rds.ask("select pg_get_userbyid(datdba)::text from pg_database where datname = 'shop'") == [("rds_master",)]


def test_the_administrator_is_nobody_s_role(rds: Rds) -> None:
    with pytest.raises(RequestError, match="role of their own"):
        Bootstrap(rds.credentials("rds_master"), uses_tokens=True).run(rds.administrator)


def test_a_wrong_password_makes_nothing(rds: Rds) -> None:
    with pytest.raises(UnavailableError, match="refuses the administrator"):
        Bootstrap(rds.credentials(), uses_tokens=True).run(Administrator("rds_master", "guessed"))

    assert rds.ask("select 1 from pg_roles where rolname = 'functions'") == []


def test_without_rds_there_is_no_role_of_its_to_join(rds: Rds) -> None:
    with rds.as_superuser() as connection:
        connection.execute("alter role rds_iam rename to elsewhere")
    try:
        assert Bootstrap(rds.credentials(), uses_tokens=True).run(rds.administrator)["created"]
    finally:
        with rds.as_superuser() as connection:
            connection.execute("alter role elsewhere rename to rds_iam")


def test_passwords_are_logged_by_neither_side(rds: Rds, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with rds.as_superuser() as connection:
        connection.execute("alter system set log_statement = 'all'")
        connection.execute("select pg_reload_conf()")
    try:
        Bootstrap(rds.credentials(), uses_tokens=False).run(rds.administrator)
        with pytest.raises(UnavailableError) as refused:
            Bootstrap(rds.credentials("nobody-yet"), uses_tokens=False).run(Administrator("rds_master", "guessed-word"))
    finally:
        with rds.as_superuser() as connection:
            connection.execute("alter system reset log_statement")
            connection.execute("select pg_reload_conf()")

    log = rds.postgres.log.read_text(encoding="utf-8")
    assert "alter role" in log
    for text in (log, caplog.text, repr(rds.administrator), repr(refused.value), repr(refused.value.__cause__)):
        for password in (PASSWORD, OWN, "guessed-word"):
            hidden = password == PASSWORD and "create role rds_master" in text  # the test's own statement
            assert hidden or password not in text


@pytest.mark.parametrize(
    "event",
    [
        {"bootstrap": None},
        {"bootstrap": "anything"},
        {"bootstrap": {}},
        {"bootstrap": {"username": "rds_master"}},
        {"bootstrap": {"username": "", "password": "x"}},
        {"bootstrap": {"username": "rds_master", "password": 1}},
    ],
)
def test_an_event_without_an_administrator_is_refused(event: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="A bootstrap needs the administrator"):
        Administrator.read(event)


@pytest.mark.parametrize("event", [None, 5, "bootstrap", "x", [], [1], {"bootstrap": {}, "more": 1}, {"migrate": 1}])
def test_what_is_neither_a_migration_nor_a_bootstrap_is_refused(event: Any) -> None:
    from chalicelib import wiring

    with pytest.raises(RequestError, match="A migration needs the event"):
        wiring.migrate_database(event)


def test_the_handler_takes_it(rds: Rds, monkeypatch: pytest.MonkeyPatch) -> None:
    """Through the application, up to the connection: nothing there shows what the event held."""
    from chalicelib import wiring

    monkeypatch.setenv("STAGE", "dev")
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "a")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "b")
    monkeypatch.setenv("DATABASE_URL", f"postgresql://functions@127.0.0.1:{rds.postgres.port}/shop")
    forget()
    event = json.loads(json.dumps({"bootstrap": {"username": "rds_master", "password": PASSWORD}}))
    try:
        # The server has no TLS, and no stage but the local one does without.
        with pytest.raises(UnavailableError, match="cannot be reached"):
            wiring.migrate_database(event)
    finally:
        forget()
    assert "migrate_database" in app.app.handler_map


def test_an_operator_asks_the_deployed_function(cloud: Cloud) -> None:
    """Whose role there is already; neither it nor the local cloud shows what it was sent."""
    secret = json.dumps({"username": "postgres", "password": PASSWORD})
    manager = cloud.client("secretsmanager")
    arn = manager.create_secret(Name="rds!db-master", SecretString=secret)["ARN"]
    try:
        assert bootstrap(cloud.client, "local", {"DatabaseMasterSecretArn": arn}) == "frontdesk"
    finally:
        manager.delete_secret(SecretId=arn, ForceDeleteWithoutRecovery=True)

    wrong = cloud.client("lambda").invoke(
        FunctionName=f"{STAGE_PREFIX}migrate_database", Payload=json.dumps({"bootstrap": {"password": PASSWORD}})
    )
    assert "A bootstrap needs the administrator" in json.loads(wrong["Payload"].read())["errorMessage"]
    assert PASSWORD not in cloud.logs()
