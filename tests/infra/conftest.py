"""The packaged stage dev, without its dependencies, and both stacks of it."""

import json
from typing import Any

import pytest

from infra.packaging import DATA_TEMPLATE, Package, package
from infra.templates import read_template


@pytest.fixture(scope="session")
def packaged(tmp_path_factory: pytest.TempPathFactory) -> Package:
    return package("dev", tmp_path_factory.mktemp("package") / "dev", dependencies=False)


@pytest.fixture(scope="session")
def app(packaged: Package) -> dict[str, Any]:
    """The app's stack before SAM's transform."""
    template = json.loads(packaged.template.read_text(encoding="utf-8"))
    assert isinstance(template, dict)
    return template


@pytest.fixture(scope="session")
def data() -> dict[str, Any]:
    return read_template(DATA_TEMPLATE)
