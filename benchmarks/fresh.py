"""Fresh processes: each with nothing to import from but some folders and the standard library, as on Lambda.

None writes bytecode, as none can there, where the package is read-only.
"""

import json
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.report import NotMeasuredError

ENVIRONMENT = {
    "STAGE": "dev",
    "WEBHOOK_EVENTS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/webhook-events",
    "WEBHOOK_BODIES_BUCKET": "frontdesk-dev-bodies-123456789012-eu-central-1",
    "BANK_URL": "https://bank.example.com",
    "BANK_API_KEY_PARAMETER": "/frontdesk/dev/bank-api-key",
    "CALLS_TABLE": "frontdesk-dev-calls",
    "SESSIONS_TABLE": "frontdesk-dev-sessions",
    "WEBSOCKET_URL": "wss://chat.example.com",
    "CONNECTIONS_URL": "https://connections.example.com/api",
    "CHAT_MESSAGES_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/chat-messages.fifo",
    "FAILED_TURNS_QUEUE_URL": "https://sqs.us-east-1.amazonaws.com/123456789012/failed-turns",
    "MODEL_ID": "model",
    "MODEL_DAILY_TOKENS": "1000000000",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "benchmark",
    "AWS_SECRET_ACCESS_KEY": "benchmark",
    "AWS_CONFIG_FILE": "/nonexistent",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent",
}


@dataclass(frozen=True)
class Run:
    """One process: when it was started, by ``time.time``, after how many milliseconds it reported, and what."""

    started: float
    milliseconds: float
    reported: Any


def run(path: Sequence[Path], code: str, environment: Mapping[str, str] | None = None) -> Run:
    """Run ``code`` in a new process, which may import from ``path``, until it calls ``report`` with a JSON value."""
    program = (
        f"import sys, time; began = time.time(); sys.path[:0] = {[str(folder) for folder in path]!r}\n"
        "def report(value=None):\n    import json\n    print('ready', json.dumps(value), flush=True)\n"
        f"{code}"
    )
    at, started = time.time(), time.perf_counter()
    with subprocess.Popen(
        [sys.executable, "-I", "-S", "-B", "-c", program],
        env=ENVIRONMENT | dict(environment or {}),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        answer = next((line for line in process.stdout if line.startswith("ready ")), "")
        milliseconds = (time.perf_counter() - started) * 1000
        _, errors = process.communicate()
    if not answer:
        raise NotMeasuredError(f"a process could not be started:\n{errors.strip()}")
    return Run(at, milliseconds, json.loads(answer.removeprefix("ready ")))
