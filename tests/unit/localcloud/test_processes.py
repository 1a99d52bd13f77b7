"""What the programs of the local cloud get of the shell that started them."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from localcloud.processes import clean_environment

FOREIGN = {"ENVIRONMENT_FILE": "/tmp/other.json", "AWS_PROFILE": "work", "https_proxy": "http://proxy.example:1"}  # noqa: S108


@pytest.fixture
def shell() -> Iterator[None]:
    kept = dict(os.environ)
    os.environ |= FOREIGN
    yield
    os.environ.clear()
    os.environ.update(kept)


@pytest.mark.usefixtures("shell")
def test_another_cloud_s_settings_stay_outside(tmp_path: Path) -> None:
    given = clean_environment({"STAGE": "local"}, temporary=tmp_path)

    assert given.keys().isdisjoint(FOREIGN)
    assert (given["STAGE"], given["TMPDIR"], given["PATH"]) == ("local", str(tmp_path), os.environ["PATH"])
