"""The local cloud as a program: starting, restarting, reloading, being killed, and its commands."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
import requests

from chalicelib.webhooks.sources import SOURCES
from localcloud import samples
from localcloud.layout import ROOT
from localcloud.samples import make_event
from tests.integration.cloud import Cloud, eventually, start_cloud
from tests.integration.test_docs import blocks
from tests.integration.test_retries import receive_all


@contextmanager
def running(directory: Path, *options: str) -> Iterator[Cloud]:
    cloud = start_cloud(directory, *options)
    try:
        yield cloud
    finally:
        if cloud.process.poll() is None:
            cloud.stop(signal.SIGTERM)


def family(cloud: Cloud) -> list[psutil.Process]:
    """Every process of a local cloud."""
    parent = psutil.Process(cloud.process.pid)
    return [parent, *parent.children(recursive=True)]


def assert_gone(processes: list[psutil.Process], *, seconds: float = 10.0) -> None:
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert alive == []


def assert_private(folder: Path) -> None:
    """The state of the secrets is there, and its owner alone may read what is in the folder."""
    paths = [folder, *folder.rglob("*")]
    assert folder / "secretsmanager.json" in paths
    assert [path for path in paths if path.stat().st_mode & 0o077] == []


def deliver(cloud: Cloud) -> str:
    event = make_event("github", random.Random(uuid.uuid4().int))
    assert cloud.deliver("github", event).status_code == 202
    eventually(lambda: cloud.arrived(event.event_id))
    return event.event_id


NOT_DEPLOYED = "not deployed, the previous code keeps running"

NEW_ROUTE = """

@app.route('/new', methods=['GET'])
def new() -> dict[str, str]:
    return {'new': 'yes'}
