"""``events``: what is stored, what is parked, and reading it again."""

import base64
import itertools
import json
import sys
from collections.abc import Iterator, Mapping
from typing import Any

import click

from localcloud.ranges import WholeNumber
from ops.filters import event_filter
from ops.frontdesk import Frontdesk
from ops.output import (
    confirm,
    examples,
    json_option,
    matching,
    progress,
    readable,
    short_time,
    show_json,
    show_table,
    yes_option,
)
from ops.stage import Stage, pass_stage
from ops.times import utc_now

_PAGE = 500
_REPLAY_PAGE = 50
"""Small enough that a page of the largest bodies is read again within the function's minute."""


@click.group(epilog=examples("events list", "events show github 72d3162e-cc78-11e3-81ab-4c9367dc0958"))
def events() -> None:
    """Stored events: list, show, park, and read them again."""


@events.command("list", epilog=examples("events list --since 2h", "events list --state parked --json"))
@event_filter
@click.option("--limit", type=WholeNumber(1, 100_000), default=20, show_default=True, help="How many.")
@json_option
@pass_stage
def list_events(stage: Stage, which: Mapping[str, Any], limit: int, as_json: bool) -> None:
    """List events, newest first; times are in UTC. --json writes one object a line."""
    found = _events(Frontdesk(stage), which, limit)
    if as_json:
        for event in found:
            show_json(event)
        return
    rows = [
        (short_time(event["received_at"]), *(event[name] for name in ("source", "event_type", "state", "size")), *rest)
        for event in found
        for rest in [(event["external_id"], event["reason"] or "")]
    ]
    if not rows:
        click.echo("No event matches.")
        return
    show_table(("RECEIVED", "SOURCE", "TYPE", "STATE", "BYTES", "ID", "REASON"), rows)


def _events(frontdesk: Frontdesk, which: Mapping[str, Any], limit: int) -> Iterator[Mapping[str, Any]]:
    pages = frontdesk.pages("list_events", **which, limit=min(limit, _PAGE))
    return itertools.islice((event for page in pages for event in page["events"]), limit)


@events.command("show", epilog=examples("events show github ID", "events show github ID --raw > body.json"))
@click.argument("source")
@click.argument("external_id", metavar="ID")
@click.option("--raw", is_flag=True, help="Write the body alone, byte for byte.")
@json_option
@pass_stage
def show_event(stage: Stage, source: str, external_id: str, raw: bool, as_json: bool) -> None:
    """Show one event: what was made of it, its headers and its body."""
    event = Frontdesk(stage).ask("show_event", source=source, external_id=external_id)
    body = base64.b64decode(event["body"])
    if raw:
        sys.stdout.buffer.write(body)
    elif as_json:
        show_json(event)
    else:
        _show(event)
        click.echo()
        click.echo(body_text(body))


def _show(event: Mapping[str, Any]) -> None:
    names = ("source", "external_id", "event_type", "state", "reason", "received_at", "stored_at", "erased_at")
    for name in (*names, "content_type", "size", "body_sha256", "correlation_id"):
        if event[name] is not None:
            show_field(name, event[name])
    for name, value in event["headers"].items():
        show_field(f"header {name}", value)
    for conflict in event["conflicts"]:
        show_field("conflict", f"other bytes at {conflict['received_at']}: SHA-256 {conflict['body_sha256']}")


def show_field(name: str, value: Any) -> None:
    click.echo(f"{click.style(f'{name:<16}', dim=True)}  {readable(str(value))}")


def body_text(body: bytes) -> str:
    """A body for people: indented where it is JSON, its control characters escaped, or its size where it is no text."""
    try:
        text = json.dumps(json.loads(body), indent=2, ensure_ascii=False)
    except (ValueError, RecursionError):
        try:
            text = body.decode("utf-8")
        except UnicodeDecodeError:
            return f"({len(body)} bytes that are no text: --raw writes them)"
    return "\n".join(readable(line) for line in text.split("\n"))


@events.command("park", epilog=examples("events park github ID --reason 'Sent by mistake.'"))
@click.argument("source")
@click.argument("external_id", metavar="ID")
@click.option("--reason", required=True, help="Why, for whoever finds it.")
@yes_option
@pass_stage
def park_event(stage: Stage, source: str, external_id: str, reason: str, yes: bool) -> None:
    """Take one event out of use, with a reason. Its bytes stay: a replay reads it again."""
    confirm(f"Park {source} {external_id}?", yes=yes)
    Frontdesk(stage).ask("park_event", source=source, external_id=external_id, reason=reason)
    click.echo("Parked.")


@events.command(
    "replay",
    epilog=examples("events replay --state parked --source github --dry-run", "events replay --since 3d --yes"),
)
@event_filter
@click.option("--dry-run", is_flag=True, help="Only say how many match.")
@yes_option
@json_option
@pass_stage
def replay(stage: Stage, which: Mapping[str, Any], dry_run: bool, yes: bool, as_json: bool) -> None:
    """Read stored events again with the code that is deployed now. Safe to repeat, and to interrupt."""
    frontdesk = Frontdesk(stage)
    which = {**which, "until": which["until"] or utc_now().isoformat()}
    found = frontdesk.ask("count_events", **which)["count"]
    if dry_run or not found:
        show_json({"matching": found}) if as_json else click.echo(f"{matching(found, 'event')}.")
        return
    confirm(f"{matching(found, 'event')}. Read them again on the stage {stage.name}?", yes=yes)
    totals = {"stored": 0, "parked": 0}
    with progress("replaying", found) as bar:
        for page in frontdesk.pages("replay_events", **which, limit=_REPLAY_PAGE):
            for state in totals:
                totals[state] += page[state]
            bar.update(page["stored"] + page["parked"])
    show_json(totals) if as_json else click.echo(f"{totals['stored']} are stored, {totals['parked']} parked.")
