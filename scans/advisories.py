"""Known vulnerabilities of what is locked, as pip-audit hears of them from the package index.

Without the index there is no answer, and an answer for some packages alone is none for the others: both are told
apart from "none known", which pip-audit does not do by its exit status.
"""

import json
import re
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scans.findings import Finding, ScanError
from scans.tools import ROOT, Tools

LOCKS = [ROOT / "requirements-dev.txt", ROOT / "requirements-tools.txt"]
"""What is deployed is in the first as well."""

SECONDS = 120
"""For one lock; an index that answers takes a few."""

_FOUND = 1
_UNREACHABLE = re.compile(
    r"ConnectionError|ConnectTimeout|ReadTimeout|ProxyError|SSLError|ServiceError|ChunkedEncodingError"
    r"|network may be blocking"
)

Ask = Callable[[Path], str]


@dataclass(frozen=True)
class Audit:
    """``unknown`` names the packages of which nothing could be learnt, and why."""

    findings: Sequence[Finding]
    unknown: Sequence[str]
    asked: int


def ask_pip_audit(tools: Tools, lock: Path) -> str:
    """pip-audit's JSON. Raises as Tools.run does."""
    options = ["--disable-pip", "--require-hashes", "--format", "json", "--aliases", "on", "--desc", "off"]
    bounds = ["--timeout", "10", "--progress-spinner", "off"]
    return tools.run("pip-audit", "-r", str(lock), *options, *bounds, accept=[_FOUND], seconds=SECONDS)


def audit(lock: Path, ask: Ask) -> Audit:
    """Ask about every package of a lock file. Raises ScanError for what is neither an answer nor a lack of network."""
    packages = re.findall(r"^([\w.-]+)==", lock.read_text(encoding="utf-8"), re.MULTILINE)
    try:
        printed = ask(lock)
    except subprocess.TimeoutExpired:
        return Audit([], [f"all of {lock.name}: no answer within {SECONDS} seconds"], len(packages))
    except ScanError as error:
        if _UNREACHABLE.search(str(error)) is None:
            raise
        return Audit([], [f"all of {lock.name}: {str(error).splitlines()[-1]}"], len(packages))
    return _read(printed, len(packages))


def _read(printed: str, asked: int) -> Audit:
    dependencies = json.loads(printed)["dependencies"]
    return Audit(
        findings=[
            Finding(
                rule=vulnerability["id"],
                where=dependency["name"],
                text=f"{dependency['version']}; mended in {_mended(vulnerability)}",
                names=tuple(vulnerability["aliases"]),
            )
            for dependency in dependencies
            for vulnerability in dependency.get("vulns", [])
        ],
        unknown=[dependency["name"] for dependency in dependencies if "skip_reason" in dependency],
        asked=asked,
    )


def _mended(vulnerability: dict[str, Any]) -> str:
    return ", ".join(vulnerability["fix_versions"]) or "no version yet"
