"""The order of things in a deployment, the same for AWS and for the local cloud.

1. The data stack, since the app stack imports its exports; then what the functions want to find.
2. The app stack. Where it exists, the schema comes first: ``migrate_database`` alone gets the new code and is invoked,
   and only then does CloudFormation change the functions. Version N of the code works on the schema of N and N + 1, so
   that it does not matter when the second step fails and is rolled back: the schema has grown, what runs is the code
   of before, and the next deployment gives ``migrate_database`` its own code again before it invokes it.
3. A look at what was deployed, in ``infra.smoke``.

A stack is changed through a change set, which ``review`` sees first. What is created may come in two steps, since a
creation that fails must be able to go, and nothing should be consumed before there is a schema: ``infra.creating``.
"""

import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from infra.alias import mark_configuration
from infra.artifacts import Artifacts
from infra.changes import Change
from infra.creating import idle, unprotected
from infra.database import bootstrap, refuse_to_cut_off
from infra.errors import DeclinedError, DeploymentError
from infra.exclusive import refuse_functions
from infra.functions import Functions, hash_of
from infra.packaging import DATA_TEMPLATE, Package, self_contained_zip
from infra.secret_store import make_chat_secrets
from infra.stacks import ChangeSet, Stack
from infra.stages import Stage
from infra.target import Addresses, Target
from infra.templates import read_template

Review = Callable[[str, Sequence[Change]], bool]
"""Shows the changes of a stack, by its name; whether to go on."""

PROTECTED_STAGE = "prod"
"""Whose app stack nobody deletes by accident either."""

