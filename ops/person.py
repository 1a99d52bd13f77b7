"""``person``: what is known of somebody, for them to have or to have erased."""

import base64
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from ops.frontdesk import Frontdesk
from ops.output import confirm, counted, document, examples, json_option, progress, show_json, yes_option
from ops.stage import Stage, pass_stage

_PAGE = 100

CHATS = "Chats are not part of this: they end by themselves within 7 days; `sessions erase ID` ends one at once."


@click.group(epilog=examples("person export aiko@example.com --output aiko.json", "person erase aiko@example.com"))
def person() -> None:
    """Personal data of one person: export, erase."""


@person.command(epilog=examples("person export aiko@example.com", "person export aiko@example.com --output aiko.json"))
@click.argument("email")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write there; the file is yours alone.")
@pass_stage
def export(stage: Stage, email: str, output: Path | None) -> None:
    """Write what is known of a person, as JSON.

    It has the orders and the events with this address. An event that tells of several people is in it as a whole: read
    it before you hand it out. Chats are not in it: they are kept by session, and end by themselves within 7 days.
    `sessions show ID --content --json` has one.
    """
    if output is None:
        click.echo(document(_known_of(Frontdesk(stage), email)))
        return
    with _writing(output):  # before all is read, which may take its time
        output.touch(mode=0o600)
        output.chmod(0o600)
    known = _known_of(Frontdesk(stage), email)
    click.echo(CHATS, err=True)
    with _writing(output):
        output.write_text(document(known) + "\n", encoding="utf-8")
    click.echo(f"{output} has {_told(len(known['events']), len(known['orders']))}.", err=True)


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise click.ClickException(f"{path} cannot be written: {error.strerror}.") from None


def _known_of(frontdesk: Frontdesk, email: str) -> dict[str, Any]:
    """Orders and events of a person, oldest first."""
    orders = [
        order for page in frontdesk.pages("list_person_orders", email=email, limit=_PAGE) for order in page["orders"]
    ]
    keys = [key for page in frontdesk.pages("list_person_events", email=email) for key in page["events"]]
    events = []
    with progress("reading events", len(keys)) as bar:
        for key in keys:
            events.append(_readable(frontdesk.ask("show_event", **key)))
            bar.update(1)
    return {"email": email, "orders": sorted(orders, key=lambda order: str(order["updated_at"])), "events": events}


def _told(events: int, orders: int) -> str:
    return f"{counted(events, 'event')} and {counted(orders, 'order')}"


def _readable(event: Mapping[str, Any]) -> dict[str, Any]:
    """An event whose body, where it is JSON, is a value in place of base64."""
    try:
        return {**event, "body": json.loads(base64.b64decode(event["body"]))}
    except (ValueError, RecursionError):
        return {**event}


@person.command(epilog=examples("person erase aiko@example.com", "person erase aiko@example.com --yes"))
@click.argument("email")
@yes_option
@json_option
@pass_stage
def erase(stage: Stage, email: str, yes: bool, as_json: bool) -> None:
    """Erase what is known of a person, for ever.

    It empties the orders and the events with this address; export first. Chats are not touched: they are kept by
    session, and end by themselves within 7 days. `sessions erase ID` erases one at once.
    """
    frontdesk = Frontdesk(stage)
    found = frontdesk.ask("count_person", email=email)
    events, orders = found["events"], found["orders"]
    if events or orders:
        confirm(f"Erase {email} from {_told(events, orders)} on {stage.name}, for ever?", yes=yes)
    erased = frontdesk.ask("erase_person", email=email)
    if as_json:
        show_json(erased)
    else:
        click.echo(CHATS, err=True)
        click.echo(f"Erased from {_told(erased['events'], erased['orders'])}.")
