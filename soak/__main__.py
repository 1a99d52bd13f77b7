"""``python -m soak``: run it, say what came of it, and fail if anything is wrong."""

import random
import secrets
import signal
import sys
import tempfile
from pathlib import Path

import click

from localcloud.processes import StartError
from localcloud.ranges import WholeNumber
from soak import over_http, passage
from soak.passage import StuckError
from soak.report import Report

_OVER_HTTP = 0.02
_KILLS_OVER_HTTP = 1 / 6


@click.command(
    epilog="\b\nExamples:\n"
    "  python -m soak\n"
    "  python -m soak --events 5000 --kills 6 --http-events 0\n"
    "  python -m soak --seed 1234 --report docs/soak.md"
)
@click.option(
    "--events", type=WholeNumber(100, 10_000_000), default=100_000, show_default=True, help="Deliveries to workers."
)
@click.option(
    "--http-events",
    type=WholeNumber(0, 100_000),
    help="Deliveries through a local cloud in addition.  [default: 2 % of the events]",
)
@click.option("--kills", type=WholeNumber(0, 1_000), default=24, show_default=True, help="SIGKILLs in all.")
@click.option("--seed", type=int, help="Draw the same events and kills as another run.  [default: a random one]")
@click.option(
    "--report", "path", type=click.Path(dir_okay=False, path_type=Path), help="Write the report to this file, too."
)
def main(events: int, http_events: int | None, kills: int, seed: int | None, path: Path | None) -> None:
    """Prove that nothing is lost, doubled or mixed up while workers and PostgreSQL are killed.

    Takes about five minutes. Exit code 1 and a list of what is wrong, when anything is.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    seed = secrets.randbelow(2**32) if seed is None else seed
    click.echo(f"seed {seed}", err=True)
    chance = random.Random(seed)
    over = round(events * _OVER_HTTP) if http_events is None else http_events
    kills_over = min(kills, max(2, round(kills * _KILLS_OVER_HTTP))) if over else 0
    try:
        with tempfile.TemporaryDirectory(prefix="frontdesk-soak-") as directory:
            outcomes = [passage.run(Path(directory) / "workers", events, kills - kills_over, chance)]
            if over:
                outcomes.append(over_http.run(Path(directory) / "cloud", over, kills_over, chance))
    except (StuckError, StartError) as error:
        raise click.ClickException(f"{error} (seed {seed})") from error
    report = Report(seed, outcomes)
    click.echo(report.text())
    if path:
        path.write_text(report.text(), encoding="utf-8")
    if report.faults:
        raise SystemExit(1)


if __name__ == "__main__":
    main(prog_name="python -m soak")
