"""A table of moto's for each test that wants one."""

from collections.abc import Iterator
from typing import Any

import pytest

from chalicelib import telemetry
from tests.tables import sessions_table


@pytest.fixture(autouse=True)
def _fresh_log_keys() -> None:
    """What one test added to every log line is not there in the next."""
    telemetry.logger.clear_state()


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A client, and an empty table with the keys of the real one."""
    with sessions_table() as client:
        yield client
