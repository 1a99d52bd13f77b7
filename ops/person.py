"""``person``: what is known of somebody, for them to have or to have erased."""

import json
from pathlib import Path

import click

from ops.frontdesk import Frontdesk
from ops.output import confirm, examples, json_option, show_json, yes_option
from ops.stage import Stage, pass_stage


@click.group(epilog=examples("person export aiko@example.com --output aiko.json", "person erase aiko@example.com"))
def person() -> None:
    """Personal data: export and erase what is known of one person."""


@person.command(epilog=examples("person export aiko@example.com", "person export aiko@example.com --output aiko.json"))
@click.argument("email")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there; the file is yours alone.")
@pass_stage
def export(stage: Stage, email: str, output: Path | None) -> None:
    """Write all that is known of the person with this address, as one JSON document."""
    found = Frontdesk(stage).ask("export_person", email=email)
    text = json.dumps(found, indent=2, ensure_ascii=False)
    if output is None:
        click.echo(text)
        return
    output.touch(mode=0o600)
    output.write_text(text + "\n", encoding="utf-8")
    click.echo(f"Written to {output}.", err=True)


@person.command(epilog=examples("person erase aiko@example.com", "person erase aiko@example.com --yes"))
@click.argument("email")
@yes_option
@json_option
@pass_stage
def erase(stage: Stage, email: str, yes: bool, as_json: bool) -> None:
    """Erase what is known of the person with this address. It cannot be undone; export first."""
    frontdesk = Frontdesk(stage)
    confirm(f"Erase {email} on the stage {stage.name} for ever?", yes=yes)
    erased = frontdesk.ask("erase_person", email=email)
    show_json(erased) if as_json else click.echo(", ".join(f"{name}: {number}" for name, number in erased.items()))
