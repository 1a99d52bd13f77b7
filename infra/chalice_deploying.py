"""Deploying a stage with ``chalice deploy``: what comes before it, and what after.

Chalice changes functions, roles, event sources and both APIs one by one, without CloudFormation: nothing is rolled
back. The data stack is the same as for ``infra.deploying``; the app stack must not be there, since its functions have
the same names.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.chalice_options import Options
from infra.chalice_project import Application, Place, Project, read_application
from infra.deploying import Deployment
from infra.exclusive import refuse_app_stack
from infra.packaging import Package


@dataclass(frozen=True)
class ChaliceDeployment:
    """One stage, its project and the place it is deployed to."""

    deployment: Deployment
    project: Project

    def check(self) -> None:
        """``InfraError`` when the app stack is there, or the project cannot be written or read."""
        refuse_app_stack(self.deployment.app, self.deployment.stage)
        self.project.check()

    def prepare(self, package: Package) -> None:
        """Bring the data stack up to date, and the schema where there is a function for it; write the project."""
        self.check()
        deployment = self.deployment
        deployment.update_data()
        if self.project.deployed():
            deployment.migrate_ahead(package)
        template = deployment.target.localize("app", json.loads(package.template.read_text(encoding="utf-8")))
        self.project.write_sources(package, template)
        self.project.write_configuration(self._application(template).functions, self._place)

    def finish(self) -> Iterator[str]:
        """Apply what Chalice cannot, and the schema; yields a line about each kind when it is done."""
        template = self.project.template()
        application = self._application(template)
        # Now that it is known where the sockets are, the next `chalice deploy` has to send the same.
        self.project.write_configuration(application.functions, self._place)
        yield from Options(self.deployment.target.client, self.project, application, template).apply()
        self.deployment.migrate()

    def _application(self, template: Mapping[str, Any]) -> Application:
        given = self.deployment.parameters("app", template)
        return read_application(template, given, self._place, self.project.socket_api())

    @property
    def _place(self) -> Place:
        target = self.deployment.target
        pages = target.client("cloudformation").get_paginator("list_exports").paginate()
        exports = {export["Name"]: export["Value"] for page in pages for export in page["Exports"]}
        partition = target.client("lambda").meta.partition
        return Place(self.deployment.stage.name, target.account, target.region, partition, exports)
