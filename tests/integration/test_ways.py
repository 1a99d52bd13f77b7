"""The three ways the application is used: Chalice's test client, ``chalice local``, and the deployed package.

The third is what every other test of this folder uses.
"""

import os
import random
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from chalice.test import Client

import app
from chalicelib.webhooks.schema import read_migrations
from localcloud.layout import ROOT
from localcloud.processes import free_port
from localcloud.samples import make_event
from tests.builders import make_envelope, sqs_event
from tests.forgetting import forget
from tests.integration.cloud import Cloud, eventually


@pytest.fixture
def project(cloud: Cloud, tmp_path: Path) -> Path:
    """The project as it is in a clone in which ``make run`` runs."""
    project = tmp_path / "frontdesk"
    project.mkdir()
    for name in ("app.py", "chalicelib", ".chalice"):
        (project / name).symlink_to(ROOT / name)
    (project / ".localcloud").symlink_to(cloud.layout.directory)
    return project


@pytest.fixture
def client(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    """The application in this process, with the environment that its stage's configuration names."""
    monkeypatch.chdir(project)
    forget()
    with Client(app.app, stage_name="local", project_dir=str(project)) as client:
        yield client
    forget()


def test_the_test_client_sends_a_webhook_to_postgresql(cloud: Cloud, client: Client) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int))
    headers = cloud.sign("github", event)

    answer = client.http.post("/webhooks/github", headers=headers, body=event.body)

    assert (answer.status_code, answer.json_body) == (202, {"status": "accepted", "event_id": event.event_id})
    eventually(lambda: cloud.arrived(event.event_id))


def test_the_test_client_answers_errors_in_our_form(client: Client) -> None:
    answer = client.http.post("/webhooks/github", body=b"{}")

    assert answer.status_code == 401
    assert answer.json_body["code"] == "invalid_signature"


def test_the_test_client_processes_a_batch(cloud: Cloud, client: Client) -> None:
    external_id = str(uuid.uuid4())
    batch = sqs_event([make_envelope(external_id=external_id).to_message(), "rubbish"])

    answer = client.lambda_.invoke("process_webhooks", batch)

    assert answer.payload == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
    assert len(cloud.arrived(external_id)) == 1


def test_the_test_client_migrates(client: Client) -> None:
    newest = max(migration.version for migration in read_migrations())

    assert client.lambda_.invoke("migrate_database", {}).payload == {"applied": [], "version": newest}


def test_the_test_client_answers_operators(client: Client) -> None:
    answer = client.lambda_.invoke("manage_events", {"action": "describe"}).payload

    assert answer["schema"]["current"] == answer["schema"]["newest"]


@pytest.fixture
def chalice_local(project: Path) -> Iterator[str]:
    """``chalice local`` as a developer runs it beside the running local cloud."""
    port = free_port()
    command = [sys.executable, "-c", "from chalice.cli import main; main()", "local", "--stage", "local"]
    misleading = {"AWS_ACCESS_KEY_ID": "AKIA" + "REAL" * 4, "AWS_ENDPOINT_URL": "http://127.0.0.1:9"}
    process = subprocess.Popen(
        [*command, "--no-autoreload", "--port", str(port)],
        cwd=project,
        env=os.environ | misleading,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    address = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return requests.get(f"{address}/health", timeout=5).ok
        except requests.ConnectionError:
            return False

    try:
        eventually(answers, seconds=30)
        yield address
    finally:
        process.kill()
        process.wait(10)


@pytest.mark.parametrize("body", [None, b'{"a": "\xff\x00"}\r\n'])
def test_chalice_local_sends_a_webhook_to_postgresql(cloud: Cloud, chalice_local: str, body: bytes | None) -> None:
    event = make_event("github", random.Random(uuid.uuid4().int), body=body)
    headers = cloud.sign("github", event)

    answer = requests.post(f"{chalice_local}/webhooks/github", data=event.body, headers=headers, timeout=30)

    assert answer.status_code == 202, answer.text
    ((arrived, _, _),) = eventually(lambda: cloud.arrived(event.event_id))
    assert bytes(arrived) == event.body
