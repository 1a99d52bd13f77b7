"""``python -m benchmarks``: measure, print the table, keep the figures."""

import signal
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

import click

from benchmarks import acknowledging, chat, cold_start, conversations, end_to_end, processing, size, timeline, voice
from benchmarks.packages import Packages, prepare
from benchmarks.report import NotMeasuredError, Section, table, write_results
from infra.errors import PackagingError
from localcloud.processes import StartError

RESULTS = Path(__file__).with_name("results.json")


class Run:
    """One run in a temporary folder. Packages are made when the first benchmark asks for them."""

    def __init__(self, directory: Path, *, quick: bool) -> None:
        self.directory = directory
        self.quick = quick

    @cached_property
    def packages(self) -> Packages:
        click.echo("packaging: the dependencies take a moment …", err=True)
        return prepare(self.directory / "packages")


_BENCHMARKS: dict[str, Callable[[Run], Section | Sequence[Section]]] = {
    "acknowledging": lambda run: acknowledging.measure(quick=run.quick),
    "processing": lambda run: processing.measure(run.directory / "processing", quick=run.quick),
    "end-to-end": lambda run: end_to_end.measure(run.directory / "end-to-end", quick=run.quick),
    "chat": lambda run: chat.measure(quick=run.quick),
    "conversations": lambda run: conversations.measure(run.directory / "conversations", quick=run.quick),
    "voice": lambda run: voice.measure(quick=run.quick),
    "cold-start": lambda run: cold_start.measure(run.packages, quick=run.quick),
    "timeline": lambda run: timeline.measure(run.packages, quick=run.quick),
    "size": lambda run: size.measure(run.packages),
}


@click.command(
    epilog="\b\nExamples:\n"
    "  python -m benchmarks\n"
    "  python -m benchmarks --only processing --only size\n"
    "  python -m benchmarks --quick --output /tmp/results.json"
)
@click.option("--only", "names", type=click.Choice(list(_BENCHMARKS)), multiple=True, help="Only this one; repeatable.")
@click.option("--quick", is_flag=True, help="A short run, to see that everything works; its figures are rough.")
@click.option(
    "--output",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Where to write the figures as JSON.  [default: benchmarks/results.json, and nowhere with --only or --quick]",
)
def main(names: tuple[str, ...], quick: bool, output: Path | None) -> None:
    """Measure Frontdesk beside the plain design, and write benchmarks/results.json.

    Takes about ten minutes. Packaging downloads the dependencies with pip. A missed target is a figure, not a
    failure; the exit code is 1 only when something could not be measured.
    """
    sections: list[Section] = []
    skipped: list[str] = []
    with _temporary_folder() as directory:
        run = Run(directory, quick=quick)
        for name in names or _BENCHMARKS:
            try:
                found = _BENCHMARKS[name](run)
                sections += [found] if isinstance(found, Section) else found
            except (PackagingError, StartError, NotMeasuredError) as error:
                skipped.append(f"{name} could not be measured: {error}")
    click.echo(table(sections))
    target = output or (None if names or quick else RESULTS)
    if target:
        write_results(target, sections, quick=quick, skipped=skipped)
        click.echo(f"\nThe figures are in {target}.")
    if skipped:
        raise click.ClickException("\n".join(skipped))


@contextmanager
def _temporary_folder() -> Iterator[Path]:
    """A folder that also goes when the run is asked to end."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with tempfile.TemporaryDirectory(prefix="frontdesk-benchmarks-") as directory:
        yield Path(directory)


if __name__ == "__main__":
    main(prog_name="python -m benchmarks")
