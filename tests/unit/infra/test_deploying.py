"""The order of a deployment, with stacks and functions that only remember what was asked of them."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from infra import deploying
from infra.changes import Change
from infra.deploying import Deployment
from infra.errors import DeploymentError
from infra.packaging import Package
from infra.stacks import ChangeSet
from infra.stages import Stage

TABLE = {"Type": "AWS::DynamoDB::Table", "Properties": {"DeletionProtectionEnabled": True}}
SOURCE = {"Type": "SQS", "Properties": {"Enabled": True}}
FUNCTION = {"Type": "AWS::Serverless::Function", "Properties": {"Events": {"Queue": SOURCE}}}


@dataclass
class World:
    """What was done, in its order. ``uploaded`` is the last template."""

    done: list[str] = field(default_factory=list)
    uploaded: dict[str, Any] = field(default_factory=dict)
    migrates: bool = True

    def put(self, content: bytes, ending: str) -> str:
        if ending == "json":
            self.uploaded = json.loads(content)
        return "key"

    def migrate(self) -> None:
        self.done.append("migrate")
        if not self.migrates:
            raise DeploymentError("The schema cannot be applied.")


@dataclass
class FakeStack:
    name: str
    world: World
    exists: bool = False
    changes: Sequence[Change] | None = ()
    busy: bool = False

    def make_ready(self) -> bool:
        if self.busy:
            raise DeploymentError("another deployment is at work")
        return self.exists

    def plan(self, _url: str, _parameters: object) -> ChangeSet | None:
        return None if self.changes is None else ChangeSet("set", "stack", self.changes)

    def execute(self, _: ChangeSet) -> None:
        (resource,) = self.world.uploaded["Resources"].values()
        events = resource["Properties"].get("Events", {}).values()
        for switch in (
            resource["Properties"].get("DeletionProtectionEnabled"),
            *(e["Properties"]["Enabled"] for e in events),
        ):
            if switch is not None:
                self.world.done.append(f"{self.name} {'on' if switch else 'off'}")
        self.exists = True

    def forget(self, _: ChangeSet) -> None:
        self.world.done.append(f"{self.name} forget")

    def discard(self, _: ChangeSet) -> None:
        self.world.done.append(f"{self.name} discard")

    def protect(self, *_: object) -> None:
        self.world.done.append(f"{self.name} protect")

    def outputs(self) -> dict[str, str]:
        return {}

    def parameters(self) -> dict[str, str]:
        return {}


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def deployment(world: World, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    target = SimpleNamespace(
        tls=False,
        client=lambda _: None,
        parameters=lambda _: {},
        localize=lambda _, template: template,
        prepare=lambda: None,
        complete=lambda *_: None,
    )
    made = Deployment(Stage("dev"), cast(Any, target), lambda _: None)
    functions = SimpleNamespace(
        prepare_migration=lambda _: world.done.append("prepare"),
        settle=lambda *_: world.done.append("settle"),
        migrate=world.migrate,
    )
    artifacts = SimpleNamespace(
        create=lambda **_: None, put=world.put, url=str, uri=str, tidy=lambda _: None, bucket="bucket"
    )
    made.__dict__ |= {
        "data": FakeStack("data", world),
        "app": FakeStack("app", world),
        "functions": functions,
        "artifacts": artifacts,
    }
    monkeypatch.setattr(deploying, "bootstrap", lambda *_: world.done.append("bootstrap"))
    monkeypatch.setattr(deploying, "make_chat_secrets", lambda *_: [])
    monkeypatch.setattr(
        deploying, "read_template", lambda _: {"Parameters": {}, "Resources": {"Calls": json.loads(json.dumps(TABLE))}}
    )
    return made


@pytest.fixture
def package(tmp_path: Path) -> Package:
    made = Package(tmp_path)
    made.template.write_text(json.dumps({"Parameters": {}, "Resources": {"Consume": FUNCTION}}))
    made.application.write_bytes(b"zip")
    return made


def stack_of(deployment: Deployment, name: str) -> Any:
    return getattr(deployment, name)


def test_a_table_is_protected_once_it_is_there(deployment: Deployment, world: World) -> None:
    stack_of(deployment, "data").changes = [Change("Add", "Calls", "AWS::DynamoDB::Table")]

    deployment.update_data()

    assert world.done == ["data forget", "data off", "data on", "data protect"]


def test_a_table_that_is_there_stays_protected(deployment: Deployment, world: World) -> None:
    """So it goes, too, after a deployment that ended between the two steps."""
    stack_of(deployment, "data").changes = [Change("Modify", "Calls", "AWS::DynamoDB::Table")]

    deployment.update_data()

    assert world.done == ["data on", "data protect"]


def test_what_the_functions_use_is_not_taken_away(
    deployment: Deployment, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    stack = stack_of(deployment, "data")
    stack.changes = [Change("Remove", "SecretsEndpoint", "AWS::EC2::VPCEndpoint")]
    monkeypatch.setattr(stack_of(deployment, "app"), "parameters", lambda: {"DatabaseUrl": ""})

    with pytest.raises(DeploymentError, match="Nothing was changed"):
        deployment.update_data()
    assert world.done == ["data discard"]


def test_nothing_is_consumed_before_there_is_a_schema(deployment: Deployment, world: World, package: Package) -> None:
    deployment.update_app(package)

    assert world.done == ["app forget", "app off", "settle", "bootstrap", "migrate", "app on"]


def test_without_a_schema_nothing_is_consumed_until_the_next_deployment(
    deployment: Deployment, world: World, package: Package
) -> None:
    world.migrates = False
    with pytest.raises(DeploymentError):
        deployment.update_app(package)
    assert "app on" not in world.done
    world.done.clear()
    world.migrates = True

    deployment.update_app(package)

    assert world.done == ["prepare", "bootstrap", "migrate", "app on", "settle", "bootstrap", "migrate"]


def test_the_schema_is_looked_at_where_nothing_changes(deployment: Deployment, world: World, package: Package) -> None:
    app = stack_of(deployment, "app")
    app.exists, app.changes = True, None

    deployment.update_app(package)

    assert world.done == ["settle", "bootstrap", "migrate"]


def test_a_deployment_that_began_meanwhile_is_left_alone(
    deployment: Deployment, world: World, package: Package
) -> None:
    """CloudFormation would refuse the change set, but not the new code of a function."""
    app = stack_of(deployment, "app")
    app.exists = True

    def review(_stack: str, _changes: Sequence[Change]) -> bool:
        app.busy = True
        return True

    deployment.review = review

    with pytest.raises(DeploymentError, match="another deployment is at work"):
        deployment.update_app(package)
    assert world.done == ["app discard"]


def test_nor_does_it_get_another_s_code(deployment: Deployment, world: World, package: Package) -> None:
    app = stack_of(deployment, "app")
    app.exists, app.changes = True, None
    app.plan = lambda *_: setattr(app, "busy", True)

    with pytest.raises(DeploymentError, match="another deployment is at work"):
        deployment.update_app(package)
    assert world.done == []
