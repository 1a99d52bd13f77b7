"""What every command of ``python -m infra`` that works on a stage has in common."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from infra.changes import Change, show_changes
from infra.deploying import PROTECTED_STAGE, Deployment, Review, go_on
from infra.errors import DeploymentError, InfraError, Interrupted
from infra.folders import PACKAGE, Mark, read_mark
from infra.packaging import Package, package
from infra.stages import Stage, read_stage
from infra.target import AwsTarget, Target

LOCAL = "local"
INTERRUPTED = 130
"""The exit code after Ctrl-C, as shells have it."""

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
            raise SystemExit(INTERRUPTED) from None
        except (KeyboardInterrupt, click.Abort):
            click.echo("\nInterrupted. Run it again: whatever was begun is then done.", err=True)
            raise SystemExit(INTERRUPTED) from None
        except NoCredentialsError as error:
            raise click.ClickException("There are no AWS credentials: set AWS_PROFILE, or sign in.") from error
        except ClientError as error:
            raise click.ClickException(f"{error} Ask for leave, take other credentials, or try again.") from error
        except BotoCoreError as error:
            raise click.ClickException(f"AWS cannot be reached: {error}") from error


def examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines)


stage_option = click.option("--stage", default="dev", show_default=True, help="One of infra/stages.yaml.")
directory_option = click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    envvar="LOCALCLOUD_DIRECTORY",
    help="Where the local cloud lives, if it is the target.  [default: .localcloud]",
)


package_option = click.option(
    "--package",
    "made",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="Deploy what `package` has written, with these sources, into this folder.  [default: package now]",
)
yes_option = click.option("--yes", is_flag=True, help="Change prod without asking.")


def deployment_of(stage: str, directory: Path | None, *, yes: bool = False) -> Deployment:
    """The deployment of a stage to its target; on prod each change is shown, and with ``yes`` taken for agreed."""
    chosen = read_stage(stage)
    review = _ask(yes=yes) if stage == PROTECTED_STAGE else go_on
    target = _target(chosen, directory)
    click.echo(f"stage {stage}, account {target.account}, region {target.region}")
    return Deployment(chosen, target, click.echo, review)


def package_for(stage: str, made: Path | None, folder: Path) -> Package:
    """The package that was ``made``, or a new one below ``folder``.

    ``DeploymentError`` where it is of another stage, or made from other sources than these.
    """
    if made is None:
        click.echo("packaging; the dependencies take a moment …")
        return package(stage, folder / "package")
    found, mark, wanted = Package(made), read_mark(made), Mark.of(PACKAGE, stage)
    again = f"python -m infra package --stage {stage} --output {made}"
    if not (found.template.exists() and found.application.exists()):
        raise DeploymentError(f"There is no package in {made}: {again}")
    if mark is None or mark.kind != PACKAGE:
        raise DeploymentError(f"The package in {made} does not say which stage it is of: {again}")
    if mark.stage != stage:
        raise DeploymentError(f"The package in {made} is of the stage {mark.stage}, not {stage}: {again}")
    if mark != wanted:
        raise DeploymentError(
            f"The package in {made} (version {mark.version}) is made from other sources than these (version "
            f"{wanted.version}): check those out, or {again}"
        )
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
        need_terminal("changing")
        return click.confirm(f"Change {stack}?")

    return review


def need_terminal(what: str) -> None:
    if not sys.stdin.isatty():
        raise DeploymentError(f"There is no terminal to ask at before {what} {PROTECTED_STAGE}: look, then add --yes.")
