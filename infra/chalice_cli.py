"""The commands around ``chalice deploy``."""

import tempfile
from pathlib import Path

import click

from infra.chalice_deploying import ChaliceDeployment
from infra.chalice_project import Project
from infra.command import (
    Group,
    deployment_of,
    directory_option,
    examples,
    package_for,
    package_option,
    stage_option,
    yes_option,
)
from infra.packaging import ROOT

_project_option = click.option(
    "--project",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder of the project.  [default: .chalice-projects/STAGE]",
)


@click.group(
    "chalice",
    cls=Group,
    epilog=examples("python -m infra chalice prepare --stage dev", "python -m infra chalice finish --stage dev"),
)
def chalice() -> None:
    """What comes before and after `chalice deploy`."""


@chalice.command("prepare", epilog=examples("python -m infra chalice prepare --stage dev"))
@stage_option
@directory_option
@_project_option
@package_option
@yes_option
def prepare(stage: str, directory: Path | None, project: Path | None, made: Path | None, yes: bool) -> None:
    """Write a project to run `chalice deploy` in.

    Before that, the data stack is brought up to date, and the schema where it is an update.

    It holds the application and its dependencies with bytecode, and a policy file for each function, made from
    infra/app.yaml.
    """
    deployment = _deployment(stage, directory, project, yes=yes)
    deployment.check()
    with tempfile.TemporaryDirectory(prefix="frontdesk-") as folder:
        deployment.prepare(package_for(stage, made, Path(folder)))
    click.echo(
        f"next:\n  (cd {deployment.project.directory} && chalice deploy --stage {stage})\n"
        f"  python -m infra chalice finish --stage {stage}"
    )


@chalice.command("finish", epilog=examples("python -m infra chalice finish --stage dev"))
@stage_option
@directory_option
@_project_option
def finish(stage: str, directory: Path | None, project: Path | None) -> None:
    """Set what `chalice deploy` cannot.

    That is the options of event sources and of both doors, log groups, and at first the schema.

    It is safe to repeat. Chalice's next deployment keeps all but the doors' bytes: run it after each.
    """
    for line in _deployment(stage, directory, project).finish():
        click.echo(f"{click.style('✓', fg='green', bold=True)} {line}")


def _deployment(stage: str, directory: Path | None, project: Path | None, *, yes: bool = False) -> ChaliceDeployment:
    place = (project or ROOT / ".chalice-projects" / stage).absolute()
    return ChaliceDeployment(deployment_of(stage, directory, yes=yes), Project(place, stage))
