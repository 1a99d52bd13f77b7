"""``sessions``: who is at the desk, one conversation as it is stored, handing over, erasing, bringing in old ones."""

import getpass
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from chalicelib.aws.tables import ConditionFailedError, Item, delete
from chalicelib.chat.handoff import DESK, WAITING
from chalicelib.chat.sessions import session_key
from chalicelib.chat.turns import decompress
from ops.events import show_field
from ops.frontdesk import ask
from ops.history import HistoryError, Importing, read_history
from ops.output import (
    confirm,
    counted,
    examples,
    json_option,
    progress,
    readable,
    short_time,
    show_json,
    show_table,
    yes_option,
)
from ops.stage import Stage, pass_stage
from ops.times import utc_now

_STATES = {
    "active": "with the assistant",
    "waiting": "waits for a person",
    "handoff": "with a person",
    "closed": "closed",
    None: "ended; the rest is deleted soon",
}
_TIMES = ("created_at", "updated_at", "ttl", "handoff_at", "disconnected_at", "at")
_KINDS = {"TURN": "turns", "HANDOFF": "handoffs", "SUMMARY": "summaries"}


@click.group(
    epilog=examples(
        "sessions list", "sessions show ID", "sessions hand-off ID --reason 'Asked for by phone.'", "sessions erase ID"
    )
)
def sessions() -> None:
    """Conversations: list, show, hand over, erase, import."""


@sessions.command("list", epilog=examples("sessions list", "sessions list --content", "sessions list --json"))
@click.option("--content", is_flag=True, help="Show why they ask for a person, too: personal data.")
@json_option
@pass_stage
def list_sessions(stage: Stage, content: bool, as_json: bool) -> None:
    """List who waits at the desk or is with an agent.

    The longest wait first; times are in UTC. A conversation that never asked for a person is not at the desk: its id is
    in the logs of websocket_message and answer_messages. --json writes one object a line.
    """
    now = utc_now().timestamp()
    found = [_entry(item, content=content) for item in stage.sessions_table().query(DESK, WAITING) if item["ttl"] > now]
    if as_json:
        for one in found:
            show_json(one)
    elif not found:
        click.echo("Nobody is at the desk.")
    else:
        columns = ("session_id", "state", "agent", "since", "customer", *(("reason",) if content else ()))
        show_table([name.upper() for name in columns], [[one[name] for name in columns] for one in found])


def _entry(item: Item, *, content: bool) -> dict[str, Any]:
    return {
        "session_id": item["session_id"],
        "state": "with an agent" if "agent" in item else "left" if item.get("left") else "waiting",
        "agent": item.get("agent"),
        "since": datetime.fromtimestamp(item["since"], UTC),
        "customer": item["customer"],
    } | ({"reason": item["reason"]} if content else {})


@sessions.command(epilog=examples("sessions show ID", "sessions show ID --content", "sessions show ID --json"))
@click.argument("session_id", metavar="ID")
@click.option("--content", is_flag=True, help="Show what was said, too: personal data.")
@json_option
@pass_stage
def show(stage: Stage, session_id: str, content: bool, as_json: bool) -> None:
    """Show one session: state, turns, handoffs, summaries.

    Times are in UTC. --json has every attribute as it is stored.
    """
    items = stage.sessions_table().query(f"SESSION#{session_id}")
    if not items:
        raise _no_such_session(stage, session_id)
    found = _description(items, content=content)
    if as_json:
        show_json(found)
        return
    for name, value in _told(found["session"]):
        show_field(name, short_time(value) if isinstance(value, datetime) else value)
    for kind, columns in (
        ("turns", ("seq", "author", "agent", "at", "tokens")),
        ("handoffs", ("at", "status", "who", "reason")),
        ("summaries", ("from", "to", "at", "tokens")),
    ):
        _show_items(kind, (*columns, "content") if content and kind != "handoffs" else columns, found[kind])


