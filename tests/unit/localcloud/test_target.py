from typing import Any, Self

import psycopg
import pytest

from infra.stages import Stage
from localcloud.layout import Endpoints
from localcloud.target import LocalTarget

ENDPOINTS = Endpoints(
    "http://x", None, "http://127.0.0.1:1", "postgresql://frontdesk:pw@127.0.0.1:1/frontdesk", None, None
)


@pytest.mark.parametrize("error", [psycopg.errors.DuplicateDatabase, psycopg.errors.UniqueViolation])
def test_another_deployment_may_make_the_database(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    class Connection:
        """A server on which the database comes to be after it was looked for."""

        def __enter__(self) -> Self:
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def execute(self, statement: Any, *_: Any) -> Any:
            if isinstance(statement, str):
                return self
            raise error

        def fetchone(self) -> None:
            return None

    monkeypatch.setattr(psycopg, "connect", lambda *_, **__: Connection())

    assert LocalTarget(Stage("dev"), ENDPOINTS, "key")._database() == "frontdesk_dev"