KEEP_DATA = {
    "Statement": [
        {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"},
        {
            "Effect": "Deny",
            "Action": ["Update:Replace", "Update:Delete"],
            "Principal": "*",
            "Resource": "*",
            "Condition": {
                "StringEquals": {
                    "ResourceType": [
                        "AWS::DynamoDB::Table",
                        "AWS::RDS::DBCluster",
                        "AWS::RDS::DBInstance",
                        "AWS::S3::Bucket",
                        "AWS::SQS::Queue",
                    ]
                }
            },
        },
    ]
}
"""The policy of the data stack: no update replaces or deletes what holds data."""


def go_on(_stack: str, _changes: Sequence[Change]) -> bool:
    """A review that asks nobody."""
    return True


@dataclass
class Deployment:
    """Deploys a stage to a target. ``say`` takes a line of progress."""

    stage: Stage
    target: Target
    say: Callable[[str], None]
    review: Review = go_on

    @cached_property
    def data(self) -> Stack:
        return self._stack("data")

    @cached_property
    def app(self) -> Stack:
        return self._stack("app")

    @cached_property
    def functions(self) -> Functions:
        return Functions(self.target.client("lambda"), self.stage, self.say)

    @cached_property
    def artifacts(self) -> Artifacts:
        return Artifacts(self.target.client("s3"), self.stage.name, self.target.account, self.target.region, self.say)

    @property
    def addresses(self) -> Addresses:
        return self.target.addresses(self.app.outputs())

    def check(self) -> None:
        """``DeploymentError`` when another deployment is at work, one of the stacks has to be mended by hand, or the
        functions are Chalice's.
        """
        self.data.make_ready()
        self.app.make_ready()
        refuse_functions(self.app, self.functions)

    def update_data(self) -> None:
        """Create or update the data stack, and bring in what the functions want to find."""
        self.data.make_ready()
        self.artifacts.create(tls=self.target.tls)
        template = self.target.localize("data", read_template(DATA_TEMPLATE))
        planned = self._plan(self.data, "data", template)
        if planned is not None:
            first = unprotected(template, planned.changes)
            if first == template:
                self.data.execute(planned)
            else:
                self._replace_plan(self.data, "data", planned, first)
                self._complete(self.data, "data", template)
        self.data.protect(KEEP_DATA)
        self.target.complete("data", template, self.data.outputs())
        for name in make_chat_secrets(self.target.client("secretsmanager"), self.stage):
            self.say(f"made the secret {name}")
        self.target.prepare()

    def update_app(self, package: Package) -> None:
        """Create or update the app stack from a package, the schema first."""
        exists = self.app.make_ready()
        template = self.target.localize("app", json.loads(package.template.read_text(encoding="utf-8")))
        used = self._place(template, package)
        code = {"S3Bucket": self.artifacts.bucket, "S3Key": used["application"]}
        planned = self._plan(self.app, "app", template)
        if exists and planned is not None:
            try:
                self.migrate_ahead(package)
            except DeploymentError:
                self.app.discard(planned)
                raise
        if planned is not None and exists:
            self.app.execute(planned)
        elif planned is not None:
            self._replace_plan(self.app, "app", planned, idle(template))
        if self.stage.name == PROTECTED_STAGE:
            self.app.protect()
        self.app.make_ready()
        self.functions.settle(code, hash_of(package.application.read_bytes()))
        # After an update, too: the functions may have come to another role, or another way to prove who they are.
        self.migrate()
        if not exists:
            self._complete(self.app, "app", template)
        self.target.complete("app", template, self.app.outputs())
        self.artifacts.tidy(used.values())

    def _stack(self, name: str) -> Stack:
        return Stack(self.target.client("cloudformation"), self.stage.stack(name), self.say)

    def parameters(self, name: str, template: Mapping[str, Any]) -> dict[str, str]:
        """The values of the parameters of ``data`` or ``app``; the others have the template's default."""
        return self.stage.parameters_for(
            name,
            template["Parameters"],
            outputs=self.data.outputs() if name == "app" else {},
            given=self.target.parameters(name),
        )

    def _plan_unseen(self, stack: Stack, name: str, template: dict[str, Any]) -> ChangeSet | None:
        parameters = self.parameters(name, template)
        mark_configuration(template, parameters)
        key = self.artifacts.put(json.dumps(template).encode(), "json")
        return stack.plan(self.artifacts.url(key), parameters)

    def _replace_plan(self, stack: Stack, name: str, planned: ChangeSet, template: dict[str, Any]) -> None:
        """Carry out a first step towards what was planned and agreed to."""
        stack.forget(planned)
        first = self._plan_unseen(stack, name, template)
        if first is not None:
            stack.execute(first)

    def _complete(self, stack: Stack, name: str, template: dict[str, Any]) -> None:
        """Carry out the second step. A deployment that never comes to it leaves it to the next one."""
        second = self._plan_unseen(stack, name, template)
        if second is not None:
            stack.execute(second)

    def _plan(self, stack: Stack, name: str, template: dict[str, Any]) -> ChangeSet | None:
        planned = self._plan_unseen(stack, name, template)
        if planned is None:
            self.say(f"{stack.name}: nothing to change")
            return None
        try:
            if stack is self.data:
                refuse_to_cut_off(planned.changes, self.data.outputs(), self.app.parameters())
            if not self.review(stack.name, planned.changes):
                raise DeclinedError(f"The stack {stack.name} stays as it is.")
        except BaseException:
            stack.discard(planned)
            raise
        return planned

    def _place(self, template: dict[str, Any], package: Package) -> dict[str, str]:
        """Upload the package and let the template name it; returns the keys."""
        used = {"application": self.artifacts.put(package.application.read_bytes(), "zip")}
        if package.layer.exists():
            used["layer"] = self.artifacts.put(package.layer.read_bytes(), "zip")
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Serverless::Function":
                resource["Properties"]["CodeUri"] = self.artifacts.uri(used["application"])
            if resource["Type"] == "AWS::Serverless::LayerVersion":
                resource["Properties"]["ContentUri"] = self.artifacts.uri(used["layer"])
        return used

    def migrate_ahead(self, package: Package) -> None:
        """Bring the schema up to date before any function but ``migrate_database`` has the package's code."""
        try:
            self.app.make_ready()
            self.functions.prepare_migration(self._migration_code(package))
            self.migrate()
        except DeploymentError as error:
            raise DeploymentError(f"{error} Nothing else was changed.") from error

    def migrate(self) -> None:
        """Bring the schema up to date with the function's present code; a new database first gets its role."""
        bootstrap(self.target.client, self.stage.name, self.data.outputs())
        self.functions.migrate()

    def _migration_code(self, package: Package) -> Mapping[str, Any]:
        """The function keeps its layer until its turn comes; where that is older, the dependencies come along."""
        code = package.application.read_bytes()
        if package.layer.exists() and not self.functions.migrates_with(package.layer.read_bytes()):
            with tempfile.TemporaryDirectory() as folder:
                archive = Path(folder) / "migration.zip"
                self_contained_zip(package, archive)
                code = archive.read_bytes()
        return {"S3Bucket": self.artifacts.bucket, "S3Key": self.artifacts.put(code, "zip")}
