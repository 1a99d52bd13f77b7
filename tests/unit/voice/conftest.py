"""A line to the codehook for each test, over one client for all of them: making one takes longer than a test."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.unit.voice.telephone import Line, dynamodb, open_line


@pytest.fixture(scope="package")
def client() -> Iterator[Any]:
    with dynamodb() as client:
        yield client


@pytest.fixture
def line(client: Any) -> Line:
    return open_line(client)
