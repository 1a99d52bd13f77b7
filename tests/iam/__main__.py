"""``make iam-audit``: is any leave of any role superfluous? A local cloud of its own, and a line for each action."""

import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click

from chalicelib.aws.tables import Table
from localcloud.processes import StartError
from tests.iam.audit import Result, audit, leaves
from tests.iam.exceptions import why_unenforceable
from tests.iam.leave import statements_of
from tests.iam.probes import PROBES
from tests.iam.world import World
from tests.integration.cloud import start_cloud
from tests.integration.talk import TABLE, Chat

WIDTHS = (24, 20, 34, 46)


@click.command(
    epilog="\b\nExamples:\n  make iam-audit\n  python -m tests.iam answer_messages\n  python -m tests.iam lex_codehook"
)
@click.argument("functions", nargs=-1)
def main(functions: tuple[str, ...]) -> None:
    """Take every action out of every role in turn, and see something fail for it.

    Exit code 1 when nothing fails, so that the action is superfluous, or when something still fails once it is given
    back. FUNCTIONS are those to look at, all of them if none is named.
    """
    if unknown := set(functions) - {function for function, _ in PROBES}:
        raise click.UsageError(f"No role of {', '.join(sorted(unknown))} has anything to probe.")
    began = time.monotonic()
    click.echo("starting a local cloud …")
    try:
        with _world() as world:
            _show("function", "statement", "action", "probe", "what failed without it")
            results = list(_results(world, functions))
            _show_unenforceable(world, functions)
    except (StartError, AssertionError) as error:
        raise click.ClickException(f"The local cloud does not start: {error}") from error
    bad = [result for result in results if not result.is_good]
    click.echo(f"\n{len(results)} actions, {len(bad)} in doubt, {time.monotonic() - began:.0f} seconds")
    sys.exit(1 if bad or not results else 0)


@contextmanager
def _world() -> Iterator[World]:
    with tempfile.TemporaryDirectory(prefix="iam-audit-") as folder:
        cloud = start_cloud(Path(folder) / ".localcloud", "--no-reload")
        try:
            chat = Chat(cloud)
            chat.control("instant")
            yield World(cloud, chat, Table(cloud.client("dynamodb"), TABLE))
            chat.stop()
        finally:
            cloud.stop(signal.SIGTERM)


def _results(world: World, functions: tuple[str, ...]) -> Iterator[Result]:
    for leave, probe in leaves(world):
        if functions and leave.function not in functions:
            continue
        result = audit(world, leave, probe)
        said = result.failure or click.style("NOTHING: it is superfluous", fg="red", bold=True)
        if result.relapse is not None:
            said += click.style(f"; AND AGAIN WITH IT: {result.relapse}", fg="red", bold=True)
        _show(leave.function, leave.sid, leave.action, probe.says, said)
        yield result


def _show_unenforceable(world: World, functions: tuple[str, ...]) -> None:
    click.echo("\nWhat the local cloud cannot show:")
    for function in functions or dict.fromkeys(function for function, _ in PROBES):
        for statement in statements_of(world.cloud, function):
            for action in statement["Action"]:
                if reason := why_unenforceable(statement["Sid"], action):
                    _show(function, statement["Sid"], action, "", reason)


def _show(*columns: str) -> None:
    cells = [f"{text:<{width}}" for text, width in zip(columns, WIDTHS, strict=False) if text]
    click.echo(" ".join([*cells, columns[-1]]))


if __name__ == "__main__":
    main(prog_name="python -m tests.iam")
