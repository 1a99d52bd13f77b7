"""``chalice deploy`` against a deployed data stack, as the documentation has it, with IAM enforced."""

import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from infra.chalice_options import EVENT_SOURCE_OPTIONS
from infra.chalice_project import Project
from infra.packaging import package
from localcloud.layout import ROOT
from localcloud.ministack import CREDENTIALS
from localcloud.samples import make_event, sign
from tests.integration.cloud import Cloud, eventually, start_cloud

STAGE = "dev"


@dataclass
class Deployed:
    """The stage dev on a local cloud, deployed by Chalice from its project."""

    cloud: Cloud
    project: Project
    package: Path

    def infra(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return self._run([sys.executable, "-m", "infra", "chalice", *arguments], ROOT, check=check)

    def prepare(self) -> str:
        where = ("--project", str(self.project.directory), "--package", str(self.package))
        return self.infra("prepare", "--stage", STAGE, *where).stdout

    def deploy(self) -> str:
        chalice = "import sys; from chalice.cli import main; sys.exit(main())"
        return self._run([sys.executable, "-c", chalice, "deploy", "--stage", STAGE], self.project.directory).stdout

    def finish(self) -> str:
        return self.infra("finish", "--stage", STAGE, "--project", str(self.project.directory)).stdout

    def _run(self, command: list[str], folder: Path, *, check: bool = True) -> subprocess.CompletedProcess[str]:
        here = {
            "AWS_ENDPOINT_URL": self.cloud.endpoints.aws_endpoint_url,
            "LOCALCLOUD_DIRECTORY": str(self.cloud.layout.directory),
        }
        environment = os.environ | CREDENTIALS | here
        result = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        assert not check or result.returncode == 0, result.stdout + result.stderr
        return result

    @property
    def url(self) -> str:
        api = self.project.deployed()["rest_api"]["rest_api_id"]
        return f"{self.cloud.endpoints.aws_endpoint_url}/_aws/execute-api/{api}/api"

    def event_sources(self) -> dict[str, dict[str, Any]]:
        """The options of every event source, by its function."""
        mappings = self.cloud.client("lambda").list_event_source_mappings()["EventSourceMappings"]
        return {
            name: {option: mapping[option] for option in EVENT_SOURCE_OPTIONS if option in mapping}
            for mapping in mappings
            if (name := mapping["FunctionArn"].rsplit(":", 1)[1]).startswith(f"frontdesk-{STAGE}-")
        }

    def send(self, body: bytes) -> tuple[requests.Response, str]:
        """Deliver a webhook of GitHub; the answer, and the event's id."""
        manager = self.cloud.client("secretsmanager")
        secret = json.loads(manager.get_secret_value(SecretId=f"frontdesk/{STAGE}/webhooks/github")["SecretString"])
        event, url = make_event("github", random.Random(uuid.uuid4().int), body=body), f"{self.url}/webhooks/github"
        headers = dict(sign("github", event, secret["secrets"][0], time.time(), url))
        return requests.post(url, data=event.body, headers=headers, timeout=30), event.event_id

    def stored(self, event_id: str) -> bytes | None:
        """The body of an event in the stage's own database."""
        with psycopg.connect(f"{self.cloud.endpoints.postgres_dsn}_{STAGE}") as connection:
            found = "select body from webhook_events where external_id = %s"
            row = connection.execute(found, [event_id]).fetchone()
        return bytes(row[0]) if row else None


@pytest.fixture(scope="module")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployed]:
    folder = tmp_path_factory.mktemp("chalice")
    cloud = start_cloud(folder / ".localcloud", "--no-reload")
    made = package(STAGE, folder / "package", dependencies=False)
    secret = {"secrets": [uuid.uuid4().hex]}
    name = f"frontdesk/{STAGE}/webhooks/github"
    cloud.client("secretsmanager").create_secret(Name=name, SecretString=json.dumps(secret))
    stage = Deployed(cloud, Project(folder / "project", STAGE), made.directory)
    try:
        stage.prepare()
        stage.deploy()
        stage.finish()
        yield stage
    finally:
        cloud.stop()


