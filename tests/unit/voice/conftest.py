"""A line to the codehook for each test that wants one."""

from collections.abc import Iterator

import pytest

from tests.unit.voice.telephone import Line, open_line


@pytest.fixture
def line() -> Iterator[Line]:
    with open_line() as line:
        yield line
