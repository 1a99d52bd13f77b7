"""A table of moto's for each test that wants one."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.tables import sessions_table


@pytest.fixture
def dynamodb() -> Iterator[Any]:
    """A client, and an empty table with the keys of the real one."""
    with sessions_table() as client:
        yield client
