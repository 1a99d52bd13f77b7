"""The chat, on a table of its own for each test."""

from typing import Any

import pytest

from tests.unit.chat.world import World


@pytest.fixture
def world(dynamodb: Any) -> World:
    return World(dynamodb)
