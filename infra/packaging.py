"""Packaging: the application's zip, its layer and its template, made by Chalice from a staging copy.

The working tree is never touched. Every module ships with its bytecode, compiled for the Python that runs this (which
is also the runtime Chalice chooses), since Lambda would otherwise compile all of them at each cold start.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from infra import alias, bot, seeing, sockets, telemetry
from infra.dependencies import Architecture, install
from infra.errors import PackagingError
from infra.folders import PACKAGE, Mark, check_replaceable
from infra.languages import LanguageError, read_languages

ROOT = Path(__file__).parent.parent
DATA_TEMPLATE = ROOT / "infra" / "data.yaml"
APP_TEMPLATE = ROOT / "infra" / "app.yaml"

_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time a zip can hold: equal sources make equal zips
POLICY_FILE = "made-by-python-m-infra.json"
_ARCHITECTURE = "lambda_architecture"
_CHALICE = [sys.executable, "-c", "import sys; from chalice.cli import main; sys.exit(main())"]


@dataclass(frozen=True)
class Package:
    """What packaging writes, in one folder. ``layer`` is absent when packaged without dependencies."""

    directory: Path

    @property
    def template(self) -> Path:
        return self.directory / "template.json"

    @property
    def application(self) -> Path:
        return self.directory / "deployment.zip"

    @property
    def layer(self) -> Path:
        return self.directory / "layer-deployment.zip"


def package(stage: str, directory: Path, *, dependencies: bool = True, sources: Path = ROOT) -> Package:
    """Package a stage of ``sources`` into ``directory``, which is replaced once that has succeeded.

    ``PackagingError`` where that is a folder with other contents than a package. Without ``dependencies`` there is no
    layer and no network is needed: for a runtime that has them already.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="package-", dir=directory.parent) as temporary:
        staging, result = Path(temporary) / "frontdesk", Package(Path(temporary) / "result")
        copy_sources(staging, sources)
        if dependencies:
            install(sources / "requirements.txt", staging / "vendor", _architecture(stage, sources))
        _run_chalice(staging, stage, result.directory)
        _write_template(result.directory / "sam.yaml", result.template)
        for archive in (result.application, result.layer):
            if archive.exists():
                precompile(archive)
        Mark.of(PACKAGE, stage, sources).write(result.directory)
        _check_replaceable(directory)
        if directory.exists():
            shutil.rmtree(directory)
        result.directory.rename(directory)
    return Package(directory)


def _check_replaceable(directory: Path) -> None:
    check_replaceable(directory, PACKAGE, list(directory.iterdir()) if directory.is_dir() else [])


