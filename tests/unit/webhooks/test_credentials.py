"""How connections prove who they are, and what they demand of the server."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509

from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import SettingsError, UnavailableError
from chalicelib.settings import DatabaseAddress
from chalicelib.webhooks.credentials import ROOTS, SecretCredentials, TokenCredentials
from tests.fakes import FakeClock

ADDRESS = DatabaseAddress("db.example", 5432, "frontdesk", "frontdesk", "eu-west-1")
SECRET = {"host": "db.example", "port": 5432, "dbname": "frontdesk", "username": "frontdesk", "password": "hidden-word"}


class Tokens:
    """Makes a new one each time."""

    made = 0

    def __call__(self, address: DatabaseAddress) -> str:
        self.made += 1
        return f"token {self.made} for {address.user}"


def from_secret(secret: dict[str, Any], *, requires_tls: bool = True) -> dict[str, Any]:
    cache = SecretCache(lambda name: json.dumps(secret), FakeClock())
    return SecretCredentials(cache, "frontdesk/dev/database", requires_tls).current()


def test_each_connection_has_a_token_of_its_own() -> None:
    credentials = TokenCredentials(ADDRESS, Tokens())

    assert credentials.current()["password"] == "token 1 for frontdesk"
    assert credentials.current()["password"] == "token 2 for frontdesk"


def test_a_token_that_was_refused_is_not_made_again_at_once() -> None:
    credentials = TokenCredentials(ADDRESS, Tokens())

    assert credentials.current() == credentials.refreshed()


def test_a_token_travels_to_a_proven_server_alone() -> None:
    parameters = TokenCredentials(ADDRESS, Tokens()).current()

    assert (parameters["sslmode"], parameters["sslrootcert"]) == ("verify-full", str(ROOTS))
    assert parameters["host"] == "db.example"
    assert "options" not in parameters


def test_a_proxy_is_sent_no_options() -> None:
    proxy = DatabaseAddress(
        "frontdesk-dev.proxy-abc.eu-west-1.rds.amazonaws.com", 5432, "frontdesk", "frontdesk", "eu-west-1"
    )

    assert TokenCredentials(proxy, Tokens()).current()["options"] == ""


def test_tokens_are_never_shown() -> None:
    credentials = TokenCredentials(ADDRESS, Tokens())
    credentials.current()

    assert "token 1" not in repr(credentials)


def test_a_secret_that_says_nothing_of_tls_means_all_of_it() -> None:
    parameters = from_secret(SECRET)

    assert (parameters["sslmode"], parameters["sslrootcert"]) == ("verify-full", str(ROOTS))
    assert (parameters["user"], parameters["password"]) == ("frontdesk", "hidden-word")


def test_a_secret_may_name_other_authorities() -> None:
    secret = SECRET | {"sslmode": "verify-full", "sslrootcert": "/opt/authorities.pem"}

    assert from_secret(secret)["sslrootcert"] == "/opt/authorities.pem"


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "VERIFY-FULL", "", None])
def test_a_secret_that_asks_for_less_is_refused(mode: str | None) -> None:
    with pytest.raises(SettingsError, match=r'frontdesk/dev/database asks for .* take "sslmode" out of it') as refused:
        from_secret(SECRET | {"sslmode": mode})

    assert "hidden-word" not in str(refused.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "/run/postgresql", "127.0.0.1,localhost"])
def test_a_server_on_this_machine_needs_no_tls(host: str) -> None:
    assert "sslmode" not in from_secret(SECRET | {"host": host})
    assert from_secret(SECRET | {"host": host, "sslmode": "disable"})["sslmode"] == "disable"


@pytest.mark.parametrize(
    "where",
    [
        {"host": "127.0.0.1,db.example"},
        {"host": "127.0.0.1", "hostaddr": "10.0.0.7"},
        {"host": "127.0.0.1.example"},
        {"host": ""},
    ],
)
def test_what_may_be_another_machine_needs_it(where: dict[str, str]) -> None:
    with pytest.raises(SettingsError, match="sslmode disable"):
        from_secret(SECRET | where | {"sslmode": "disable"})


@pytest.mark.parametrize(
    ("host", "addresses"),
    [
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("/run/postgresql", ""),
        ("127.0.0.2,localhost,/run/postgresql", "127.0.0.2,127.0.0.1,"),
    ],
)
def test_a_server_on_this_machine_is_not_looked_up_elsewhere(host: str, addresses: str) -> None:
    assert from_secret(SECRET | {"host": host})["hostaddr"] == addresses
    assert from_secret(SECRET | {"host": host, "sslmode": "disable"})["hostaddr"] == addresses


@pytest.mark.parametrize("given", [{"host": ""}, {}])
def test_an_address_of_this_machine_is_enough(given: dict[str, str]) -> None:
    unnamed = {key: value for key, value in SECRET.items() if key != "host"}
    parameters = from_secret(unnamed | given | {"hostaddr": "127.0.0.1"})

    assert (parameters["hostaddr"], parameters.get("sslmode")) == ("127.0.0.1", None)


@pytest.mark.parametrize(
    "beside",
    [
        {"conninfo": "hostaddr=10.0.0.5"},
        {"service": "elsewhere"},
        {"gssencmode": "require"},
        {"sslkeylogfile": "keys.log"},
        {"ssl_min_protocol_version": "TLSv1"},
        {"user": "postgres"},
        {"hots": "db.example"},
    ],
)
@pytest.mark.parametrize("host", ["localhost", "db.example"])
@pytest.mark.parametrize("requires_tls", [True, False])
def test_a_key_that_is_unknown_is_refused(beside: dict[str, str], host: str, requires_tls: bool) -> None:
    ((key, value),) = beside.items()

    with pytest.raises(
        SettingsError, match=rf"frontdesk/dev/database .*: {key}\. Take it out; known are .*, dbname,"
    ) as no:
        from_secret(SECRET | {"host": host} | beside, requires_tls=requires_tls)

    assert "hidden-word" not in str(no.value)
    assert value not in str(no.value)


def test_what_secrets_manager_keeps_for_itself_is_left_out() -> None:
    managed = {"engine": "postgres", "dbInstanceIdentifier": "db", "dbClusterIdentifier": "c", "masterarn": "arn:x"}

    assert from_secret(SECRET | managed | {"ssl": True}) == from_secret(SECRET)


def test_further_parameters_reach_the_connection() -> None:
    further = {"connect_timeout": 3, "application_name": "frontdesk", "options": "-c statement_timeout=5s"}

    assert from_secret(SECRET | further) == from_secret(SECRET) | further


@pytest.mark.parametrize("requires_tls", [True, False])
@pytest.mark.parametrize("host", ["localhost", "db.example"])
def test_kerberos_never_encrypts(host: str, requires_tls: bool) -> None:
    assert from_secret(SECRET | {"host": host}, requires_tls=requires_tls)["gssencmode"] == "disable"


def test_the_local_cloud_has_no_tls() -> None:
    assert "sslmode" not in from_secret(SECRET, requires_tls=False)


def test_a_secret_that_is_none_is_unavailable() -> None:
    cache = SecretCache(lambda name: None, FakeClock())

    with pytest.raises(UnavailableError, match="frontdesk/dev/database"):
        SecretCredentials(cache, "frontdesk/dev/database").current()


def roots() -> list[x509.Certificate]:
    return x509.load_pem_x509_certificates(ROOTS.read_bytes())


def name_of(certificate: x509.Certificate) -> str:
    return str(certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)[0].value)


@pytest.mark.parametrize("certificate", roots(), ids=name_of)
def test_a_root_signs_others_and_itself_and_is_not_over(certificate: x509.Certificate) -> None:
    constraints = certificate.extensions.get_extension_for_class(x509.BasicConstraints).value

    assert constraints.ca
    certificate.verify_directly_issued_by(certificate)
    assert certificate.not_valid_before_utc < datetime.now(UTC) < certificate.not_valid_after_utc


def test_there_are_roots_for_each_region_and_for_proxies() -> None:
    names = {name_of(certificate) for certificate in roots()}
    regions = {name.split()[2] for name in names if name.startswith("Amazon RDS ")}

    assert len(names) == ROOTS.read_text(encoding="ascii").count("BEGIN CERTIFICATE")
    assert {"us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-southeast-2", "sa-east-1"} <= regions
    for region in regions:
        # What the template's `rds-ca-rsa2048-g1` asks for.
        assert f"Amazon RDS {region} Root CA RSA2048 G1" in names
    assert {f"Amazon Root CA {number}" for number in (1, 2, 3, 4)} <= names
