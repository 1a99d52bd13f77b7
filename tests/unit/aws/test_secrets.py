from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.aws.secrets import MAX_AGE_SECONDS, MIN_AGE_SECONDS, SecretCache
from chalicelib.errors import UnavailableError
from tests.fakes import FakeClock


@dataclass
class FakeSecretsManager:
    secrets: dict[str, str]
    error: Exception | None = None
    reads: list[str] = field(default_factory=list)

    def get_secret_value(self, *, SecretId: str) -> dict[str, Any]:  # noqa: N803 - botocore's own spelling
        self.reads.append(SecretId)
        if self.error:
            raise self.error
        if SecretId not in self.secrets:
            raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "GetSecretValue")
        return {"SecretString": self.secrets[SecretId]}


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(now=1000.0)


@pytest.fixture
def manager() -> FakeSecretsManager:
    return FakeSecretsManager({"a": "first"})


@pytest.fixture
def cache(manager: FakeSecretsManager, clock: FakeClock) -> SecretCache:
    return SecretCache(manager, clock)


def test_it_is_read_once_within_its_age(cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock) -> None:
    assert cache.get("a") == "first"
    clock.now += MAX_AGE_SECONDS
    assert cache.get("a") == "first"

    assert manager.reads == ["a"]


def test_a_rotation_takes_effect_after_its_age(
    cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock
) -> None:
    cache.get("a")
    manager.secrets["a"] = "second"
    clock.now += MAX_AGE_SECONDS + 1

    assert cache.get("a") == "second"


def test_a_refresh_sees_a_rotation_at_once(cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock) -> None:
    cache.get("a")
    manager.secrets["a"] = "second"
    clock.now += MIN_AGE_SECONDS

    assert cache.refresh("a") == "second"
    assert cache.get("a") == "second"


def test_a_flood_of_refreshes_reads_once_in_a_while(
    cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock
) -> None:
    cache.get("a")
    for _ in range(100):
        clock.now += 0.1
        cache.refresh("a")

    assert len(manager.reads) <= 3


def test_an_absent_secret_is_remembered_too(cache: SecretCache, manager: FakeSecretsManager) -> None:
    assert cache.get("b") is None
    assert cache.refresh("b") is None

    assert manager.reads == ["b"]


@pytest.mark.parametrize(
    "error",
    [
        ClientError({"Error": {"Code": "AccessDeniedException"}}, "GetSecretValue"),
        EndpointConnectionError(endpoint_url="http://127.0.0.1:9"),
    ],
)
def test_when_it_cannot_be_read_the_last_value_serves(
    cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock, error: Exception
) -> None:
    cache.get("a")
    manager.error = error
    clock.now += MAX_AGE_SECONDS + 1

    assert cache.get("a") == "first"
    with pytest.raises(UnavailableError):
        cache.get("b")


def test_one_may_be_wanted_younger(cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock) -> None:
    cache.get("a")
    manager.secrets["a"] = "second"
    clock.now += 31

    assert cache.get("a") == "first"
    assert cache.get("a", 30) == "second"


def test_while_it_cannot_be_read_it_is_not_tried_at_each_use(
    cache: SecretCache, manager: FakeSecretsManager, clock: FakeClock
) -> None:
    cache.get("a")
    manager.error = EndpointConnectionError(endpoint_url="http://127.0.0.1:9")
    clock.now += 31

    for _ in range(5):
        assert cache.get("a", 30) == "first"
    assert len(manager.reads) == 2
    clock.now += MIN_AGE_SECONDS + 0.1
    manager.error = None
    manager.secrets["a"] = "second"
    assert cache.get("a", 30) == "second"
