"""What every test has: logs on the standard output of the moment, and no environment of the developer's."""

import gc
import io
import os
import sys

import pytest
from hypothesis import HealthCheck, settings

from chalicelib import telemetry


class CurrentStdout(io.TextIOBase):
    """Writes to whatever ``sys.stdout`` is now, which pytest replaces for each test."""

    def write(self, text: str) -> int:
        return sys.stdout.write(text)

    def flush(self) -> None:
        sys.stdout.flush()


# A machine may be busy with other tests: how long an example takes says nothing.
settings.register_profile("frontdesk", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("frontdesk")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--deployed",
        action="store_true",
        help="Let the local cloud run the whole package, with its layer, as `make deploy` brings it.",
    )


def pytest_configure(config: pytest.Config) -> None:
    for name in [
        name for name in os.environ if name.startswith(("AWS_", "STAGE", "LOCALCLOUD_", "ENVIRONMENT_FILE", "MODEL_"))
    ]:
        del os.environ[name]
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    telemetry.logger.handlers[0].stream = CurrentStdout()  # type: ignore[attr-defined]


def pytest_collection_finish() -> None:
    """Let the garbage collector leave alone what was imported, and look less often: a fifth of the unit tests' time."""
    gc.freeze()
    gc.set_threshold(20_000)