def _told(session: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """What a person wants to know of a session, under names of their own."""
    fields = {
        "session": session.get("session_id"),
        "state": _STATES.get(session.get("status"), session.get("status")),
        "agent": session.get("agent"),
        "customer": session.get("customer_id"),
        "name": session.get("name"),
        "e-mail": session.get("email"),
        "connected": "yes" if session.get("connection_id") else "no",
        "disconnected": None if session.get("connection_id") else session.get("disconnected_at"),
        "opened": session.get("created_at"),
        "last used": session.get("updated_at"),
        "handed over": session.get("handoff_at"),
        "ends": session.get("ttl"),
        "tokens charged": session.get("tokens"),
    }
    return ((name, value) for name, value in fields.items() if value is not None)


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
            fields = _fields(item)
            if not content and fields.get("who") in ("customer", "assistant"):
                fields["reason"] = None  # what a customer said, or what was made of it
            found[_KINDS[kind]].append(order | fields | text)
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
    """Put a session in line for a person.

    Its customer and the desk hear so. Asking again is no error.
    """
    answer = ask(stage, "hand_off_session", {"session_id": session_id, "reason": reason, "by": getpass.getuser()})
    said = {"waiting": "It waits for a person.", "handoff": "A person has it already."}
    show_json(answer) if as_json else click.echo(said.get(answer["status"], answer["status"]))


@sessions.command(epilog=examples("sessions erase ID", "sessions erase ID --yes"))
@click.argument("session_id", metavar="ID")
@yes_option
@json_option
@pass_stage
def erase(stage: Stage, session_id: str, yes: bool, as_json: bool) -> None:
    """Erase one session for ever, whatever its state.

    Its META goes; as at the end of every session, the table's stream then has its turns, summaries, handoffs and its
    place at the desk deleted, within seconds. Its customer begins anew. Backups of the table keep what they have for
    35 days.
    """
    table = stage.sessions_table()
    if table.get(session_key(session_id)) is None:
        raise _no_such_session(stage, session_id)
    confirm(f"Erase the session {session_id} on the stage {stage.name}, for ever?", yes=yes)
    try:
        table.write(delete(session_key(session_id), "attribute_exists(PK)"))
    except ConditionFailedError:
        raise _no_such_session(stage, session_id) from None
    if as_json:
        show_json({"erased": session_id})
    else:
        click.echo(f"{session_id} is erased; the rest of it goes within seconds.")


def _no_such_session(stage: Stage, session_id: str) -> click.ClickException:
    return click.ClickException(f"There is no session {session_id} on the stage {stage.name}, or no longer.")


@sessions.command("import", epilog=examples("sessions import history.jsonl", "sessions import history.jsonl --yes"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@yes_option
@json_option
@pass_stage
def import_(stage: Stage, file: Path, yes: bool, as_json: bool) -> None:
    """Bring in conversations from elsewhere.

    FILE has JSON lines, one a turn, each session's in their order. A line has `session_id`, `author` (customer, bot,
    agent or system), `content` and `at` (ISO 8601), and may have `customer_id`, `name`, `email` and `agent`. A session
    is there as a whole or not at all; one that exists already is left as it is. Imported sessions live a day from now,
    as if they had just been used.
    """
    try:
        histories = read_history(_lines(file))
    except HistoryError as error:
        raise click.ClickException(f"{file}: {error}") from None
    turns = sum(len(history.turns) for history in histories)
    found = f"{counted(len(histories), 'session')} with {counted(turns, 'turn')}"
    confirm(f"Import {found} to the stage {stage.name}?", yes=yes)
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
        imported = f"{counted(done['imported'], 'session')} with {counted(done['turns'], 'turn')}"
        click.echo(f"{imported} imported; there already: {done['existing']}.")


def _lines(file: Path) -> Iterator[tuple[int, Any]]:
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            try:
                yield number, json.loads(line)
            except ValueError:
                raise HistoryError(f"line {number} is not JSON: {readable(line[:40])}") from None
