"""What pip-audit says, and what it means. Its words are those of pip-audit 2.10.1."""

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from scans.__main__ import main
from scans.advisories import LOCKS, SECONDS, Audit, audit
from scans.findings import Finding, ScanError

CLEAN = {"name": "idna", "version": "3.20", "vulns": []}
VULNERABLE = {
    "name": "requests",
    "version": "2.34.2",
    "vulns": [{"id": "PYSEC-2027-1", "fix_versions": ["2.34.3", "2.35.0"], "aliases": ["CVE-2027-1"]}],
}
UNMENDED = {"name": "ecdsa", "version": "0.19.2", "vulns": [{"id": "PYSEC-1", "fix_versions": [], "aliases": []}]}
NOT_FOUND = {"name": "idna", "skip_reason": "Dependency not found on PyPI and could not be audited: idna (3.20)"}

FOUND = Finding("PYSEC-2027-1", "requests", "2.34.2; mended in 2.34.3, 2.35.0", names=("CVE-2027-1",))


@pytest.fixture
def lock(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(
        "idna==3.20 \\\n    --hash=sha256:00\nrequests==2.34.2 \\\n    --hash=sha256:00\n", encoding="utf-8"
    )
    return file


def printed(*dependencies: dict[str, Any]) -> str:
    return json.dumps({"dependencies": dependencies, "fixes": []})


def answer(*dependencies: dict[str, Any]) -> Audit:
    return audit(LOCKS[0], lambda _: printed(*dependencies))


def test_what_is_known_is_found_with_what_mends_it() -> None:
    assert answer(CLEAN, VULNERABLE).findings == [FOUND]
    assert [finding.text for finding in answer(UNMENDED).findings] == ["0.19.2; mended in no version yet"]


def test_nothing_known_is_an_answer(lock: Path) -> None:
    assert audit(lock, lambda _: printed(CLEAN)) == Audit([], [], asked=2)


def test_packages_of_which_the_index_does_not_know_are_not_audited() -> None:
    """A mirror answers so for every one; pip-audit itself says: no known vulnerabilities found."""
    audited = answer(NOT_FOUND, VULNERABLE)

    assert (audited.findings, audited.unknown) == ([FOUND], ["idna"])


def failing(error: Exception) -> Audit:
    def fail(_: Path) -> str:
        raise error

    return audit(LOCKS[0], fail)


@pytest.mark.parametrize(
    "last_words",
    [
        "requests.exceptions.ConnectionError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded",
        "requests.exceptions.ProxyError: HTTPSConnectionPool(host='index', port=443): Max retries exceeded",
        "requests.exceptions.ReadTimeout: HTTPSConnectionPool(host='index', port=443): Read timed out.",
        "ERROR:pip_audit._cli:Tip: your network may be blocking this service. Try another service with `-s SERVICE`",
        "pip_audit._service.interface.ServiceError",
    ],
)
def test_without_an_index_nothing_is_known(last_words: str) -> None:
    audited = failing(ScanError(f"pip-audit ended with status 1:\nTraceback\n{last_words}"))

    assert audited.findings == []
    assert audited.unknown == [f"all of requirements-dev.txt: {last_words}"]


def test_an_index_that_does_not_answer_is_not_waited_for() -> None:
    audited = failing(subprocess.TimeoutExpired("pip-audit", SECONDS))

    assert audited.unknown == [f"all of requirements-dev.txt: no answer within {SECONDS} seconds"]


def test_every_other_failure_is_one() -> None:
    with pytest.raises(ScanError, match="does not contain a hash"):
        failing(ScanError("pip-audit ended with status 1:\nrequirement idna==3.20 does not contain a hash"))


def command(directory: Path, printed: str, status: int) -> Result:
    """`make audit` with a pip-audit that prints this."""
    program = directory / "bin" / "pip-audit"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ncat <<'END'\n{printed}\nEND\nexit {status}\n", encoding="utf-8")
    program.chmod(0o755)
    return CliRunner().invoke(main, ["--tools", str(directory), "advisories"])


def test_the_audit_fails_for_a_vulnerability_and_says_what_to_do(tmp_path: Path) -> None:
    result = command(tmp_path, printed(CLEAN, VULNERABLE), status=1)

    assert result.exit_code == 1
    assert "requests 2.34.2; mended in 2.34.3, 2.35.0  PYSEC-2027-1, CVE-2027-1" in result.output
    assert "run `make lock`" in result.output


def test_the_audit_passes_where_nothing_is_known(tmp_path: Path) -> None:
    result = command(tmp_path, printed(CLEAN), status=0)

    assert result.exit_code == 0
    assert "SKIPPED" not in result.output


def test_the_audit_passes_loudly_where_nothing_could_be_asked(tmp_path: Path) -> None:
    result = command(tmp_path, printed(NOT_FOUND), status=0)

    assert result.exit_code == 0
    assert all(f"SKIPPED: {lock.name} is NOT audited" in result.output for lock in LOCKS)
    assert "nothing found" not in result.output


def test_the_audit_fails_for_a_vulnerability_beside_what_could_not_be_asked(tmp_path: Path) -> None:
    assert command(tmp_path, printed(NOT_FOUND, VULNERABLE), status=1).exit_code == 1


def test_the_audit_fails_where_pip_audit_does(tmp_path: Path) -> None:
    result = command(tmp_path, "", status=1)

    assert result.exit_code == 1
    assert "pip-audit ended with status 1" in result.output


def test_without_the_scanners_it_says_how_to_get_them(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--tools", str(tmp_path), "advisories"])

    assert result.exit_code == 1
    assert "`make check` sets up the scanners' environment" in result.output
