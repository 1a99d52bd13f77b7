from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError, EndpointConnectionError
from moto import mock_aws

from chalicelib.aws.secrets import MAX_AGE_SECONDS, MIN_AGE_SECONDS, SecretCache, read_parameter, read_secret
from chalicelib.errors import UnavailableError
from tests.fakes import FakeClock


@dataclass
class FakeStore:
    """Secrets by name, or an error."""

    secrets: dict[str, str]
    broken: bool = False
    reads: list[str] = field(default_factory=list)

    def fetch(self, name: str) -> str | None:
        self.reads.append(name)
        if self.broken:
            raise UnavailableError("The secrets cannot be read at the moment.")
        return self.secrets.get(name)


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=1000.0)


@pytest.fixture
def store() -> FakeStore:
    return FakeStore({"a": "first"})


@pytest.fixture
def cache(store: FakeStore, clock: FakeClock) -> SecretCache:
    return SecretCache(store.fetch, clock)


def test_it_is_read_once_within_its_age(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    assert cache.get("a") == "first"
    clock.now += MAX_AGE_SECONDS
    assert cache.get("a") == "first"

    assert store.reads == ["a"]


def test_a_rotation_takes_effect_after_its_age(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    cache.get("a")
    store.secrets["a"] = "second"
    clock.now += MAX_AGE_SECONDS + 1

    assert cache.get("a") == "second"


def test_a_refresh_sees_a_rotation_at_once(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    cache.get("a")
    store.secrets["a"] = "second"
    clock.now += MIN_AGE_SECONDS

    assert cache.refresh("a") == "second"
    assert cache.get("a") == "second"


def test_a_flood_of_refreshes_reads_once_in_a_while(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    cache.get("a")
    for _ in range(100):
        clock.now += 0.1
        cache.refresh("a")

    assert len(store.reads) <= 3


def test_an_absent_secret_is_remembered_too(cache: SecretCache, store: FakeStore) -> None:
    assert cache.get("b") is None
    assert cache.refresh("b") is None

    assert store.reads == ["b"]


def test_when_it_cannot_be_read_the_last_value_serves(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    cache.get("a")
    store.broken = True
    clock.now += MAX_AGE_SECONDS + 1

    assert cache.get("a") == "first"
    with pytest.raises(UnavailableError):
        cache.get("b")


def test_a_cache_does_not_show_what_it_holds(clock: FakeClock) -> None:
    cache = SecretCache(lambda _: "first", clock)
    cache.get("a")

    assert "first" not in repr(cache)


@pytest.fixture
def aws() -> Iterator[None]:
    with mock_aws():
        yield


@pytest.mark.usefixtures("aws")
def test_a_secret_is_read_from_secrets_manager() -> None:
    client = boto3.client("secretsmanager")
    client.create_secret(Name="frontdesk/dev/a", SecretString="first")

    assert read_secret(client, "frontdesk/dev/a") == "first"
    assert read_secret(client, "frontdesk/dev/b") is None


@pytest.mark.usefixtures("aws")
def test_a_parameter_is_read_decrypted() -> None:
    client = boto3.client("ssm")
    client.put_parameter(Name="/frontdesk/dev/a", Value="first", Type="SecureString")

    assert read_parameter(client, "/frontdesk/dev/a") == "first"
    assert read_parameter(client, "/frontdesk/dev/b") is None


@dataclass
class BrokenClient:
    error: Exception

    def get_secret_value(self, **_: Any) -> dict[str, Any]:
        raise self.error

    get_parameter = get_secret_value


@pytest.mark.parametrize("read", [read_secret, read_parameter])
@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "Get"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_a_store_that_does_not_answer_is_unavailable(read: Any, error: Exception) -> None:
    with pytest.raises(UnavailableError):
        read(BrokenClient(error), "a")


def test_one_may_be_wanted_younger(cache: SecretCache, store: FakeStore, clock: FakeClock) -> None:
    cache.get("a")
    store.secrets["a"] = "second"
    clock.now += 31

    assert cache.get("a") == "first"
    assert cache.get("a", 30) == "second"


def test_while_it_cannot_be_read_it_is_not_tried_at_each_use(
    cache: SecretCache, store: FakeStore, clock: FakeClock
) -> None:
    cache.get("a")
    store.broken = True
    clock.now += 31

    for _ in range(5):
        assert cache.get("a", 30) == "first"
    assert len(store.reads) == 2
    clock.now += MIN_AGE_SECONDS + 0.1
    store.broken = False
    store.secrets["a"] = "second"
    assert cache.get("a", 30) == "second"