def application_zip(package: Package, destination: Path) -> None:
    """A new application zip from the present sources and the Chalice runtime of ``package``, without asking Chalice."""
    with tempfile.TemporaryDirectory(prefix="code-", dir=destination.parent) as temporary:
        tree = Path(temporary)
        with zipfile.ZipFile(package.application) as archive:
            archive.extractall(tree, [name for name in archive.namelist() if name.startswith("chalice/")])
        shutil.copy(ROOT / "app.py", tree)
        shutil.copytree(ROOT / "chalicelib", tree / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
        compile_tree(tree)
        _zip(tree, destination)


def self_contained_zip(package: Package, destination: Path) -> None:
    """The application with its dependencies in one zip: for a function whose layer is still an older one."""
    with tempfile.TemporaryDirectory(prefix="whole-", dir=destination.parent) as temporary:
        tree, layer = Path(temporary) / "application", Path(temporary) / "layer"
        with zipfile.ZipFile(package.application) as archive:
            archive.extractall(tree)
        if package.layer.exists():
            with zipfile.ZipFile(package.layer) as archive:
                archive.extractall(layer)
            for packages in layer.glob("python/lib/*/site-packages"):
                shutil.copytree(packages, tree, dirs_exist_ok=True)
        _zip(tree, destination)


def precompile(archive: Path) -> None:
    """Rewrite a zip so that each module stands beside its bytecode."""
    with tempfile.TemporaryDirectory(prefix="bytecode-", dir=archive.parent) as temporary:
        tree = Path(temporary)
        with zipfile.ZipFile(archive) as source:
            source.extractall(tree)
        compile_tree(tree)
        _zip(tree, archive)


def copy_sources(staging: Path, sources: Path = ROOT) -> None:
    """Make ``staging`` a copy of the application as Chalice wants it, without its dependencies."""
    ignored = shutil.ignore_patterns("__pycache__", "deployments", "deployed")
    for name in ("chalicelib", ".chalice"):
        shutil.copytree(sources / name, staging / name, ignore=ignored, dirs_exist_ok=True)
    shutil.copy(sources / "app.py", staging)
    (staging / "requirements.txt").touch()  # Chalice installs nothing: what it finds in vendor, it packs
    # Chalice wants a policy, which infra/app.yaml then replaces, or the project of infra/chalice_project.py. In the
    # repository the file is missing, so that `chalice deploy` there deploys nothing.
    (staging / ".chalice" / POLICY_FILE).write_text('{"Version": "2012-10-17", "Statement": []}\n', encoding="utf-8")


def _architecture(stage: str, sources: Path) -> Architecture:
    """The machine of a stage's functions, as Chalice reads it."""
    configuration = json.loads((sources / ".chalice" / "config.json").read_text(encoding="utf-8"))
    found: Architecture = configuration["stages"].get(stage, {}).get(_ARCHITECTURE) or "x86_64"
    return found


def _run_chalice(staging: Path, stage: str, directory: Path) -> None:
    command = [*_CHALICE, "package", "--stage", stage, "--merge-template", str(APP_TEMPLATE), str(directory.resolve())]
    # Packaging calls no AWS service, yet Chalice wants a region.
    environment = {"AWS_DEFAULT_REGION": "us-east-1"} | os.environ
    result = subprocess.run(command, cwd=staging, env=environment, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        output = (result.stdout + result.stderr).replace(f"{staging}{os.sep}", "").strip()
        raise PackagingError(f"chalice package failed: {output.splitlines()[-1]}\n{output}")


def _write_template(merged: Path, template: Path) -> None:
    """Chalice answers a YAML merge template with YAML full of anchors, which CloudFormation refuses; JSON has none.

    It is written without spaces, since CloudFormation takes a megabyte and the bot has many small parts.
    """
    contents = yaml.safe_load(merged.read_text(encoding="utf-8"))
    _add_bot(contents)
    alias.route(contents)
    sockets.name_deployments(contents)
    telemetry.add(contents)
    contents["Resources"] |= seeing.resources()
    contents["Outputs"] |= seeing.OUTPUTS
    template.write_text(json.dumps(contents, separators=(",", ":")) + "\n", encoding="utf-8")
    merged.unlink()


def _add_bot(contents: dict[str, Any]) -> None:
    try:
        contents["Resources"] |= bot.resources(read_languages())
    except LanguageError as error:
        raise PackagingError(str(error)) from error
    contents["Outputs"] |= bot.OUTPUTS


def compile_tree(tree: Path) -> None:
    """Put bytecode beside every module that is never checked against its source.

    In a process of its own: bytecode notes which constants the compiling process shares with other modules.
    """
    command = [sys.executable, "-P", "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
    environment = os.environ | {"PYTHONHASHSEED": "0"}
    subprocess.run([*command, "-s", str(tree), str(tree)], env=environment, capture_output=True, check=False)


def _zip(tree: Path, archive: Path) -> None:
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as target:
        for path in sorted(path for path in tree.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(str(path.relative_to(tree)), _EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.external_attr = 0o755 << 16 if os.access(path, os.X_OK) else 0o644 << 16
            target.writestr(entry, path.read_bytes())
