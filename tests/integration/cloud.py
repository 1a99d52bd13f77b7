"""A local cloud as its user has it, and how tests wait for what it does."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import psycopg
import requests

from localcloud.deployment import read_webhook_secrets
from localcloud.layout import ROOT, Endpoints, Layout
from localcloud.ministack import client
from localcloud.samples import Event, sign

T = TypeVar("T")

STAGE_PREFIX = "frontdesk-local-"


def eventually(what: Callable[[], T], *, seconds: float = 45.0) -> T:
    """The first result of ``what`` that counts as true; fails with the last one otherwise.

    The usual wait outlasts all three receives of a message on the local cloud, for a machine that is busy.
    """
    deadline = time.monotonic() + seconds
    while not (result := what()):
        assert time.monotonic() < deadline, f"still {result!r} after {seconds} seconds"
        time.sleep(0.05)
    return result


@dataclass
class Cloud:
    """Started by the command, and seen through its addresses."""

    layout: Layout
    process: subprocess.Popen[bytes]
    output: Path
    _secrets: dict[str, list[str]] | None = None

    @property
    def endpoints(self) -> Endpoints:
        return self.layout.endpoints()

    @property
    def client(self) -> Callable[[str], Any]:
        return partial(client, url=self.endpoints.aws_endpoint_url)

    @property
    def secrets(self) -> dict[str, list[str]]:
        if self._secrets is None:
            self._secrets = read_webhook_secrets(self.client)
        return self._secrets

    def command(self, *arguments: str, check: bool = True, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run a command of ``python -m localcloud`` against it."""
        command = [sys.executable, "-m", "localcloud", "--directory", str(self.layout.directory), *arguments]
        result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60, **options)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    def infra(
        self, *arguments: str, root: Path = ROOT, environment: Mapping[str, str] = MappingProxyType({})
    ) -> subprocess.CompletedProcess[str]:
        """Run a command of ``python -m infra`` of the project at ``root``, with this as its target."""
        command = [sys.executable, "-m", "infra", *arguments, "--directory", str(self.layout.directory)]
        return subprocess.run(
            command,
            cwd=root,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=170,
        )

    def post(self, source: str, body: bytes, headers: dict[str, str], query: str = "") -> requests.Response:
        return requests.post(self.url(source) + query, data=body, headers=headers, timeout=30)

    def url(self, source: str) -> str:
        return f"{self.endpoints.http}/webhooks/{source}"

    def sign(self, source: str, event: Event, secret: str | None = None) -> dict[str, str]:
        """The headers with which its provider would deliver an event."""
        return dict(sign(source, event, secret or self.secrets[source][0], time.time(), self.url(source)))

    def deliver(self, source: str, event: Event, secret: str | None = None) -> requests.Response:
        """Deliver an event as its provider would."""
        return self.post(source, event.body, self.sign(source, event, secret), event.query)

    def query(self, statement: str, *parameters: Any) -> list[tuple[Any, ...]]:
        """Rows from the local cloud's PostgreSQL."""
        with psycopg.connect(self.endpoints.postgres_dsn, autocommit=True) as connection:
            cursor = connection.execute(statement.encode(), parameters)
            return cursor.fetchall() if cursor.description else []

    def arrived(self, external_id: str) -> list[tuple[Any, ...]]:
        return self.query("select body, state, correlation_id from webhook_events where external_id = %s", external_id)

    def queue_url(self, name: str) -> str:
        return str(self.client("sqs").get_queue_url(QueueName=STAGE_PREFIX + name)["QueueUrl"])

    def logs(self) -> str:
        """Everything the functions have written."""
        return (self.layout.logs / "functions.log").read_text(encoding="utf-8")

    def wait_until_ready(self) -> None:
        eventually(lambda: self.is_ready() or self.process.poll() is not None, seconds=120)
        assert self.is_ready(), self.printed()

    def is_ready(self) -> bool:
        return any(line.startswith("ready") for line in self.printed().splitlines())

    def printed(self) -> str:
        """What it showed its user."""
        return self.output.read_text(encoding="utf-8")

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.process.wait(30)


def start_cloud(directory: Path, *options: str, root: Path = ROOT) -> Cloud:
    """Start a local cloud in ``directory`` on a free port, from the project at ``root``, and wait until it is ready."""
    command = [sys.executable, "-m", "localcloud", "--directory", str(directory), "up", "--port", "0", *options]
    environment = os.environ | {"PYTHONUNBUFFERED": "1", "LOG_LEVEL": "INFO"}
    output = directory.with_suffix(".output")
    with output.open("wb") as file:
        process = subprocess.Popen(command, cwd=root, env=environment, stdout=file, stderr=subprocess.STDOUT)
    cloud = Cloud(Layout(directory), process, output)
    try:
        cloud.wait_until_ready()
    except AssertionError:
        cloud.stop(signal.SIGTERM)
        raise
    return cloud


def read_json_lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]
