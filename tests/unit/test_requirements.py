"""The locks: every version pinned, every file hashed, and nothing deployed that the runtime has already."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from localcloud.layout import ROOT

PAIRS = {
    name: name.replace(".in", ".txt") for name in ("requirements.in", "requirements-dev.in", "requirements-tools.in")
}

CHOSEN = re.compile(r"(?P<name>[\w.-]+)(?:\[[\w,]+\])?==(?P<version>[\w.]+)(?: +# .+)?")
LOCKED = re.compile(r"(?P<name>[a-z0-9.-]+)==(?P<version>[\w.]+)(?: ; (?P<marker>[^\\;]+))? \\")
HASH = re.compile(r" {4}--hash=sha256:[0-9a-f]{64}(?: \\)?")

RUNTIME = {"boto3", "botocore", "dateutil"}
"""What Lambda's Python has: boto3, and what that needs."""


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def lines(name: str) -> list[str]:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()


def locked(name: str) -> dict[tuple[str, str], list[str]]:
    """The hashes of every name and version of a lock."""
    found: dict[tuple[str, str], list[str]] = {}
    for line in lines(name):
        if match := LOCKED.fullmatch(line):
            hashes = found[match["name"], match["version"]] = []
        elif HASH.fullmatch(line):
            hashes.append(line.split(":")[1].removesuffix(" \\"))
    return found


def chosen(name: str) -> set[tuple[str, str]]:
    matches = (CHOSEN.fullmatch(line) for line in lines(name))
    return {(canonical(match["name"]), match["version"]) for match in matches if match}


@pytest.mark.parametrize("name", PAIRS)
def test_what_we_choose_is_pinned(name: str) -> None:
    other = [line for line in lines(name) if line and not line.startswith("#") and not CHOSEN.fullmatch(line)]

    assert other == (["-r requirements.in"] if name == "requirements-dev.in" else [])
    assert chosen(name)


@pytest.mark.parametrize("name", PAIRS.values())
def test_locks_hold_names_versions_and_hashes_alone(name: str) -> None:
    """The scan for secrets leaves them out, and no address of an index belongs in them."""
    other = [line for line in lines(name) if not LOCKED.fullmatch(line) and not HASH.fullmatch(line)]

    assert [line for line in other if not re.fullmatch(r" *# [\w ,./:\[\]-]*", line)] == []
    assert "://" not in "".join(other)


@pytest.mark.parametrize("name", PAIRS.values())
def test_every_version_has_hashes(name: str) -> None:
    assert [key for key, hashes in locked(name).items() if not hashes] == []


@pytest.mark.parametrize(("source", "lock"), PAIRS.items())
def test_locks_hold_what_we_chose(source: str, lock: str) -> None:
    """Otherwise somebody forgot `make lock`."""
    assert chosen(source) - locked(lock).keys() == set()


def test_the_development_environment_has_what_is_deployed() -> None:
    deployed, development = locked("requirements.txt"), locked("requirements-dev.txt")

    assert deployed.items() <= development.items()


def test_the_lambda_runtime_brings_boto_and_the_package_chalice() -> None:
    assert {name for name, _ in locked("requirements.txt")} & {"boto3", "botocore", "s3transfer", "chalice"} == set()


def test_boto_is_the_local_clouds() -> None:
    development = dict(locked("requirements-dev.txt").keys())

    assert development["boto3"] == development["botocore"]


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names.add(node.module.split(".")[0])
    return names - sys.stdlib_module_names - {"chalicelib"}


def test_functions_import_only_what_they_have() -> None:
    distributions = packages_distributions()
    deployed = {name for name, _ in locked("requirements.txt")}
    used = set().union(*(imported(path) for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]))

    brought = {name for name in used if deployed & {canonical(each) for each in distributions.get(name, [])}}

    assert used - brought - RUNTIME == {"chalice"}


def test_what_we_chose_to_deploy_is_imported() -> None:
    """What nobody imports need not be deployed."""
    distributions = packages_distributions()
    used = set().union(*(imported(path) for path in [ROOT / "app.py", *(ROOT / "chalicelib").rglob("*.py")]))
    brought = {canonical(each) for name in used for each in distributions.get(name, [])}

    assert {name for name, _ in chosen("requirements.in")} - brought == set()
