"""Starting and ending the programs of the local cloud."""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

_CHILD = Path(__file__).with_name("child.py")
_LOOPBACK = "127.0.0.1"


class StartError(Exception):
    """A part of the local cloud cannot be started; the message says what to do about it."""


def raise_file_limit(wanted: int = 65_536) -> None:
    """Let this process and what it starts have many files: each socket of a client needs four of them."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    possible = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < possible:
        with contextlib.suppress(ValueError, OSError):  # macOS may allow less than it says
            resource.setrlimit(resource.RLIMIT_NOFILE, (possible, hard))


def free_port(preferred: int | None = None) -> int:
    """A port of 127.0.0.1 that nobody listens on: the preferred one if possible."""
    for port in (preferred or 0, 0):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((_LOOPBACK, port))
            except OSError:
                continue
            return int(probe.getsockname()[1])
    raise StartError("There is no free port on 127.0.0.1.")


def clean_environment(additions: Mapping[str, str], *, temporary: Path) -> dict[str, str]:
    """An environment without AWS settings, proxies and settings of Frontdesk's of the user's shell.

    Temporary files of the program lie in ``temporary``.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "PG", "PYTHON", "POWERTOOLS_", "MINISTACK", "LAMBDA_", "ENVIRONMENT_FILE"))
        and not name.lower().endswith("_proxy")
    }
    return {**kept, "TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1", **additions}


def spawn(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    on_parent_death: signal.Signals,
    output: IO[bytes] | int,
    unprivileged: bool = False,
    directory: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start a program in a process group of its own, out of reach of the terminal's Ctrl-C.

    It is tied to the *thread* that calls this: call it from the main one.
    """
    options = ["--unprivileged"] if unprivileged else []
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(_CHILD), str(int(on_parent_death)), *options, *command],
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        cwd=directory,
    )


def unprivileged_user() -> int:
    """The user id that an unprivileged child has in its own eyes."""
    report = [sys.executable, "-I", "-S", "-c", "import os; print(os.geteuid())"]
    command = [sys.executable, "-I", "-S", str(_CHILD), str(int(signal.SIGKILL)), "--unprivileged", *report]
    return int(subprocess.run(command, capture_output=True, check=True).stdout)


def wait_for_url(process: subprocess.Popen[bytes], url: str, complaint: str, patience: float) -> None:
    """Return once a program answers at ``url``; ``StartError`` with the complaint when it ends or takes too long."""
    deadline = time.monotonic() + patience
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    while True:
        try:
            opener.open(url, timeout=2).close()
            return
        except OSError as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(complaint) from error
        time.sleep(0.03)


def end(process: subprocess.Popen[bytes], how: signal.Signals, *, patience: float) -> None:
    """Ask a program to end, wait ``patience`` seconds, then kill whatever is left of its process group."""
    if process.poll() is None:
        process.send_signal(how)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
