"""A local cloud of the soak's own: HTTP, the emulated SQS, functions and PostgreSQL, of which some can be killed."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import psutil
import requests

from localcloud.deployment import read_webhook_secrets
from localcloud.layout import ROOT, Endpoints, Layout
from localcloud.ministack import client
from localcloud.processes import StartError
from localcloud.samples import Event, sign
from soak.deliveries import Delivery, Webhook

_PATIENCE = 90.0
_FUNCTION = "frontdesk-local-process_webhooks"

_NAMES = {
    "github": ("X-GitHub-Delivery", "X-GitHub-Event"),
    "shopify": ("X-Shopify-Webhook-Id", "X-Shopify-Topic"),
}
"""The headers in which sources say an event's id and type."""


@dataclass
class Cloud:
    """A running local cloud, seen through its addresses."""

    layout: Layout

    @cached_property
    def endpoints(self) -> Endpoints:
        return self.layout.endpoints()

    @cached_property
    def secrets(self) -> dict[str, list[str]]:
        return read_webhook_secrets(partial(client, url=self.endpoints.aws_endpoint_url))

    @cached_property
    def sqs(self) -> Any:
        return client("sqs", self.endpoints.aws_endpoint_url)

    def queue_url(self, name: str) -> str:
        return str(self.sqs.get_queue_url(QueueName=f"frontdesk-local-{name}")["QueueUrl"])

    def enqueue(self, body: str) -> None:
        """Put a message into the queue, past the door."""
        self.sqs.send_message(QueueUrl=self.queue_url("webhook-events"), MessageBody=body)

    def deliver(self, http: requests.Session, delivery: Delivery) -> int:
        """Deliver once, as the provider would; returns the status, 0 where nobody answered.

        A message that is no envelope goes straight into the queue.
        """
        if delivery.webhook is None:
            self.enqueue(delivery.text)
            return 202
        url = f"{self.endpoints.http}/webhooks/{delivery.webhook.source}"
        headers = _signed(delivery.webhook, self.secrets[delivery.webhook.source][0], url)
        try:
            return http.post(url, data=delivery.webhook.body, headers=headers, timeout=30).status_code
        except requests.RequestException:
            return 0

    def depth(self) -> int:
        """Messages in the queue, those under way included."""
        url = self.queue_url("webhook-events")
        counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
        return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])

    def take_dead(self) -> list[str]:
        """Take every message out of the dead-letter queue."""
        url, bodies = self.queue_url("webhook-events-dlq"), []
        while messages := self.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10).get("Messages"):
            for message in messages:
                bodies.append(message["Body"])
                self.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        return bodies

    def kill_postgres(self, outage: float) -> str:
        """Kill PostgreSQL, which stays down for so many seconds."""
        command = [sys.executable, "-m", "localcloud", "--directory", str(self.layout.directory), "kill", "postgres"]
        subprocess.run([*command, "--seconds", str(outage)], cwd=ROOT, capture_output=True, check=True, timeout=60)
        return "the local cloud's PostgreSQL"

    def kill_processing(self) -> str:
        """Kill the processes in which MiniStack runs ``process_webhooks``; waits for one that does."""
        ministack = json.loads(self.layout.processes_file.read_text(encoding="utf-8"))["ministack"]
        deadline = time.monotonic() + 10
        while not (victims := [child.pid for child in psutil.Process(ministack).children(True) if _processes(child)]):
            if time.monotonic() > deadline:
                raise StartError("The local cloud has no process of process_webhooks that could be killed.")
            time.sleep(0.01)
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        return f"process_webhooks ({', '.join(map(str, victims))})"


@contextmanager
def running_cloud(directory: Path) -> Iterator[Cloud]:
    """Start a local cloud in ``directory``, and stop it in the end. ``StartError`` says what it printed."""
    directory.mkdir(parents=True)
    output = directory / "output"
    layout = Layout(directory / "cloud")
    command = [sys.executable, "-m", "localcloud", "--directory", str(layout.directory), "up", "--port", "0"]
    with output.open("wb") as file:
        process = subprocess.Popen([*command, "--no-reload"], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT)
    try:
        deadline = time.monotonic() + _PATIENCE
        while not any(line.startswith("ready") for line in output.read_text(encoding="utf-8").splitlines()):
            if process.poll() is not None or time.monotonic() > deadline:
                raise StartError(f"The local cloud does not start: {output.read_text(encoding='utf-8')}")
            time.sleep(0.1)
        yield Cloud(layout)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def _processes(child: psutil.Process) -> bool:
    try:
        return any(_FUNCTION in argument and argument.endswith(".py") for argument in child.cmdline())
    except psutil.Error:
        return False


def _signed(webhook: Webhook, secret: str, url: str) -> dict[str, str]:
    """The headers with which a provider would deliver an event."""
    id_header, type_header = _NAMES[webhook.source]
    headers = {**webhook.headers, id_header: webhook.external_id, type_header: webhook.event_type}
    event = Event(webhook.external_id, webhook.event_type, webhook.body, webhook.content_type, headers)
    return dict(sign(webhook.source, event, secret, time.time(), url))
