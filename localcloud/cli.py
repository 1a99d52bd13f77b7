"""The commands of ``python -m localcloud``."""

import json
import os
import random
import shlex
import shutil
import signal
import sys
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import click
import psutil
import psycopg
from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.webhooks.sources import SOURCES
from infra.errors import InfraError
from localcloud.bank.command import bank
from localcloud.cloud import LocalCloud, Terminated
from localcloud.deployment import read_webhook_secrets
from localcloud.layout import Layout
from localcloud.logs import Screen
from localcloud.ministack import CREDENTIALS, client
from localcloud.model.command import model
from localcloud.parts import NAMES
from localcloud.phone.command import call
from localcloud.postgres import wheel_binaries
from localcloud.processes import StartError
from localcloud.ranges import Number, WholeNumber
from localcloud.sending import NoSampleError, Order, Sent, send

_QUIET_FROM = 20
"""From this many deliveries on, ``send`` shows a progress bar in place of each one."""


class Group(click.Group):
    """Shows what went wrong in one line, not as a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except (StartError, InfraError, NoSampleError) as error:
            raise click.ClickException(str(error)) from error
        except (BotoCoreError, ClientError) as error:
            raise click.ClickException(_no_answer(context, "MiniStack", error)) from error
        except psycopg.OperationalError as error:
            raise click.ClickException(_no_answer(context, "PostgreSQL", error)) from error


def _no_answer(context: click.Context, part: str, error: Exception) -> str:
    log = (context.find_object(Layout) or Layout()).logs / f"{part.lower()}.log"
    reason = " ".join(str(error).split()).rstrip(".")
    return (
        f"{part} does not answer as it should: {reason}. It may be restarting: try again in a moment. Its log is {log}."
    )


def _examples(*lines: str) -> str:
    return "\b\nExamples:\n" + "\n".join(f"  python -m localcloud {line}" for line in lines)


pass_layout = click.make_pass_decorator(Layout)


@click.group(cls=Group, epilog=_examples("up", "send github --count 5", "events", "psql"))
@click.option(
    "--directory",
    type=click.Path(file_okay=False, path_type=Path),
    default=Layout().directory,
    envvar="LOCALCLOUD_DIRECTORY",
    help="Where the local cloud keeps all it writes.  [default: .localcloud]",
)
@click.pass_context
def main(context: click.Context, directory: Path) -> None:
    """Frontdesk on this machine: the packaged application on a local cloud, with a real PostgreSQL."""
    context.obj = Layout(directory.absolute())


@main.command(epilog=_examples("up", "up --port 8001", "up --no-reload", "up --model-url http://127.0.0.1:11434/v1"))
@click.option(
    "--port",
    type=WholeNumber(0, 65535),
    default=8000,
    show_default=True,
    envvar="PORT",
    help="Port on 127.0.0.1; 0 takes a free one.",
)
@click.option("--reload/--no-reload", default=True, show_default=True, help="Bring changed sources into the functions.")
@click.option(
    "--model-url",
    metavar="URL",
    envvar="MODEL_URL",
    help="Ask this server of chat completions (http://127.0.0.1:11434/v1, say) instead of the stand-in's own rules; "
    "MODEL_NAME and MODEL_API_KEY go with it.",
)
@pass_layout
def up(layout: Layout, port: int, reload: bool, model_url: str | None) -> None:
    """Start everything, and show what functions log.

    Ctrl-C ends it. Data survive a restart.
    """
    screen = Screen()
    try:
        LocalCloud(layout, port, reload, screen, model_url or None).run()
    except Terminated as signalled:
        raise SystemExit(128 + signal.Signals[str(signalled)]) from None
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        screen.close()


main.add_command(model)
main.add_command(call)
main.add_command(bank)


@main.command(epilog=_examples("endpoints"))
@pass_layout
def endpoints(layout: Layout) -> None:
    """Print the addresses of the running local cloud as JSON."""
    click.echo(json.dumps(asdict(layout.endpoints()), indent=2))


@main.command(epilog=_examples("environment") + '\n  eval "$(python -m localcloud environment)"')
@pass_layout
def environment(layout: Layout) -> None:
    """Print what a shell exports to find the running local cloud.

    With it, `make deploy STAGE=dev`, `python -m ops --stage dev` and every AWS client mean this local cloud and not
    AWS, until the shell ends.
    """
    found = {"AWS_ENDPOINT_URL": layout.endpoints().aws_endpoint_url, **CREDENTIALS}
    if layout.directory != Layout().directory:
        found["LOCALCLOUD_DIRECTORY"] = str(layout.directory)
    for name, value in found.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@main.command("secrets", epilog=_examples("secrets"))
@pass_layout
def show_secrets(layout: Layout) -> None:
    """Print the local webhook secrets as JSON.

    Each source has a list, newest first.
    """
    url = layout.endpoints().aws_endpoint_url
    click.echo(json.dumps(read_webhook_secrets(partial(client, url=url)), indent=2))


@main.command(
    "send",
    epilog=_examples(
        "send github",
        "send github --count 5 --duplicate      # one event, delivered five times",
        "send shopify                           # order 1001 is placed",
        "send shopify --count 5                 # and paid, packed, sent and delivered",
        "send shopify --type orders/cancelled",
        "send slack --type /order",
        "send standard-webhooks --count 500 --rate 50",
        "send hmac-sha256 --bad-signature",
        "send github --body photo.png           # any bytes, signed",
    ),
)
@click.argument("source", type=click.Choice(sorted(SOURCES)), metavar="SOURCE")
@click.option("--count", type=WholeNumber(1, 100_000), help="How many deliveries.  [default: 1]")
@click.option("--rate", type=Number(0.1, 2_000), help="Deliveries a second; without it, as fast as possible.")
@click.option("--type", "event_type", metavar="TYPE", help="Only events of this type.")
@click.option("--duplicate", is_flag=True, help="Deliver the same event each time (at least twice).")
@click.option("--bad-signature", is_flag=True, help="Sign another body than the one sent.")
@click.option(
    "--body", type=click.File("rb"), help="Send this file's bytes instead of an invented payload; - is stdin."
)
@click.option(
    "--seed",
    type=int,
    help="Invent the same as another run with this seed, times apart.",
)
@pass_layout
def send_webhooks(
    layout: Layout,
    source: str,
    count: int | None,
    rate: float | None,
    event_type: str | None,
    duplicate: bool,
    bad_signature: bool,
    body: BinaryIO | None,
    seed: int | None,
) -> None:
    """Sign and send sample events, as their provider would.

    SOURCE is github, hmac-sha256, meta, shopify, slack, standard-webhooks, stripe or twilio.
    """
    running = layout.endpoints()
    secrets = read_webhook_secrets(partial(client, url=running.aws_endpoint_url)).get(source)
    if not secrets:
        raise click.ClickException(f"The source {source} has no secret here.")
    number = max(count or 1, 2 if duplicate else 1)
    order = Order(source, number, rate, duplicate, bad_signature, body.read() if body else None, event_type)
    deliveries = send(running.http, secrets[0], order, random.Random(seed))
    if number < _QUIET_FROM:
        results = [_show(sent) for sent in deliveries]
    else:
        with click.progressbar(
            deliveries, length=number, label=f"sending to {source}", file=sys.stderr, show_eta=False
        ) as bar:
            results = list(bar)
    _summarise(results)
    expected = 401 if bad_signature else 202
    if any(sent.status != expected for sent in results):
        raise SystemExit(1)


def _show(sent: Sent) -> Sent:
    good = 200 <= sent.status < 300
    status = click.style(str(sent.status or "---"), fg="green" if good else "red", bold=True)
    line = f"{status}  {sent.event.event_type:<24} {sent.event.event_id}  {sent.seconds * 1000:5.0f} ms"
    click.echo(f"{line}  {sent.event.about}".rstrip())
    if not good:
        click.echo(f"     {sent.answer}")
    return sent


def _summarise(results: list[Sent]) -> None:
    if len(results) < _QUIET_FROM:
        return
    durations = sorted(sent.seconds * 1000 for sent in results)
    for status, number in sorted(Counter(sent.status for sent in results).items()):
        click.echo(f"{number:>7} answered {status or 'not at all'}")
    median, late = durations[len(durations) // 2], durations[int(len(durations) * 0.95)]
    click.echo(f"        median {median:.0f} ms, 95 % within {late:.0f} ms")


@main.command(epilog=_examples("events", "events --limit 100", "events --source github --json"))
@click.option("--source", help="Only this source's.")
@click.option("--limit", type=WholeNumber(1, 10_000), default=20, show_default=True, help="How many, newest last.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@pass_layout
def events(layout: Layout, source: str | None, limit: int, as_json: bool) -> None:
    """Show the events that arrived in PostgreSQL, newest last."""
    with psycopg.connect(layout.endpoints().postgres_dsn, row_factory=psycopg.rows.dict_row) as connection:
        rows = connection.execute(
            """
            select received_at, source, event_type, external_id, state, length(body) as size, reason, stored_at,
                   body_sha256, correlation_id
              from webhook_events
             where %(source)s::text is null or source = %(source)s
             order by received_at desc
             limit %(limit)s
            """,
            {"source": source, "limit": limit},
        ).fetchall()
    if as_json:
        for row in reversed(rows):
            click.echo(json.dumps(row, default=lambda time: time.astimezone(UTC).isoformat()))
    elif not rows:
        click.echo(f"Nothing has arrived{f' from {source}' if source else ''}. Try: python -m localcloud send github")
    else:
        wide = max(18, *(len(row["event_type"]) for row in rows))
        click.secho(_heading(wide), bold=True)
        for row in reversed(rows):
            click.echo(_event_line(row, wide))


def _heading(wide: int) -> str:
    return f"{'TIME':<8}  {'SOURCE':<18} {'TYPE':<{wide}} {'STATE':<7} {'SIZE':>10}  ID"


def _event_line(row: dict[str, Any], wide: int) -> str:
    received: datetime = row["received_at"]
    state = click.style(f"{row['state']:<7}", fg="yellow" if row["reason"] else "green")
    time = click.style(f"{received.astimezone():%H:%M:%S}", dim=True)
    line = f"{time}  {row['source']:<18} {row['event_type']:<{wide}} {state} {row['size']:>8} B  {row['external_id']}"
    return f"{line}\n          {row['reason']}" if row["reason"] else line


@main.command(
    context_settings={"ignore_unknown_options": True},
    add_help_option=False,
    epilog=_examples("psql", "psql -c 'select source, count(*) from webhook_events group by 1'"),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
@click.pass_context
def psql(context: click.Context, arguments: tuple[str, ...]) -> None:
    """Open psql on the local database; ARGUMENTS are psql's own."""
    if arguments == ("--help",):
        click.echo(context.get_help())
        return
    program = str(wheel_binaries() / "psql")
    os.execv(program, [program, context.obj.endpoints().postgres_dsn, *arguments])