def assert_works(deployed: Deployed) -> None:
    """A webhook whose bytes are no text is stored, a chat is opened, and the gateway answers in our format."""
    body = b'{"title": "\xff\xfe"}'
    answer, event_id = deployed.send(body)
    assert answer.status_code == 202, answer.text
    assert eventually(lambda: deployed.stored(event_id)) == body
    opened = requests.post(f"{deployed.url}/chat/sessions", json={}, timeout=30)
    assert opened.status_code == 201
    assert requests.get(f"{deployed.url}/nothing", timeout=30).json()["code"] == "not_found"


def test_what_chalice_deployed_works(deployed: Deployed) -> None:
    assert_works(deployed)


def test_functions_know_where_sockets_are(deployed: Deployed) -> None:
    service = deployed.cloud.client("lambda")
    name = f"frontdesk-{STAGE}-websocket_message"
    variables = service.get_function_configuration(FunctionName=name)["Environment"]["Variables"]

    assert f"/{deployed.project.socket_api()}/" in variables["CONNECTIONS_URL"]


def test_roles_have_the_policies_of_the_template(deployed: Deployed) -> None:
    iam, folder = deployed.cloud.client("iam"), deployed.project.directory / ".chalice"
    roles = {name: one for name, one in deployed.project.deployed().items() if one["resource_type"] == "iam_role"}

    assert len(roles) == len(list(folder.glob("policy-*.json")))
    for name, role in roles.items():
        policy = json.loads((folder / f"policy-{name.removesuffix('_role')}.json").read_text(encoding="utf-8"))
        (attached,) = iam.list_role_policies(RoleName=role["role_name"])["PolicyNames"]
        document = iam.get_role_policy(RoleName=role["role_name"], PolicyName=attached)["PolicyDocument"]
        assert document == policy


def test_logs_are_kept_for_a_while(deployed: Deployed) -> None:
    groups = deployed.cloud.client("logs").describe_log_groups(logGroupNamePrefix=f"/aws/lambda/frontdesk-{STAGE}")
    kept = {group["logGroupName"]: group.get("retentionInDays") for group in groups["logGroups"]}

    assert kept[f"/aws/lambda/frontdesk-{STAGE}"] == 30
    assert set(kept.values()) == {30}


def test_a_second_deployment_keeps_the_options_of_event_sources(deployed: Deployed) -> None:
    before = deployed.event_sources()
    assert before[f"frontdesk-{STAGE}-process_webhooks"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert before[f"frontdesk-{STAGE}-summarize_sessions"]["BisectBatchOnFunctionError"] is True
    assert before[f"frontdesk-{STAGE}-summarize_sessions"]["FilterCriteria"]["Filters"]

    deployed.prepare()
    said = deployed.deploy()

    assert f"Updating lambda function: frontdesk-{STAGE}-process_webhooks" in said
    assert deployed.event_sources() == before
    assert "0 functions have new variables" in deployed.finish()
    assert deployed.event_sources() == before
    assert_works(deployed)


def test_beside_an_app_stack_there_is_no_room(deployed: Deployed) -> None:
    refused = deployed.infra("prepare", "--stage", "local", "--package", str(deployed.package), check=False)

    assert refused.returncode == 1
    assert "has functions of the same names: `make destroy STAGE=local`" in refused.stderr


def test_beside_what_chalice_deployed_there_is_no_room_for_the_app_stack(deployed: Deployed) -> None:
    command = [sys.executable, "-m", "infra", "deploy", "--stage", STAGE, "--package", str(deployed.package)]
    refused = deployed._run(command, ROOT, check=False)

    assert refused.returncode == 1
    assert f"There is no stack frontdesk-{STAGE}-app, but there are functions of its names" in refused.stderr
    assert "packaging" not in refused.stdout


def test_before_chalice_has_deployed_nothing_can_be_finished(deployed: Deployed, tmp_path: Path) -> None:
    refused = deployed.infra("finish", "--stage", STAGE, "--project", str(tmp_path / "none"), check=False)

    assert refused.returncode == 1
    assert "run `python -m infra chalice prepare --stage dev`" in refused.stderr
