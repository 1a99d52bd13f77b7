"""What the local cloud does beside a deployment: the secrets of its sources, and new code while it runs."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chalicelib.aws.secret_lists import active_secrets
from chalicelib.webhooks.secret_forms import new_secret
from chalicelib.webhooks.sources import SOURCES
from infra.deploying import Deployment
from infra.folders import PACKAGE, Mark
from infra.gateway import API_STAGE
from infra.packaging import Package, application_zip, package
from infra.secret_store import put_secret
from localcloud.layout import STAGE
from localcloud.target import LocalTarget


def package_sources(directory: Path) -> Package:
    """Package the present sources; the interpreter that runs the functions has the dependencies already.

    The folder is the local cloud's own, although a package of an older version does not say so.
    """
    if directory.is_dir():
        Mark.of(PACKAGE, STAGE).write(directory)
    return package(STAGE, directory, dependencies=False)


def _say_nothing(_: str) -> None:
    """What takes a second needs no progress."""


@dataclass
class LocalDeployment:
    """Deploys the stage ``local`` as ``infra.deploying`` does."""

    target: LocalTarget
    _deployment: Deployment = field(init=False)

    def __post_init__(self) -> None:
        self._deployment = Deployment(self.target.stage, self.target, _say_nothing)

    def deploy(self, packaged: Package) -> None:
        """Create or update both stacks."""
        self._deployment.update_data()
        self._deployment.update_app(packaged)

    def push_code(self, packaged: Package, *, migrate: bool) -> int:
        """Give every function the present sources, without touching the stack; returns how many functions there are.

        ``migrate`` says that there may be new migrations, which then come first.
        """
        archive = packaged.directory.with_name("code.zip")
        application_zip(packaged, archive)
        code = {"ZipFile": archive.read_bytes()}
        if migrate:
            self._deployment.functions.prepare_migration(code)
            self._deployment.functions.migrate()
        return self._deployment.functions.update(code)

    def seed_webhook_secrets(self, sources: Mapping[str, str]) -> list[str]:
        """Make a secret for each source (name to scheme) that has none; returns which those were."""
        client = self.target.client("secretsmanager")
        return [
            name
            for name, scheme in sources.items()
            if put_secret(client, _webhook_secret(name), _new_webhook_document(scheme), replace=False)
        ]

    def urls(self) -> tuple[str, str] | None:
        """Where MiniStack serves the REST and the WebSocket API, whose ids may change with a deployment; None when no
        app is deployed.
        """
        outputs = self._deployment.app.outputs()
        own = f"{self.target.endpoints.aws_endpoint_url}/_aws/execute-api"
        if not outputs:
            return None
        return f"{own}/{outputs['RestAPIId']}/{API_STAGE}", f"{own}/{outputs['WebsocketAPIId']}/{API_STAGE}"


def _webhook_secret(source: str) -> str:
    return f"frontdesk/{STAGE}/webhooks/{source}"


def _new_webhook_document(scheme: str) -> dict[str, Any]:
    secret = new_secret(scheme)
    # Elsewhere the two must differ, since a verify token travels in URLs; here `localcloud secrets` shows all there is.
    return {"secrets": [secret], **({"verify_token": secret} if scheme == "meta" else {})}


def read_webhook_secrets(client: Callable[[str], Any]) -> dict[str, list[str]]:
    """The active secrets of every source that has some, newest first."""
    manager = client("secretsmanager")
    found = {}
    for name in SOURCES:
        try:
            text = manager.get_secret_value(SecretId=_webhook_secret(name))["SecretString"]
        except manager.exceptions.ResourceNotFoundException:
            continue
        found[name] = list(active_secrets(text, time.time()))
    return found
