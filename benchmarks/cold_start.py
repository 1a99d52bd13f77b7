"""Cold start: from the start of a process until a handler is imported and its clients are built.

Fresh processes run one after the other, in turns, each with nothing on its path but an unpacked package and a stand-in
for Lambda's runtime (boto3 and what it needs, with bytecode). None writes bytecode, as none can on Lambda, where the
package is read-only. No connection is opened.
"""

import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from statistics import median

import click

from benchmarks.packages import Packages
from benchmarks.report import NotMeasuredError, Row, Section, Target

_ENVIRONMENT = {
    "STAGE": "dev",
    "WEBHOOK_EVENTS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/webhook-events",
    "WEBHOOK_BODIES_BUCKET": "frontdesk-dev-webhook-bodies-123456789012",
    "BANK_URL": "https://bank.example.com",
    "BANK_API_KEY_PARAMETER": "/frontdesk/dev/bank-api-key",
    "CALLS_TABLE": "frontdesk-dev-calls",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}

_API = "import app; from chalicelib import wiring; wiring.intake()"
_PROCESSING = "import app; from chalicelib import wiring; wiring.processor()"

_CODEHOOK = "import app; from chalicelib import wiring; wiring.codehook()"

_TARGET = Target("ratio", "at most", 0.7)
_CODEHOOK_TARGET = Target("ratio", "at most", 0.6)


def measure(packages: Packages, *, quick: bool) -> Section:
    """Median start in milliseconds of each function, Frontdesk's and several forms of the plain design's."""
    frontdesk = [packages.application, packages.layer, packages.runtime]
    plain, precompiled = ([tree, packages.runtime] for tree in (packages.plain, packages.plain_precompiled))
    starts: dict[str, tuple[list[Path], str]] = {
        "api_handler": (frontdesk, _API),
        "process_webhooks": (frontdesk, _PROCESSING),
        "lex_codehook": (frontdesk, _CODEHOOK),
        "plain": (plain, "import plain.everything"),
        "plain, with bytecode": (precompiled, "import plain.everything"),
        "plain validator": (plain, "import plain.validator"),
        "plain processor": (plain, "import plain.processor"),
    }
    taken = _take_turns(starts, 2 if quick else 15)
    rows = [
        Row(f"{handler} {beside}".rstrip(), "ms", taken[handler], taken[baseline], target)
        for beside, baselines, target in (
            ("", ("plain", "plain"), _TARGET),
            ("(plain: bytecode added)", ("plain, with bytecode", "plain, with bytecode"), None),
            ("(plain: each function imports its own needs)", ("plain validator", "plain processor"), None),
        )
        for handler, baseline in zip(("api_handler", "process_webhooks"), baselines, strict=True)
    ]
    rows.insert(2, Row("lex_codehook", "ms", taken["lex_codehook"], taken["plain"], _CODEHOOK_TARGET))
    notes = (
        "Wall time of fresh processes, started in turns, median; the files are in the page cache.",
        "Frontdesk: app.py imported, the function's clients built (api_handler two, the others one).",
        "Plain: one module imports chalice, Powertools, boto3, psycopg and requests; two clients, no bytecode.",
        "For information: the same with bytecode; and without, but a module with one client for each function.",
    )
    return Section("cold start", rows, notes)


def _take_turns(starts: Mapping[str, tuple[list[Path], str]], rounds: int) -> dict[str, float]:
    taken: dict[str, list[float]] = {name: [] for name in starts}
    with click.progressbar(range(-1, rounds), label="cold start", file=sys.stderr) as turns:
        for turn in turns:
            for name, (path, code) in starts.items():
                milliseconds = _start(path, code)
                if turn >= 0:  # the round before fills the page cache
                    taken[name].append(milliseconds)
    return {name: median(durations) for name, durations in taken.items()}


def _start(path: list[Path], code: str) -> float:
    """Milliseconds until a process has run ``code`` with only ``path`` and the standard library to import from."""
    program = f"import sys; sys.path[:0] = {[str(folder) for folder in path]!r}; {code}; print('ready', flush=True)"
    started = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env=_ENVIRONMENT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        answer = process.stdout.readline()
        milliseconds = (time.perf_counter() - started) * 1000
        _, errors = process.communicate()
    if answer != "ready\n":
        raise NotMeasuredError(f"a process could not be started:\n{errors.strip()}")
    return milliseconds
