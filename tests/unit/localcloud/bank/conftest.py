from collections.abc import Iterator

import pytest
import requests

from tests.unit.localcloud.bank.asking import Client, Clock, serving


@pytest.fixture(scope="session")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[Client]:
    with serving(tmp_path_factory.mktemp("bank") / "bank.sqlite", clock) as client:
        yield client


@pytest.fixture
def bank(served: Client) -> Client:
    """One bank for all tests, which begins each as on its first day."""
    requests.post(f"{served.url}/control/reset", json={}, timeout=60).raise_for_status()
    return served