@main.command(epilog=_examples("kill postgres", "kill postgres --seconds 10"))
@click.argument("part", type=click.Choice(sorted(NAMES)))
@click.option("--seconds", type=Number(0, 600), default=1.0, show_default=True, help="How long it stays down.")
@pass_layout
def kill(layout: Layout, part: str, seconds: float) -> None:
    """End a part with kill -9; it is started again after a while.

    What arrives while PostgreSQL is down waits in the queue and is tried again every 12 seconds. After three times it
    lies in the dead-letter queue, so that an outage of more than about 24 seconds ends there: `python -m ops dlq
    redrive` sends it again.
    """
    layout.endpoints()
    process = json.loads(layout.processes_file.read_text(encoding="utf-8"))[part]
    if not psutil.pid_exists(process):
        raise click.ClickException(f"{part} is down already; it is started again in a moment.")
    layout.pause(part, seconds)
    os.kill(process, signal.SIGKILL)
    click.echo(f"{part} (process {process}) is killed; it is started again in {max(seconds, 1):.0f} s.")


@main.command(epilog=_examples("reset", "reset --yes"))
@click.option("--yes", is_flag=True, help="Do not ask.")
@pass_layout
def reset(layout: Layout, yes: bool) -> None:
    """Delete all data of the local cloud, which must not be running."""
    if layout.is_running():
        raise click.ClickException("The local cloud is running: stop it first, with Ctrl-C where it runs.")
    if not layout.directory.exists():
        click.echo("There is nothing to delete.")
        return
    if not yes:
        click.confirm(f"Delete {layout.directory} with every event, queue and secret in it?", abort=True)
    shutil.rmtree(layout.directory)
    click.echo("Deleted. `make run` starts afresh.")