"""


class TestLife:
    def test_data_survive_a_restart_and_nothing_is_left_running(self, tmp_path: Path) -> None:
        directory = tmp_path / ".localcloud"
        with running(directory) as first:
            event_id, secrets = deliver(first), first.secrets
            processes = family(first)
            assert len(processes) >= 4
            assert first.stop(signal.SIGINT) == 0
            assert_gone(processes)
        assert_private(first.layout.ministack)
        assert "Persistence: failed" not in (first.layout.logs / "ministack.log").read_text()
        with running(directory) as second:
            assert second.secrets == secrets
            assert len(second.arrived(event_id)) == 1
            deliver(second)
            processes = family(second)
            assert second.stop(signal.SIGTERM) == 0
            assert_gone(processes)
        assert {path.name for path in tmp_path.iterdir()} == {".localcloud", ".localcloud.output"}

    def test_after_kill_9_it_starts_again_with_its_data(self, tmp_path: Path) -> None:
        directory = tmp_path / ".localcloud"
        with running(directory) as first:
            event_id = deliver(first)
            processes = family(first)
            first.process.kill()
            first.process.wait()
        with running(directory) as second:
            assert len(second.arrived(event_id)) == 1
            deliver(second)
            assert_gone(processes)
            second.stop()

    def test_a_part_that_dies_is_started_again(self, tmp_path: Path) -> None:
        with running(tmp_path / ".localcloud") as cloud:
            for part in ("postgres", "ministack", "model", "bank"):
                cloud.command("kill", part)
                eventually(lambda part=part: f"{part} runs again" in cloud.printed(), seconds=30)  # type: ignore[misc]
                deliver(cloud)
            cloud.stop()

    def test_an_interrupt_while_it_starts_leaves_nothing(self, tmp_path: Path) -> None:
        directory = tmp_path / ".localcloud"
        command = [sys.executable, "-m", "localcloud", "--directory", str(directory), "up", "--port", "0"]
        for needed in ("PostgreSQL", "MiniStack"):
            process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
            assert process.stdout is not None
            for line in process.stdout:
                if needed in line:
                    break
            processes = psutil.Process(process.pid).children(recursive=True)
            process.send_signal(signal.SIGINT)
            process.communicate(timeout=30)
            assert process.returncode == 130
            assert_gone(processes)


class TestRefusals:
    def test_a_taken_port_is_a_clear_message(self, cloud: Cloud, tmp_path: Path) -> None:
        port = cloud.endpoints.http.rsplit(":", 1)[1]

        result = local_cloud(tmp_path / ".localcloud", "up", "--port", port)

        assert result.returncode == 1
        assert f"Port {port} of 127.0.0.1 is taken" in result.stderr
        assert "make run PORT=" in result.stderr

    def test_only_one_runs_from_a_folder(self, cloud: Cloud) -> None:
        result = local_cloud(cloud.layout.directory, "up", "--port", "0")

        assert result.returncode == 1
        assert f"already runs from {cloud.layout.directory}" in result.stderr

    @pytest.mark.parametrize("command", ["endpoints", "secrets", "events", "send github", "psql", "kill postgres"])
    def test_without_one_running_a_command_says_so(self, tmp_path: Path, command: str) -> None:
        result = local_cloud(tmp_path / ".localcloud", *command.split())

        assert result.returncode == 1
        assert "start it with `make run`" in result.stderr

    def test_reset_does_not_touch_a_running_one(self, cloud: Cloud) -> None:
        result = local_cloud(cloud.layout.directory, "reset", "--yes")

        assert result.returncode == 1
        assert "is running" in result.stderr


def test_dead_letters_are_noticed(cloud: Cloud) -> None:
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("webhook-events-dlq"), MessageBody="rubbish")

    eventually(lambda: "in webhook-events-dlq: python -m ops dlq list" in cloud.printed())
    receive_all(cloud, "webhook-events-dlq")


class TestCommands:
    def test_endpoints(self, cloud: Cloud) -> None:
        printed = json.loads(cloud.command("endpoints").stdout)

        assert set(printed) == {"http", "websocket", "aws_endpoint_url", "postgres_dsn", "bank", "model"}
        assert requests.get(printed["http"] + "/health", timeout=10).ok

    def test_secrets(self, cloud: Cloud) -> None:
        printed = json.loads(cloud.command("secrets").stdout)

        assert set(printed) == set(SOURCES)
        assert all(isinstance(secrets, list) and secrets for secrets in printed.values())

    @pytest.mark.parametrize("source", samples.SOURCES)
    def test_send(self, cloud: Cloud, source: str) -> None:
        before = count(cloud, source)

        printed = cloud.command("send", source, "--count", "3").stdout

        assert printed.count("202") >= 3
        eventually(lambda: count(cloud, source) == before + 3)

    def test_send_duplicates(self, cloud: Cloud) -> None:
        before = count(cloud, "github")

        cloud.command("send", "github", "--count", "5", "--duplicate")

        eventually(lambda: count(cloud, "github") == before + 1)

    def test_send_with_a_bad_signature(self, cloud: Cloud) -> None:
        assert "401" in cloud.command("send", "github", "--bad-signature").stdout

    def test_send_many_at_a_rate(self, cloud: Cloud) -> None:
        result = cloud.command("send", "github", "--count", "40", "--rate", "100")

        assert "40 answered 202" in result.stdout

    def test_send_any_bytes(self, cloud: Cloud, tmp_path: Path) -> None:
        body = tmp_path / "body"
        body.write_bytes(bytes(range(256)))

        event_id = cloud.command("send", "github", "--body", str(body)).stdout.split()[2]

        ((arrived, state, _),) = eventually(lambda: cloud.arrived(event_id))
        assert (bytes(arrived), state) == (body.read_bytes(), "parked")

    def test_events(self, cloud: Cloud) -> None:
        event_id = deliver(cloud)

        cloud.command("send", "shopify", "--count", "3")
        eventually(lambda: "fulfillments/create" in cloud.command("events").stdout, seconds=40)
        heading, *rows = cloud.command("events").stdout.splitlines()

        assert event_id in "\n".join(rows)
        places = {row.index(" B  ") + 4 for row in rows if not row.startswith(" ")}
        assert places == {heading.index("ID")}
        newest = json.loads(cloud.command("events", "--limit", "1", "--source", "github", "--json").stdout)
        assert (newest["external_id"], newest["state"]) == (event_id, "stored")

    def test_psql(self, cloud: Cloud) -> None:
        assert cloud.command("psql", "-At", "-c", "select 6 * 7").stdout == "42\n"

    @pytest.mark.parametrize(
        "command", ["", "up", "endpoints", "secrets", "send", "events", "psql", "kill", "reset", "model", "bank"]
    )
    def test_help_has_examples(self, command: str) -> None:
        result = subprocess.run(
            [sys.executable, "-m", "localcloud", *command.split(), "--help"],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )

        assert "Examples:" in result.stdout
        assert "python -m localcloud" in result.stdout


class TestReload:
    @pytest.fixture
    def copy(self, tmp_path: Path) -> Path:
        """A copy of the project, whose sources may be changed."""
        copy = tmp_path / "frontdesk"
        copy.mkdir()
        for name in ("chalicelib", "infra", "localcloud", ".chalice"):
            ignored = shutil.ignore_patterns("__pycache__", "deployments")
            shutil.copytree(ROOT / name, copy / name, ignore=ignored)
        for name in ("app.py", "requirements.txt"):
            shutil.copy(ROOT / name, copy)
        return copy

    def test_changed_sources_reach_the_running_functions(self, copy: Path) -> None:
        directory = copy / ".localcloud"
        cloud = start_cloud(directory, root=copy)
        try:
            package = copy / "chalicelib" / "__init__.py"
            package.write_text(package.read_text().replace('"0.1.0"', '"0.1.0+changed"'))
            eventually(lambda: health(cloud)["version"] == "0.1.0+changed", seconds=30)

            package.write_text("this is no Python")
            eventually(lambda: cloud.printed().count(NOT_DEPLOYED) == 1, seconds=30)
            assert "chalicelib/__init__.py" in cloud.printed()
            (copy / "chalicelib" / "errors.py").touch()
            eventually(lambda: cloud.printed().count(NOT_DEPLOYED) == 2, seconds=30)
            assert health(cloud)["version"] == "0.1.0+changed"

            package.write_text('__version__ = "0.3.0"\n')
            eventually(lambda: health(cloud)["version"] == "0.3.0", seconds=30)

            contents = (copy / "app.py").read_text()
            (copy / "app.py").write_text("import nothing_of_this_name\n" + contents)
            eventually(lambda: "nothing_of_this_name" in cloud.printed(), seconds=30)
            assert health(cloud)["version"] == "0.3.0"

            (copy / "app.py").write_text(contents + NEW_ROUTE)
            new = f"{cloud.endpoints.http}/new"
            eventually(lambda: requests.get(new, timeout=10).text == '{"new":"yes"}', seconds=40)

            entry, signing = blocks(ROOT / "docs" / "extending.md", "python")
            sources = copy / "chalicelib" / "webhooks" / "sources.py"
            head = "SOURCES: Mapping[str, Source] = _by_name(\n"
            sources.write_text(sources.read_text().replace(head, head + entry.rstrip() + ",\n"))
            eventually(lambda: "made a secret for the source warehouse" in cloud.printed(), seconds=30)
            self.deliver_as_the_documentation_says(cloud, signing)
            self.send_by_hand_as_the_documentation_says(cloud, copy)
        finally:
            cloud.stop()

    def deliver_as_the_documentation_says(self, cloud: Cloud, signing: str) -> None:
        """A source that only the documentation knows is accepted, and what it must not send is refused."""
        shown: dict[str, Any] = {}
        exec(signing, shown)  # noqa: S102 - our own documentation
        secret = cloud.client("secretsmanager").get_secret_value(SecretId="frontdesk/local/webhooks/warehouse")
        (key,) = json.loads(secret["SecretString"])["secrets"]

        def send(body: bytes) -> requests.Response:
            return cloud.post("warehouse", body, shown["sign"](body, key))

        good = b'{"type": "pallet.moved", "movement": {"id": "42"}}'
        eventually(lambda: send(good).status_code == 202, seconds=30)
        assert send(good).json()["event_id"] == "42"
        assert eventually(lambda: cloud.arrived("42"))[0][:2] == (good, "stored")
        assert send(b"{}").json()["reasons"]
        assert cloud.post("warehouse", good, shown["sign"](good, "another")).status_code == 401
        assert send(bytes(64 * 1024 + 1)).status_code == 413

    def send_by_hand_as_the_documentation_says(self, cloud: Cloud, copy: Path) -> None:
        (script,) = blocks(ROOT / "docs" / "extending.md", "sh")
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        environment = os.environ | {"PATH": path, "LOCALCLOUD_DIRECTORY": str(cloud.layout.directory)}

        result = subprocess.run(
            ["sh", "-c", script.replace("http://127.0.0.1:8000", cloud.endpoints.http)],
            cwd=copy,
            env=environment,
            capture_output=True,
            text=True,
            check=True,
        )

        assert result.stdout.startswith("HTTP/1.1 202")
        assert '"event_id":"42"' in result.stdout


def health(cloud: Cloud) -> dict[str, str]:
    answer = requests.get(f"{cloud.endpoints.http}/health", timeout=10)
    return dict(answer.json()) if answer.ok else {"version": answer.text}


def count(cloud: Cloud, source: str) -> int:
    ((number,),) = cloud.query("select count(*) from webhook_events where source = %s", source)
    return int(number)


def local_cloud(directory: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "localcloud", "--directory", str(directory), *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env=os.environ | {"NO_COLOR": "1"},
    )
