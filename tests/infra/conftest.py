"""The two templates, packaged once for all tests of the infrastructure that want no more than to read them."""

import json
from typing import Any

import pytest

from infra.packaging import DATA_TEMPLATE, package
from infra.templates import read_template


@pytest.fixture(scope="session")
def stacks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """The templates ``app`` and ``data``, in the long form of every function."""
    packaged = package("dev", tmp_path_factory.mktemp("stacks") / "dev", dependencies=False)
    return {
        "app": json.loads(packaged.template.read_text(encoding="utf-8")),
        "data": read_template(DATA_TEMPLATE),
    }
