"""``stream-failures``: changes of sessions that a stream's function could not deal with, however often it tried.

What lies in the queue says where in the stream a batch was, not what was in it, and a stream keeps its records for a
day only. It costs little to lose one: a summary is made with the next answer, and what the deletion of an expired
session missed goes by itself within two weeks.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from typing import Any

import click

from ops.dead_letters import DeadLetter, DeadLetterQueue, LetterFilter, open_stream_failures
from ops.output import confirm, counted, examples, json_option, short_time, show_json, show_table, yes_option
from ops.stage import Stage, pass_stage
from ops.times import utc_now


@click.group("stream-failures", epilog=examples("stream-failures list", "stream-failures discard --yes"))
def stream_failures() -> None:
    """Batches of sessions' changes that were given up."""


@stream_failures.command("list", epilog=examples("stream-failures list", "stream-failures list --json"))
@json_option
@pass_stage
def list_failures(stage: Stage, as_json: bool) -> None:
    """List failures, oldest first; times are in UTC. --json writes one object a line."""
    found = sorted(_failures(open_stream_failures(stage)), key=lambda failure: failure["sent_at"])
    if as_json:
        for failure in found:
            show_json(failure)
        return
    if not found:
        click.echo("There is none.")
        return
    columns = ("sent_at", "function", "condition", "attempts", "records", "first_at", "shard", "from")
    show_table([name.upper() for name in columns], [[failure[name] for name in columns] for failure in found])


@stream_failures.command(epilog=examples("stream-failures discard", "stream-failures discard --yes --json"))
@yes_option
@json_option
@pass_stage
def discard(stage: Stage, yes: bool, as_json: bool) -> None:
    """Delete what is listed, for ever."""
    queue = open_stream_failures(stage)
    started = utc_now()
    if depth := queue.depth():
        confirm(f"Delete {counted(depth, 'failure')} of the stage {stage.name} for ever?", yes=yes)
    elif not as_json and not yes:
        click.echo("There is none.")
        return
    done = sum(queue.discard(LetterFilter(), started))
    show_json({"discarded": done}) if as_json else click.echo(f"{counted(done, 'failure')} discarded.")


def _failures(queue: DeadLetterQueue) -> Iterator[dict[str, Any]]:
    with closing(queue.look()) as letters:
        for letter in letters:
            yield _describe(letter)


def _describe(letter: DeadLetter) -> dict[str, Any]:
    """The message that Lambda writes (docs: "Retain discarded batches"), as far as it is one."""
    document = _object(letter.body)
    context, batch = _part(document, "requestContext"), _part(document, "DDBStreamBatchInfo")
    function = str(context.get("functionArn", "-")).removesuffix(":$LATEST").rsplit(":", 1)[-1]
    return {
        "sent_at": letter.sent_at,
        "function": function,
        "condition": context.get("condition"),
        "attempts": context.get("approximateInvokeCount"),
        "records": batch.get("batchSize"),
        "first_at": _time(batch.get("approximateArrivalOfFirstRecord")),
        "shard": batch.get("shardId"),
        "from": batch.get("startSequenceNumber"),
        "to": batch.get("endSequenceNumber"),
    }


def _object(text: str) -> Mapping[str, Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _part(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    return value if isinstance(value, dict) else {}


def _time(text: Any) -> str | None:
    try:
        return short_time(datetime.fromisoformat(text))
    except (TypeError, ValueError):
        return None
