"""The commands of ``python -m infra``, and what they are put together from."""

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click

from chalicelib.webhooks.sources import SOURCES
from infra.chalice_cli import chalice
from infra.command import (
    Group,
    deployment_of,
    directory_option,
    examples,
    need_terminal,
    package_for,
    package_option,
    stage_option,
    yes_option,
)
from infra.deploying import PROTECTED_STAGE, Deployment
from infra.destroying import destroy, leftovers
from infra.errors import DeploymentError
from infra.packaging import ROOT, package
from infra.secret_store import has_secret
from infra.smoke import Smoke
from infra.stages import read_stage


@click.group(cls=Group, epilog=examples("python -m infra deploy --stage dev", "python -m infra destroy --stage dev"))
def main() -> None:
    """Frontdesk's infrastructure: package, deploy and destroy a stage."""


main.add_command(chalice)


@main.command(
    "package",
    epilog=examples("python -m infra package --stage dev", "python -m infra package --stage prod --output out"),
)
@stage_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into: a new one, or that of an older package.  [default: build/STAGE]",
)
def package_stage(stage: str, output: Path | None) -> None:
    """Write the application's zip, its layer and its template."""
    click.echo(f"packaging stage {read_stage(stage).name}; the dependencies take a moment …")
    result = package(stage, output or ROOT / "build" / stage)
    for path in (result.template, result.application, result.layer):
        click.echo(f"  {path.stat().st_size / 1024:9.1f} KiB  {path}")


@main.command(
    "deploy",
    epilog=examples(
        "python -m infra deploy --stage dev",
        "AWS_PROFILE=shop python -m infra deploy --stage prod",
        "python -m infra deploy --stage prod --yes      # in CI",
        "python -m infra deploy --stage local           # the running local cloud",
        "AWS_ENDPOINT_URL=http://127.0.0.1:4566 python -m infra deploy --stage dev",
    ),
)
@stage_option
@directory_option
@package_option
@yes_option
def deploy_stage(stage: str, directory: Path | None, made: Path | None, yes: bool) -> None:
    """Package, create or update both stacks, and look whether it works.

    The target is AWS, with the shell's credentials and region. The stage local, and any stage while AWS_ENDPOINT_URL
    names this machine, goes to the running local cloud. On prod the changes are shown first, and wait for a yes.
    """
    deployment = deployment_of(stage, directory, yes=yes)
    deployment.check()
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as folder:
        packaged = package_for(stage, made, Path(folder))
        deployment.update_data()
        deployment.update_app(packaged)
    _look_at(deployment)


@main.command(
    "destroy", epilog=examples("python -m infra destroy --stage dev", "python -m infra destroy --stage prod --yes")
)
@stage_option
@directory_option
@click.option("--yes", is_flag=True, help="Do not ask for the name of prod.")
def destroy_stage(stage: str, directory: Path | None, yes: bool) -> None:
    """Remove the app stack, and name what is left.

    Tables, queues, buckets, the database and secrets stay: the next deployment finds them.
    """
    deployment = deployment_of(stage, directory)
    if stage == PROTECTED_STAGE and not yes:
        need_terminal("destroying")
        if click.prompt(f"Type the stage's name to remove {deployment.app.name}") != stage:
            raise DeploymentError("That is not its name: nothing was removed.")
    destroy(deployment)
    for kind, names in leftovers(deployment):
        click.echo(f"left: {kind}" if names else f"left: no {kind}")
        for name in names:
            click.echo(f"  {name}")
    click.echo("docs/deploying.md says how to remove what is left.")


def _look_at(deployment: Deployment) -> None:
    """Test what was deployed, and say where it is and what is left to do."""
    wrong = False
    for name, fault in Smoke(deployment).run():
        wrong = wrong or fault is not None
        click.echo(f"{_mark(good=fault is None)} {name}" + (f": {fault}" if fault else ""))
    if wrong:
        raise DeploymentError(
            f"The stage {deployment.stage.name} is deployed, but does not work as it should. "
            f"`python -m ops --stage {deployment.stage.name} doctor` and docs/operating.md help to find out why."
        )
    for what, address in _addresses(deployment):
        click.echo(f"  {what:<10} {address}")
    for task in _left_to_do(deployment):
        click.echo(f"{click.style('!', fg='yellow', bold=True)} {task}")


def _mark(*, good: bool) -> str:
    return click.style("✓" if good else "✗", fg="green" if good else "red", bold=True)


def _addresses(deployment: Deployment) -> Iterator[tuple[str, str]]:
    addresses, outputs = deployment.addresses, deployment.app.outputs()
    yield "HTTP", addresses.http
    yield "chat", f"{addresses.http}/"
    yield "desk", f"{addresses.http}/desk"
    yield "WebSocket", addresses.websocket
    for what, output in (("bot", "LexBotAliasArn"), ("dashboard", "DashboardUrl")):
        if output in outputs:
            yield what, outputs[output]


def _left_to_do(deployment: Deployment) -> Iterator[str]:
    """What only an operator can bring."""
    stage, client = deployment.stage, deployment.target.client
    manager, ops = client("secretsmanager"), f"python -m ops --stage {deployment.stage.name}"
    missing = [name for name in sorted(SOURCES) if not has_secret(manager, stage.secret(f"webhooks/{name}"))]
    if missing:
        yield f"no secret, so every webhook is refused: {', '.join(missing)}. `{ops} secrets set {missing[0]}`"
    ssm, key = client("ssm"), f"/{stage.secret('bank-api-key')}"
    if not _exists(lambda: ssm.get_parameter(Name=key), ssm.exceptions.ParameterNotFound):
        yield (
            "no key to the bank's API, so every caller is sent to a person: "
            f'aws ssm put-parameter --name {key} --type SecureString --value "$KEY"'
        )


def _exists(read: Callable[[], Any], missing: type[Exception]) -> bool:
    try:
        read()
    except missing:
        return False
    return True
