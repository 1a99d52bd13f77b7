"""The layer's packages: installed for Lambda's machine and Python from wheels, each with a hash in requirements.txt.

Chalice would download for the machine it runs on, and then, without looking at hashes, whatever Lambda needs instead:
everything compiled, when packaging on macOS or for arm64. It would build what has no wheel, and warn and go on where
even that fails. So pip fills `vendor`, which Chalice packs as it is, and Chalice gets no requirements.
"""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Literal

from infra.errors import DependencyError

Architecture = Literal["x86_64", "arm64"]

_MACHINES: dict[Architecture, str] = {"x86_64": "x86_64", "arm64": "aarch64"}


def install(requirements: Path, destination: Path, architecture: Architecture = "x86_64") -> None:
    """Install a lock for the Lambda runtime of this Python, which is the one Chalice chooses. Raises DependencyError.

    pip reads environment markers for the machine it runs on: ours tell Windows and PyPy from the rest alone.
    """
    platforms = [f"--platform={tag}" for tag in _platforms(_MACHINES[architecture])]
    options = ["--require-hashes", "--no-deps", "--only-binary=:all:", "--no-compile", f"--target={destination}"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input", "--root-user-action=ignore"]
    command = [sys.executable, "-m", "pip", "install", *quiet, *options, *platforms, "-r", str(requirements)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    if result.returncode != 0:
        python = f"Python {sys.version_info.major}.{sys.version_info.minor}"
        raise DependencyError(
            f"The dependencies cannot be packaged for {architecture} and {python}:\n{result.stderr.strip()}\n"
            "Package with another Python, change lambda_architecture in .chalice/config.json, or lock another version."
        )
    # Scripts, which nothing calls, name the Python of this machine; records name the scripts' hashes.
    shutil.rmtree(destination / "bin", ignore_errors=True)
    for record in destination.glob("*.dist-info/RECORD"):
        record.unlink()


def _platforms(machine: str) -> list[str]:
    """What runs on the runtime's glibc: Amazon Linux 2023 (2.34) from Python 3.12 on, Amazon Linux 2 (2.26) before."""
    newest = 34 if sys.version_info >= (3, 12) else 26
    return [f"manylinux_2_{minor}_{machine}" for minor in range(newest, 16, -1)] + [f"manylinux2014_{machine}"]
