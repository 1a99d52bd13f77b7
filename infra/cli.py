"""The commands of ``python -m infra``, and what they are put together from."""

import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from chalicelib.webhooks.sources import SOURCES
from infra.changes import Change, show_changes
from infra.deploying import PROTECTED_STAGE, Deployment, Review, go_on
from infra.destroying import destroy, leftovers
from infra.errors import DeploymentError, InfraError, Interrupted
from infra.packaging import ROOT, Package, package
from infra.secret_store import has_secret
from infra.smoke import Smoke
from infra.stages import Stage, read_stage
from infra.target import AwsTarget, Target

LOCAL = "local"
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


class Group(click.Group):
    """Shows what went wrong in a few lines, not as a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except InfraError as error:
            raise click.ClickException(str(error)) from error
        except Interrupted as interrupted:
            click.echo(f"\n{interrupted}", err=True)
            raise SystemExit(130) from None
        except NoCredentialsError as error:
            raise click.ClickException("There are no AWS credentials: set AWS_PROFILE, or sign in.") from error
        except ClientError as error:
            raise click.ClickException(f"{error} Ask for leave, take other credentials, or try again.") from error
        except BotoCoreError as error:
            raise click.ClickException(f"AWS cannot be reached: {error}") from error


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


_stage_option = click.option("--stage", default="dev", show_default=True, help="One of infra/stages.yaml.")
_directory_option = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LOCALCLOUD_DIRECTORY",
    help="Where the local cloud lives, if it is the target.  [default: .localcloud]",
)


@click.group(cls=Group, epilog=_examples("python -m infra deploy --stage dev", "python -m infra destroy --stage dev"))
def main() -> None:
    """Frontdesk's infrastructure: package, deploy and destroy a stage."""


@main.command(
    "package",
    epilog=_examples("python -m infra package --stage dev", "python -m infra package --stage prod --output out"),
)
@_stage_option
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into; it is emptied first.  [default: build/STAGE]",
)
def package_stage(stage: str, output: Path | None) -> None:
    """Write the application's zip, its layer and its template."""
    click.echo(f"packaging stage {read_stage(stage).name}; the dependencies take a moment …")
    result = package(stage, output or ROOT / "build" / stage)
    for path in (result.template, result.application, result.layer):
        click.echo(f"  {path.stat().st_size / 1024:9.1f} KiB  {path}")


@main.command(
    "deploy",
    epilog=_examples(
        "python -m infra deploy --stage dev",
        "AWS_PROFILE=shop python -m infra deploy --stage prod",
        "python -m infra deploy --stage prod --yes      # in CI",
        "python -m infra deploy --stage local           # the running local cloud",
        "AWS_ENDPOINT_URL=http://127.0.0.1:4566 python -m infra deploy --stage dev",
    ),
)
@_stage_option
@_directory_option
@click.option(
    "--package",
    "made",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Deploy what `package` has written, with these sources, into this folder.  [default: package now]",
)
@click.option("--yes", is_flag=True, help="Change prod without asking.")
def deploy_stage(stage: str, directory: Path | None, made: Path | None, yes: bool) -> None:
    """Package, create or update both stacks, and look whether it works.

    The target is AWS, with the shell's credentials and region. The stage local, and any stage while AWS_ENDPOINT_URL
    names this machine, goes to the running local cloud. On prod the changes are shown first, and wait for a yes.
    """
    deployment = _deployment(stage, directory, _ask(yes=yes) if stage == PROTECTED_STAGE else go_on)
    deployment.check()
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as folder:
        packaged = _package(stage, made, Path(folder))
        deployment.update_data()
        deployment.update_app(packaged)
    _look_at(deployment)


@main.command(
    "destroy", epilog=_examples("python -m infra destroy --stage dev", "python -m infra destroy --stage prod --yes")
)
@_stage_option
@_directory_option
@click.option("--yes", is_flag=True, help="Do not ask for the name of prod.")
def destroy_stage(stage: str, directory: Path | None, yes: bool) -> None:
    """Remove the app stack, and name what is left.

    Tables, queues, buckets, the database and secrets stay: the next deployment finds them.
    """
    deployment = _deployment(stage, directory, go_on)
    if stage == PROTECTED_STAGE and not yes:
        _need_terminal("destroying")
        if click.prompt(f"Type the stage's name to remove {deployment.app.name}") != stage:
            raise DeploymentError("That is not its name: nothing was removed.")
    destroy(deployment)
    for kind, names in leftovers(deployment):
        click.echo(f"left: {kind}" if names else f"left: no {kind}")
        for name in names:
            click.echo(f"  {name}")
    click.echo("docs/deploying.md says how to remove what is left.")


def _deployment(stage: str, directory: Path | None, review: Review) -> Deployment:
    chosen = read_stage(stage)
    target = _target(chosen, directory)
    click.echo(f"stage {stage}, account {target.account}, region {target.region}")
    return Deployment(chosen, target, click.echo, review)


def _package(stage: str, made: Path | None, folder: Path) -> Package:
    if made is None:
        click.echo("packaging; the dependencies take a moment …")
        return package(stage, folder / "package")
    found = Package(made)
    if not (found.template.exists() and found.application.exists()):
        raise DeploymentError(f"There is no package in {made}: python -m infra package --stage {stage} --output {made}")
    return found


def _target(stage: Stage, directory: Path | None) -> Target:
    """The local cloud is the one target that is not always installed, and the only one that is imported late."""
    if stage.name == LOCAL or urlsplit(os.environ.get("AWS_ENDPOINT_URL", "")).hostname in _THIS_MACHINE:
        from localcloud.processes import StartError
        from localcloud.target import running_target

        try:
            return running_target(stage, directory)
        except StartError as error:
            raise DeploymentError(str(error)) from error
    target = AwsTarget.of_the_shell()
    stage.check_place(target.account, target.region)
    return target


def _ask(*, yes: bool) -> Review:
    def review(stack: str, changes: Sequence[Change]) -> bool:
        for line in show_changes(stack, changes):
            click.echo(line)
        if yes:
            return True
        _need_terminal("changing")
        return click.confirm(f"Change {stack}?")

    return review


def _need_terminal(what: str) -> None:
    if not sys.stdin.isatty():
        raise DeploymentError(f"There is no terminal to ask at before {what} {PROTECTED_STAGE}: look, then add --yes.")


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
