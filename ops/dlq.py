"""``dlq``: the messages that were received several times and dealt with never."""

from collections import Counter
from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from functools import wraps
from typing import Any

import click

from chalicelib.webhooks.sources import SOURCES
from localcloud.ranges import WholeNumber
from ops.dead_letters import (
    QUEUES,
    UNKNOWN,
    VISIBILITY_SECONDS,
    DeadLetter,
    DeadLetterQueue,
    LetterFilter,
    open_queue,
)
from ops.events import body_text, show_field
from ops.filters import id_option, since_option, type_option
from ops.output import (
    confirm,
    counted,
    examples,
    json_option,
    matching,
    progress,
    short_time,
    show_json,
    show_table,
    yes_option,
)
from ops.stage import Stage
from ops.times import Time, utc_now


@dataclass(frozen=True)
class Dlq:
    """What ``--queue`` and ``--visibility`` chose."""

    stage: Stage
    queue: str
    visibility: int

    def open(self) -> DeadLetterQueue:
        return open_queue(self.stage, self.queue, self.visibility)


pass_dlq = click.make_pass_decorator(Dlq)


@click.group(epilog=examples("dlq list", "dlq redrive --source github --dry-run", "dlq --queue failed-turns redrive"))
@click.option("--queue", type=click.Choice(QUEUES), default=QUEUES[0], show_default=True, help="Whose dead letters.")
@click.option(
    "--visibility",
    type=WholeNumber(1, 43_200),
    default=VISIBILITY_SECONDS,
    show_default=True,
    help="Seconds until the messages reappear, should a command be killed.",
)
@click.pass_context
def dlq(context: click.Context, queue: str, visibility: int) -> None:
    """The dead-letter queue: list, show, send on, discard."""
    stage = context.find_object(Stage)
    assert stage is not None
    context.obj = Dlq(stage, queue, visibility)


