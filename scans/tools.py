"""Runs the scanners, which live in an environment of their own (requirements-tools.in)."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from scans.findings import ScanError

ROOT = Path(__file__).parent.parent
ENVIRONMENT = ROOT / ".venv-tools"


@dataclass(frozen=True)
class Tools:
    """The environment in whose ``bin`` the scanners are."""

    environment: Path = ENVIRONMENT

    def run(
        self,
        name: str,
        *arguments: str,
        accept: Sequence[int] = (),
        directory: Path = ROOT,
        seconds: float | None = None,
    ) -> str:
        """What a scanner prints; ScanError, with all it said, if it is missing or fails.

        ``accept`` are the statuses by which it says that it found something. They count along with something printed
        alone, since a crash ends with the same ones. Raises subprocess.TimeoutExpired after ``seconds``.
        """
        program = self.environment / "bin" / name
        if not program.exists():
            raise ScanError(f"{program} is missing: `make check` sets up the scanners' environment")
        command = [str(program), *arguments]
        result = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=seconds)
        if result.returncode != 0 and not (result.returncode in accept and result.stdout.strip()):
            said = (result.stdout + result.stderr).strip()
            raise ScanError(f"{name} ended with status {result.returncode}:\n{said}")
        return result.stdout
