"""Packages for Graviton: every function and the layer are for it, down to the machine code in the layer."""

import json
import shutil
import struct
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from infra.errors import PackagingError
from infra.packaging import ROOT, Package, package
from tests.infra.templates import of_type

AARCH64 = 183
"""The machine in an ELF header (``e_machine``)."""

OLDEST = (3, 12)
"""The first Python whose Lambda runtime (Amazon Linux 2023, glibc 2.34) psycopg's wheels for aarch64 run on."""


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The application, with the stage dev on arm64."""
    copy = tmp_path_factory.mktemp("sources")
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, copy)
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(ROOT / name, copy / name, ignore=shutil.ignore_patterns("__pycache__", "deployed"))
    configuration = copy / ".chalice" / "config.json"
    contents = json.loads(configuration.read_text(encoding="utf-8"))
    contents["stages"]["dev"]["lambda_architecture"] = "arm64"
    configuration.write_text(json.dumps(contents), encoding="utf-8")
    return copy


@pytest.fixture(scope="session")
def index(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A package index within reach."""
    (pinned,) = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line.startswith("idna==")]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--retries", "1", "--dest"]
    destination = str(tmp_path_factory.mktemp("index"))
    if subprocess.run([*command, destination, pinned.split()[0]], capture_output=True, check=False).returncode != 0:
        pytest.skip("no package index can be reached: what the layer holds is not tested")


def machines(package: Package) -> dict[str, int]:
    with zipfile.ZipFile(package.layer) as archive:
        libraries = [name for name in archive.namelist() if ".so" in Path(name).suffixes]
        return {name: struct.unpack("<H", archive.read(name)[18:20])[0] for name in libraries}


def test_stages_are_for_the_machine_that_tests_run_on_unless_they_say_otherwise(app: dict[str, Any]) -> None:
    functions = of_type(app, "AWS::Serverless::Function").values()
    assert {tuple(function["Architectures"]) for function in functions} == {("x86_64",)}


def test_every_function_is_for_arm64(sources: Path, tmp_path: Path) -> None:
    packaged = package("dev", tmp_path / "dev", dependencies=False, sources=sources)
    template = json.loads(packaged.template.read_text(encoding="utf-8"))

    functions = of_type(template, "AWS::Serverless::Function").values()
    assert {tuple(function["Architectures"]) for function in functions} == {("arm64",)}


@pytest.mark.usefixtures("index")
@pytest.mark.skipif(sys.version_info < OLDEST, reason="psycopg has no wheel for this Python's runtime on arm64")
def test_the_layer_is_for_arm64(sources: Path, tmp_path: Path) -> None:
    packaged = package("dev", tmp_path / "dev", sources=sources)
    template = json.loads(packaged.template.read_text(encoding="utf-8"))

    (layer,) = of_type(template, "AWS::Serverless::LayerVersion").values()
    assert layer["CompatibleArchitectures"] == ["arm64"]
    found = machines(packaged)
    assert set(found.values()) == {AARCH64}
    assert any("psycopg_binary" in name for name in found)


@pytest.mark.usefixtures("index")
@pytest.mark.skipif(
    sys.version_info >= OLDEST, reason="every dependency has a wheel for this Python's runtime on arm64"
)
def test_what_has_no_wheel_is_named_instead_of_left_out(sources: Path, tmp_path: Path) -> None:
    with pytest.raises(PackagingError, match=r"(?s)psycopg-binary==.*lambda_architecture"):
        package("dev", tmp_path / "dev", sources=sources)
