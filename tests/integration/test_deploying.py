"""`make deploy` and `make destroy` on a local cloud: from nothing, in place with traffic, failing, and once more.

The tests are one story, in the order in which they stand here.
"""

import random
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import requests
from click.testing import CliRunner

from localcloud.layout import ROOT
from localcloud.ministack import CREDENTIALS
from localcloud.samples import Event, make_event
from ops.cli import main as operators_commands
from tests.integration.cloud import Cloud, eventually, read_json_lines, start_cloud
from tests.integration.talk import Chat, Socket

NEVER_READY = """
  NeverReadyHandle:
    Type: AWS::CloudFormation::WaitConditionHandle
  NeverReady:
    Type: AWS::CloudFormation::WaitCondition
    DependsOn: [APIHandler, ProcessWebhooks, AnswerMessages, MigrateDatabase]
    Properties: {Handle: !Ref NeverReadyHandle, Timeout: "1", Count: 1}
"""
"""Something that fails once the functions have their new code."""


@pytest.fixture(scope="module")
def own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A local cloud that these tests change."""
    running = start_cloud(tmp_path_factory.mktemp("own") / ".localcloud", "--no-reload")
    yield running
    running.stop(signal.SIGTERM)


@pytest.fixture(scope="module")
def talk(own: Cloud) -> Iterator[Chat]:
    chat = Chat(own)
    chat.control("instant")
    yield chat
    chat.stop()


@pytest.fixture(scope="module")
def newer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with a newer version of the code and of the schema."""
    return newer_project(tmp_path_factory.mktemp("newer"), "0.2.0")


