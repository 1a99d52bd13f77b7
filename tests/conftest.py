"""Options of the tests."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--deployed",
        action="store_true",
        help="Let the local cloud run the whole package, with its layer, as `make deploy` brings it.",
    )