def letter_filter(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command its filter, as the one argument ``which``."""

    @click.option(
        "--source",
        type=click.Choice([*sorted(SOURCES), UNKNOWN]),
        metavar="SOURCE",
        help="Only this source's: github, say, or unknown.",
    )
    @type_option
    @id_option
    @since_option
    @click.option("--older-than", type=Time(), help="Only what was received before then: 2h, 3d, or ISO 8601.")
    @wraps(command)
    def filtered(
        *arguments: Any,
        source: str | None,
        event_type: str | None,
        external_id: str | None,
        since: datetime | None,
        older_than: datetime | None,
        **options: Any,
    ) -> Any:
        return command(*arguments, which=LetterFilter(source, event_type, external_id, since, older_than), **options)

    return filtered


@dlq.command("list", epilog=examples("dlq list", "dlq list --source github --older-than 2h", "dlq list --json"))
@letter_filter
@click.option("--limit", type=WholeNumber(1, 100_000), default=100, show_default=True, help="How many.")
@json_option
@pass_dlq
def list_letters(chosen: Dlq, which: LetterFilter, limit: int, as_json: bool) -> None:
    """List messages, oldest first; times are in UTC. --json writes one object a line."""
    found = sorted(map(_description, _matching(chosen.open(), which)), key=lambda letter: letter["received_at"])
    if as_json:
        for letter in found[:limit]:
            show_json(letter)
        return
    if not found:
        click.echo("No message matches.")
        return
    show_table(
        ("RECEIVED", "SOURCE", "TYPE", "BYTES", "ID"),
        [
            (
                letter["received_at"],
                letter["source"] or UNKNOWN,
                letter["event_type"],
                letter["size"],
                letter["external_id"] or letter["message_id"],
            )
            for letter in found[:limit]
        ],
    )
    if len(found) > limit:
        click.echo(f"{len(found) - limit} more: --limit shows them.")


@dlq.command("show", epilog=examples("dlq show 72d3162e-cc78-11e3-81ab-4c9367dc0958"))
@click.argument("external_id", metavar="ID")
@json_option
@pass_dlq
def show_letter(chosen: Dlq, external_id: str, as_json: bool) -> None:
    """Show the messages with this event id, or this message id."""
    letters = list(_matching(chosen.open(), LetterFilter(external_id=external_id)))
    if not letters:
        raise click.ClickException(f"No message has the id {external_id}: `python -m ops dlq list` lists them.")
    for letter in letters:
        if as_json:
            show_json(_description(letter) | {"body": letter.body})
        else:
            _show(letter)


def _matching(queue: DeadLetterQueue, which: LetterFilter) -> Iterator[DeadLetter]:
    """What matches, one by one: all their bodies together may be more than fits into memory."""
    with progress("looking", queue.depth()) as bar, closing(queue.look()) as letters:
        for letter in letters:
            bar.update(1)
            if which.matches(letter):
                yield letter


def _description(letter: DeadLetter) -> dict[str, Any]:
    return {
        "message_id": letter.message_id,
        "source": letter.source,
        "external_id": letter.external_id,
        "group": letter.group,
        "event_type": letter.event_type,
        "received_at": letter.received_at,
        "sent_at": letter.sent_at,
        "size": letter.size,
    }


def _show(letter: DeadLetter) -> None:
    for name, value in _description(letter).items():
        if value is not None:
            show_field(name, short_time(value) if isinstance(value, datetime) else value)
    payload = letter.payload()
    click.echo()
    click.echo(body_text(letter.body.encode() if payload is None else payload))


@dlq.command("redrive", epilog=examples("dlq redrive --dry-run", "dlq redrive --source github --since 3d --yes"))
@letter_filter
@click.option("--dry-run", is_flag=True, help="Only say what matches.")
@yes_option
@json_option
@pass_dlq
def redrive(chosen: Dlq, which: LetterFilter, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Send messages to the queue again. Safe to repeat and to interrupt: what is stored already is a duplicate."""
    queue = chosen.open()
    started = utc_now()
    if _is_wanted(queue, which, "Send them to the queue again?", dry_run=dry_run, yes=yes, as_json=as_json):
        _report(queue, "redriven", queue.redrive(which, started), as_json=as_json)


@dlq.command("discard", epilog=examples("dlq discard --source unknown --dry-run", "dlq discard --id ID --yes"))
@letter_filter
@click.option("--all", "everything", is_flag=True, help="Discard without any filter.")
@click.option("--dry-run", is_flag=True, help="Only say what matches.")
@yes_option
@json_option
@pass_dlq
def discard(chosen: Dlq, which: LetterFilter, everything: bool, dry_run: bool, yes: bool, as_json: bool) -> None:
    """Delete messages for ever. It wants a filter, or --all."""
    if which == LetterFilter() and not everything:
        raise click.UsageError("Say which messages: a filter such as --source, or --all.")
    queue = chosen.open()
    started = utc_now()
    if _is_wanted(queue, which, "Delete them for ever?", dry_run=dry_run, yes=yes, as_json=as_json):
        _report(queue, "discarded", queue.discard(which, started), as_json=as_json)


def _is_wanted(
    queue: DeadLetterQueue, which: LetterFilter, question: str, *, dry_run: bool, yes: bool, as_json: bool
) -> bool:
    """Say what matches, and ask; with ``yes`` neither."""
    if yes and not dry_run:
        return True
    sources = Counter(letter.source or UNKNOWN for letter in _matching(queue, which))
    if dry_run and as_json:
        show_json({"matching": sources.total(), "sources": dict(sources)})
    elif dry_run or not sources:
        click.echo(_counted(sources))
    else:
        confirm(f"{_counted(sources)} {question}", yes=yes)
    return bool(sources) and not dry_run


def _counted(sources: Counter[str]) -> str:
    each = ", ".join(f"{source}: {number}" for source, number in sources.most_common())
    return f"{matching(sources.total(), 'message')} ({each})." if sources else "No message matches."


def _report(queue: DeadLetterQueue, what: str, batches: Generator[int, None, None], *, as_json: bool) -> None:
    done = 0
    try:
        with progress(what, queue.depth()) as bar, closing(batches):
            for number in batches:
                done += number
                bar.update(number)
    except KeyboardInterrupt:
        raise click.ClickException(
            f"Interrupted: {counted(done, 'message')} {what}, the others are where they were."
        ) from None
    left = queue.depth()
    show_json({what: done, "left": left}) if as_json else click.echo(f"{counted(done, 'message')} {what}, {left} left.")