def newer_project(root: Path, version: str) -> Path:
    for name in ("chalicelib", ".chalice", "infra", "localcloud"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt"):
        shutil.copy(ROOT / name, root)
    file = root / "chalicelib" / "__init__.py"
    file.write_text(re.sub(r'__version__ = ".*"', f'__version__ = "{version}"', file.read_text()))
    migration = root / "chalicelib" / "webhooks" / "migrations" / "0999_notes.sql"
    migration.write_text("alter table webhook_events add column note text;\n")
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A package with every dependency."""
    folder = tmp_path_factory.mktemp("whole") / "package"
    command = [sys.executable, "-m", "infra", "package", "--stage", "local", "--output", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return folder


def quick_package(root: Path, stage: str, folder: Path) -> Path:
    """A package of the project at ``root`` as `make run` makes it, without dependencies."""
    program = f"from infra.packaging import *; package({stage!r}, Path({str(folder)!r}), dependencies=False)"
    subprocess.run([sys.executable, "-c", program], cwd=root, check=True)
    return folder


def version_of(cloud: Cloud) -> str:
    return str(requests.get(f"{cloud.endpoints.http}/health", timeout=30).json()["version"])


def deploy(cloud: Cloud, root: Path = ROOT, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return cloud.infra("deploy", *options, root=root, environment=environment)


def deployed(cloud: Cloud, root: Path = ROOT, *options: str, **environment: str) -> str:
    result = deploy(cloud, root, *options, **environment)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@dataclass
class Sender:
    """Sends one event after the other, each until it is accepted, as a provider does."""

    cloud: Cloud
    accepted: list[Event] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)

    def run(self) -> None:
        numbers = random.Random(int(time.time()))
        while not self._stop.is_set():
            event = make_event("github", numbers)
            while not self._deliver(event):
                time.sleep(0.1)
            self.accepted.append(event)
            self._stop.wait(0.1)  # more would only slow the deployment down

    def _deliver(self, event: Event) -> bool:
        try:
            return self.cloud.deliver("github", event).status_code == 202
        except requests.RequestException:
            return False

    def stop(self) -> None:
        self._stop.set()


@contextmanager
def traffic(cloud: Cloud) -> Iterator[Sender]:
    sender = Sender(cloud)
    thread = threading.Thread(target=sender.run)
    thread.start()
    try:
        yield sender
    finally:
        sender.stop()
        thread.join(60)


def assert_all_arrived(cloud: Cloud, sender: Sender) -> None:
    """Each accepted event is a row; the key of the table keeps it from being two."""
    identifiers = [event.event_id for event in sender.accepted]
    assert len(identifiers) > 10

    def missing() -> set[str]:
        rows = cloud.query("select external_id from webhook_events where external_id = any(%s)", identifiers)
        return set(identifiers) - {row[0] for row in rows}

    eventually(lambda: not missing(), seconds=90)


@pytest.fixture(scope="module")
def socket(talk: Chat) -> Socket:
    """A customer who stays throughout."""
    return talk.begin()[1]


def test_the_whole_package_works(own: Cloud, talk: Chat, whole: Path) -> None:
    output = deployed(own, ROOT, "--stage", "local", "--package", str(whole))

    functions = own.client("lambda").list_functions()["Functions"]
    assert all(len(function["Layers"]) == 1 for function in functions)
    assert "✓ HTTP answers with this version" in output
    assert own.endpoints.http in output
    event = make_event("github", random.Random(1))
    assert own.deliver("github", event).status_code == 202
    eventually(lambda: own.arrived(event.event_id))
    _, customer = talk.begin()
    assert customer.ask("Hello!")


def test_nothing_is_changed_twice(own: Cloud, whole: Path) -> None:
    output = deployed(own, ROOT, "--stage", "local", "--package", str(whole))

    assert "frontdesk-local-data: nothing to change" in output
    assert "frontdesk-local-app: nothing to change" in output
    assert "uploading" not in output


def test_an_update_brings_the_schema_first_and_loses_nothing(own: Cloud, newer: Path, socket: Socket) -> None:
    """It packages the newer sources itself."""
    assert socket.ask("Are you there?")

    with traffic(own) as sender:
        output = deployed(own, newer, "--stage", "local")

    assert output.index("applied: 999") < output.index("UPDATE_COMPLETE")
    assert version_of(own) == "0.2.0"
    assert own.query("select count(*) from webhook_events where note is not null") == [(0,)]
    assert_all_arrived(own, sender)
    assert socket.ask("And now?")


def test_an_update_that_fails_is_rolled_back(own: Cloud, tmp_path: Path, socket: Socket) -> None:
    broken = newer_project(tmp_path / "broken", "0.3.0")
    template = broken / "infra" / "app.yaml"
    template.write_text(template.read_text().replace("\nResources:\n", f"\nResources:\n{NEVER_READY}", 1))
    packaged = quick_package(broken, "local", tmp_path / "package")

    with traffic(own) as sender:
        result = deploy(own, broken, "--stage", "local", "--package", str(packaged))

    assert result.returncode == 1
    assert "was rolled back: what ran before runs on" in result.stderr
    assert "NeverReady (AWS::CloudFormation::WaitCondition): WaitCondition timed out" in result.stderr
    assert version_of(own) == "0.2.0"
    assert_all_arrived(own, sender)
    assert socket.ask("Still there?")


def test_a_migration_that_fails_stops_everything(own: Cloud, tmp_path: Path) -> None:
    broken = newer_project(tmp_path / "broken", "0.4.0")
    (broken / "chalicelib" / "webhooks" / "migrations" / "1000_broken.sql").write_text("alter table nowhere add a int;")
    packaged = quick_package(broken, "local", tmp_path / "package")

    result = deploy(own, broken, "--stage", "local", "--package", str(packaged))

    assert result.returncode == 1
    assert 'relation "nowhere" does not exist' in result.stderr
    assert "Nothing else was changed." in result.stderr
    assert version_of(own) == "0.2.0"
    left = own.client("cloudformation").list_change_sets(StackName="frontdesk-local-app")["Summaries"]
    assert [change_set for change_set in left if change_set["ExecutionStatus"] == "AVAILABLE"] == []


def test_data_outlive_the_application(own: Cloud, newer: Path, tmp_path: Path) -> None:
    before = own.query("select count(*) from webhook_events")

    removed, again = own.infra("destroy", "--stage", "local"), own.infra("destroy", "--stage", "local")

    assert (removed.returncode, again.returncode) == (0, 0)
    assert "frontdesk-local-app is deleted" in removed.stdout
    assert "there is no stack frontdesk-local-app" in again.stdout
    for left in ("AWS::DynamoDB::Table frontdesk-local-sessions", "frontdesk/local/chat-signing", "-artifacts-"):
        assert left in removed.stdout
    eventually(lambda: requests.get(f"{own.endpoints.http}/health", timeout=30).status_code == 503)

    packaged = quick_package(newer, "local", tmp_path / "package")
    deployed(own, newer, "--stage", "local", "--package", str(packaged))

    assert own.query("select count(*) from webhook_events") == before
    event = make_event("github", random.Random(2))
    eventually(lambda: own.deliver("github", event).status_code == 202)
    eventually(lambda: own.arrived(event.event_id))


def doctor(cloud: Cloud, stage: str) -> list[dict[str, Any]]:
    """What the doctor finds on a stage beside ``local``, in the environment that the local cloud has for shells."""
    variables = {"AWS_ENDPOINT_URL": cloud.endpoints.aws_endpoint_url, **CREDENTIALS}
    result = CliRunner().invoke(operators_commands, ["--stage", stage, "doctor", "--json"], env=variables)
    return read_json_lines(result.stdout)


def test_prod_is_changed_by_whoever_says_yes(own: Cloud, talk: Chat, tmp_path: Path) -> None:
    """Beside the stage ``local``, on the same local cloud; without a front door, at MiniStack's own addresses."""
    here = {"AWS_ENDPOINT_URL": own.endpoints.aws_endpoint_url}
    prod = ("--stage", "prod", "--package", str(quick_package(ROOT, "prod", tmp_path / "package")))
    stacks = own.client("cloudformation")

    refused = deploy(own, ROOT, *prod, **here)

    assert refused.returncode == 1
    assert "frontdesk-prod-data: " in refused.stdout
    assert re.search(r"add +SessionsTable +AWS::DynamoDB::Table", refused.stdout)
    assert "add --yes" in refused.stderr
    assert not any("-prod-" in stack["StackName"] for stack in stacks.describe_stacks()["Stacks"])

    accepted = deployed(own, ROOT, *prod, "--yes", **here)

    assert re.search(r"add +APIHandler +AWS::Lambda::Function", accepted)
    assert "`python -m ops --stage prod secrets set github`" in accepted
    (address,) = re.findall(r"HTTP +(http://\S+)", accepted)
    opened = requests.post(f"{address}/chat/sessions", json={}, timeout=30).json()
    assert opened["websocket_url"].startswith(own.endpoints.aws_endpoint_url.replace("http", "ws"))
    assert talk.connect(opened).ask("Hello!")
    for table in ("frontdesk-prod-sessions", "frontdesk-prod-calls"):
        assert own.client("dynamodb").describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"] is True
    looked = doctor(own, "prod")
    assert {one["subject"] for one in looked if one["level"] == "bad"} == set()
    assert f"{address}/health answers" in {one["text"] for one in looked}
    assert not [one for one in looked if "amazonaws.com" in one["text"]]
    for stack in ("frontdesk-prod-data", "frontdesk-prod-app"):
        assert stacks.describe_stacks(StackName=stack)["Stacks"][0]["EnableTerminationProtection"] is True

    assert own.infra("destroy", "--stage", "prod", environment=here).returncode == 1
    assert own.infra("destroy", "--stage", "prod", "--yes", environment=here).returncode == 0
    assert stacks.describe_stacks(StackName="frontdesk-prod-data")["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE"
    assert [one["subject"] for one in doctor(own, "prod") if one["level"] == "bad"] == ["stack frontdesk-prod-app"]
