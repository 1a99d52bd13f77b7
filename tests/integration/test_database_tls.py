"""TLS for real: PostgreSQL of the system (the wheel's knows no TLS), an authority of the test's own, and tokens."""

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from botocore.credentials import Credentials as Keys
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from chalicelib.aws.database_tokens import make_token
from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import UnavailableError
from chalicelib.settings import DatabaseAddress
from chalicelib.webhooks.credentials import Credentials, SecretCredentials, TokenCredentials
from chalicelib.webhooks.database import Database
from localcloud.postgres import NAME, Postgres, new_password
from tests.fakes import FakeClock
from tests.integration.test_schema import SYSTEM

pytestmark = pytest.mark.skipif(not SYSTEM, reason="there is no PostgreSQL below /usr/lib/postgresql, which has TLS")

KEYS = Keys("AKIDEXAMPLE", "secret-key", "session-token")


def certificate(
    directory: Path, name: str, *, issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    """A certificate and its key, in ``NAME.pem`` and ``NAME.key``: an authority, or a server that one has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    signer, signing_key = issuer or (None, key)
    made = (
        x509.CertificateBuilder(signer.subject if signer else subject, subject, key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=signer is None, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    (directory / f"{name}.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    (directory / f"{name}.key").write_bytes(key.private_bytes(*private))
    return made, key


@dataclass
class Server:
    """Known as ``localhost`` by ``authority``, and not as 127.0.0.1; what is not encrypted it refuses, as RDS does."""

    postgres: Postgres
    authority: Path
    stranger: Path

    def connect_as_administrator(self) -> "psycopg.Connection[Any]":
        return psycopg.connect(**self.postgres.superuser, sslmode="require", autocommit=True)

    def set_password(self, password: str, valid_until: str = "infinity") -> None:
        """As IAM would have it: this is the password that is taken, until then."""
        statement = sql.SQL("alter role {} password {} valid until {}")
        with self.connect_as_administrator() as connection:
            connection.execute(statement.format(sql.Identifier(NAME), sql.Literal(password), sql.Literal(valid_until)))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("tls")
    (folder / "tmp").mkdir()
    authority = certificate(folder, "authority")
    certificate(folder, "stranger")
    certificate(folder, "localhost", issuer=authority)
    postgres = Postgres(folder / "server", folder / "tmp", folder / "log", new_password(), binaries=SYSTEM[-1])
    postgres.start()
    data = folder / "server" / "data"
    with psycopg.connect(**postgres.superuser, autocommit=True) as connection:
        # The server writes its own files, as the user that it is.
        for name in ("localhost.pem", "localhost.key"):
            text = (folder / name).read_text(encoding="ascii")
            statement = sql.SQL("copy (select regexp_split_to_table({}, E'\n')) to {}")
            connection.execute(statement.format(sql.Literal(text), sql.Literal(str(data / name))))
        (data / "localhost.key").chmod(0o600)
        for setting, value in {"ssl_cert_file": "localhost.pem", "ssl_key_file": "localhost.key", "ssl": "on"}.items():
            connection.execute(sql.SQL("alter system set {} to {}").format(sql.Identifier(setting), sql.Literal(value)))
        rules = (data / "pg_hba.conf").read_text(encoding="utf-8")
        (data / "pg_hba.conf").write_text(f"hostnossl all all all reject\n{rules}", encoding="utf-8")
        connection.execute("select pg_reload_conf()")
    yield Server(postgres, folder / "authority.pem", folder / "stranger.pem")
    postgres.stop()


def with_secret(server: Server, *, host: str = "localhost", roots: Path | None = None) -> SecretCredentials:
    secret = {
        "host": host,
        "port": server.postgres.port,
        "dbname": NAME,
        "username": NAME,
        "password": server.postgres.password,
        "sslmode": "verify-full",
        **({} if roots is None else {"sslrootcert": str(roots)}),
    }
    return SecretCredentials(SecretCache(lambda name: json.dumps(secret), FakeClock()), "database", requires_tls=True)


class Tokens:
    """Real tokens, of which the server takes the last one."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.made: list[str] = []

    def __call__(self, where: DatabaseAddress) -> str:
        self.made.append(make_token(KEYS, f"db{len(self.made)}", where.port, where.user, where.region))
        self.server.set_password(self.made[-1])
        return self.made[-1]


@pytest.fixture
def tokens(server: Server) -> Iterator[Tokens]:
    yield Tokens(server)
    server.set_password(server.postgres.password)


def with_tokens(server: Server, tokens: Tokens, *, host: str = "localhost", roots: Path) -> TokenCredentials:
    return TokenCredentials(DatabaseAddress(host, server.postgres.port, NAME, NAME, "eu-west-1"), tokens, roots)


def session(credentials: Credentials) -> tuple[str, bool]:
    """Who one is on a new connection, and whether it is encrypted."""
    database = Database(credentials)
    query = "select current_user::text, ssl from pg_stat_ssl where pid = pg_backend_pid()"
    try:
        row = database.run(lambda connection: connection.execute(query).fetchone())
    finally:
        database.close()
    assert row is not None
    return row[0], row[1]


def refusal(credentials: Credentials) -> str:
    """What libpq says of a server that it does not take."""
    with pytest.raises(UnavailableError) as refused:
        session(credentials)
    return str(refused.value.__cause__)


def test_a_server_of_the_right_authority_and_name_is_taken(server: Server, tokens: Tokens) -> None:
    assert session(with_secret(server, roots=server.authority)) == (NAME, True)
    assert session(with_tokens(server, tokens, roots=server.authority)) == (NAME, True)


def test_a_server_of_another_authority_is_refused(server: Server, tokens: Tokens) -> None:
    assert "certificate verify failed" in refusal(with_secret(server, roots=server.stranger))
    assert "certificate verify failed" in refusal(with_tokens(server, tokens, roots=server.stranger))


def test_by_itself_none_but_rds_is_taken(server: Server) -> None:
    assert "certificate verify failed" in refusal(with_secret(server))


def test_a_server_of_another_name_is_refused(server: Server, tokens: Tokens) -> None:
    said = 'does not match host name "127.0.0.1"'

    assert said in refusal(with_secret(server, host="127.0.0.1", roots=server.authority))
    assert said in refusal(with_tokens(server, tokens, host="127.0.0.1", roots=server.authority))


def test_the_environment_leads_to_no_other_machine(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that is here need prove nothing, so it has to be the one that is here."""
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.99")
    secret = server.postgres.owner | {"host": "localhost"}
    secret["username"] = secret.pop("user")
    cache = SecretCache(lambda name: json.dumps(secret), FakeClock())

    assert session(SecretCredentials(cache, "database", requires_tls=True)) == (NAME, True)


def test_a_server_without_tls_is_refused(postgres: Postgres, server: Server) -> None:
    address = DatabaseAddress("127.0.0.1", postgres.port, NAME, NAME, "eu-west-1")
    credentials = TokenCredentials(address, lambda where: postgres.password, server.authority)

    assert "server does not support SSL" in refusal(credentials)


def test_who_asks_for_plain_text_is_refused(server: Server) -> None:
    with pytest.raises(psycopg.OperationalError, match=r"no encryption|rejects connection"):
        psycopg.connect(**server.postgres.owner, sslmode="disable")


def test_an_open_connection_outlives_its_token_and_the_next_has_a_new_one(server: Server, tokens: Tokens) -> None:
    database = Database(with_tokens(server, tokens, roots=server.authority))
    database.run(lambda connection: connection.execute("select 1"))
    server.set_password(tokens.made[0], valid_until="2020-01-01")

    database.run(lambda connection: connection.execute("select 1"))
    assert len(tokens.made) == 1

    with server.connect_as_administrator() as connection:
        connection.execute("select pg_terminate_backend(pid) from pg_stat_activity where usename = %s", [NAME])
    database.run(lambda connection: connection.execute("select 1"))
    database.close()
    assert len(set(tokens.made)) == 2


def test_a_token_that_is_over_is_refused(server: Server, tokens: Tokens) -> None:
    tokens(DatabaseAddress("localhost", server.postgres.port, NAME, NAME, "eu-west-1"))
    server.set_password(tokens.made[0], valid_until="2020-01-01")
    late = TokenCredentials(
        DatabaseAddress("localhost", server.postgres.port, NAME, NAME, "eu-west-1"),
        lambda where: tokens.made[0],
        server.authority,
    )

    assert "password authentication failed" in refusal(late)


def test_neither_tokens_nor_passwords_are_logged(
    server: Server, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    said = [
        refusal(with_tokens(server, tokens, roots=server.stranger)),
        refusal(with_secret(server, roots=server.stranger)),
        caplog.text,
        server.postgres.log.read_text(encoding="utf-8"),
    ]

    for secret in (*tokens.made, server.postgres.password, "session-token"):
        assert not [text for text in said if secret in text]
