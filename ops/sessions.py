"""``sessions``: one conversation as it is stored, handing it to people, and bringing in old ones."""

import getpass
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chalicelib.aws.tables import Item
from chalicelib.chat.turns import decompress
from ops.events import show_field
from ops.frontdesk import ask
from ops.history import HistoryError, Importing, read_history
from ops.output import confirm, examples, json_option, progress, readable, short_time, show_json, show_table, yes_option
from ops.stage import Stage, pass_stage

_TIMES = ("created_at", "updated_at", "ttl", "handoff_at", "disconnected_at", "at")
_KINDS = {"TURN": "turns", "HANDOFF": "handoffs", "SUMMARY": "summaries"}


@click.group(epilog=examples("sessions show ID", "sessions hand-off ID --reason 'Asked for by phone.'"))
def sessions() -> None:
    """Conversations: show, hand to a person, import."""


@sessions.command(epilog=examples("sessions show ID", "sessions show ID --content", "sessions show ID --json"))
@click.argument("session_id", metavar="ID")
@click.option("--content", is_flag=True, help="Show what was said, too: personal data.")
@json_option
@pass_stage
def show(stage: Stage, session_id: str, content: bool, as_json: bool) -> None:
    """Show where a session stands, its turns, who handed it to whom, and its summaries; times are in UTC."""
    items = stage.sessions_table().query(f"SESSION#{session_id}")
    if not items:
        raise click.ClickException(f"There is no session {session_id} on the stage {stage.name}, or no longer.")
    found = _description(items, content=content)
    if as_json:
        show_json(found)
        return
    for name, value in found["session"].items():
        show_field(name, short_time(value) if isinstance(value, datetime) else value)
    for kind, columns in (
        ("turns", ("seq", "author", "agent", "at", "tokens")),
        ("handoffs", ("at", "status", "who", "reason")),
        ("summaries", ("from", "to", "at", "tokens")),
    ):
        _show_items(kind, (*columns, "content") if content and kind != "handoffs" else columns, found[kind])


def _show_items(kind: str, columns: tuple[str, ...], items: list[dict[str, Any]]) -> None:
    click.echo(f"\n{len(items)} {kind}")
    if items:
        show_table([name.upper() for name in columns], [[item.get(name) for name in columns] for item in items])


def _description(items: list[Item], *, content: bool) -> dict[str, Any]:
    found: dict[str, Any] = {"session": {}, "turns": [], "handoffs": [], "summaries": []}
    for item in items:
        kind, _, number = item["SK"].partition("#")
        if kind == "META":
            found["session"] = _fields(item)
        elif kind in _KINDS:
            text = {"content": decompress(item)} if content and "content" in item else {}
            order = {"seq": int(number)} if kind == "TURN" else {}
            found[_KINDS[kind]].append(order | _fields(item) | text)
    return found


def _fields(item: Item) -> dict[str, Any]:
    hidden = ("PK", "SK", "content", "encoding", "ticket")
    fields = {name: value for name, value in item.items() if name not in hidden}
    return fields | {name: datetime.fromtimestamp(fields[name], UTC) for name in _TIMES if name in fields}


@sessions.command("hand-off", epilog=examples("sessions hand-off ID --reason 'Asked for by phone.'"))
@click.argument("session_id", metavar="ID")
@click.option("--reason", required=True, help="Why, for the agent who takes it.")
@json_option
@pass_stage
def hand_off(stage: Stage, session_id: str, reason: str, as_json: bool) -> None:
    """Put a session in line for a person; its customer and the desk hear so. Asking again is no error."""
    answer = ask(stage, "hand_off_session", {"session_id": session_id, "reason": reason, "by": getpass.getuser()})
    said = {"waiting": "It waits for a person.", "handoff": "A person has it already."}
    show_json(answer) if as_json else click.echo(said.get(answer["status"], answer["status"]))


@sessions.command("import", epilog=examples("sessions import history.jsonl", "sessions import history.jsonl --yes"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@yes_option
@json_option
@pass_stage
def import_(stage: Stage, file: Path, yes: bool, as_json: bool) -> None:
    """Bring in conversations from elsewhere: JSON lines, one a turn, each session's in their order.

    A line has `session_id`, `author` (customer, bot, agent or system), `content` and `at` (ISO 8601), and may have
    `customer_id`, `name`, `email` and `agent`. A session is there as a whole or not at all; one that exists already is
    left as it is. Imported sessions live a day from now, as if they had just been used.
    """
    try:
        histories = read_history(_lines(file))
    except HistoryError as error:
        raise click.ClickException(f"{file}: {error}") from None
    turns = sum(len(history.turns) for history in histories)
    confirm(f"Import {len(histories)} sessions with {turns} turns to the stage {stage.name}?", yes=yes)
    importing = Importing(stage.sessions_table())
    done = {"imported": 0, "turns": 0, "existing": 0}
    with progress("importing", len(histories)) as bar:
        for history in histories:
            is_new = importing.store(history)
            done["imported" if is_new else "existing"] += 1
            done["turns"] += len(history.turns) if is_new else 0
            bar.update(1)
    if as_json:
        show_json(done)
    else:
        click.echo(f"{done['imported']} sessions with {done['turns']} turns imported, {done['existing']} were there.")


def _lines(file: Path) -> Iterator[Any]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield json.loads(line)
            except ValueError:
                raise HistoryError(f"line {number} is not JSON: {readable(line[:40])}") from None
