"""``python -m infra``: packaging from the command line."""

from pathlib import Path

import click

from infra.packaging import ROOT, PackagingError, package


@click.group()
def main() -> None:
    """Frontdesk's infrastructure."""


@main.command(
    "package",
    epilog="\b\nExamples:\n  python -m infra package --stage dev\n  python -m infra package --stage prod --output out",
)
@click.option(
    "--stage", type=click.Choice(["local", "dev", "prod"]), default="dev", show_default=True, help="Stage to package."
)
@click.option(
    "--output",
    type=click.Path(file_okay=False, path_type=Path),
    help="Folder to write into; it is emptied first.  [default: build/STAGE]",
)
def package_stage(stage: str, output: Path | None) -> None:
    """Write the application's zip, its layer and its template, ready for CloudFormation."""
    click.echo(f"packaging stage {stage}; the dependencies take a moment …")
    try:
        result = package(stage, output or ROOT / "build" / stage)
    except PackagingError as error:
        raise click.ClickException(str(error)) from error
    for path in (result.template, result.application, result.layer):
        click.echo(f"  {path.stat().st_size / 1024:9.1f} KiB  {path}")


if __name__ == "__main__":
    main(prog_name="python -m infra")
