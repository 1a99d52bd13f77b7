"""Size: what is uploaded, and what Lambda unpacks when a function starts."""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.fresh import run
from benchmarks.packages import Packages
from benchmarks.report import Row, Section, Target

_MEGABYTE = Target("value", "at most", 976)


def measure(packages: Packages) -> Section:
    application, layer, plain = (
        path.stat().st_size / 1024
        for path in (packages.frontdesk.application, packages.frontdesk.layer, packages.plain_archive)
    )
    sizes, plain_sizes = list(_sizes(packages.in_one)), list(_sizes(packages.plain))
    rows = (
        Row("application zip", "KiB", application, plain, _MEGABYTE),
        Row("layer zip", "KiB", layer),
        Row("application and layer", "KiB", application + layer, plain),
        Row("unpacked", "KiB", sum(sizes) / 1024, sum(plain_sizes) / 1024),
        Row("files", "files", len(sizes), len(plain_sizes)),
        Row("look-ups in two folders (plain: in one)", "look-ups", *_look_ups(packages)),
    )
    notes = (
        "Unpacked: what lies in the folders that Python searches. Look-ups: how often one of those folders was asked",
        "for a module while api_handler was imported and its clients were built; beside it, all of it in one folder.",
        "Frontdesk: code in one zip, dependencies in a layer that changes with them alone; both carry bytecode.",
        "Plain: code and dependencies in one zip without bytecode.",
    )
    return Section("size", rows, notes)


_COUNTING = """
from importlib.machinery import FileFinder
find_spec, count = FileFinder.find_spec, 0
def counted(finder, name, target=None):
    global count
    count += any(finder.path.startswith(folder) for folder in {folders!r})
    return find_spec(finder, name, target)
FileFinder.find_spec = counted
import app; from chalicelib import wiring; wiring.intake(); report(count)
"""


def _look_ups(packages: Packages) -> tuple[int, int]:
    """How often a folder of the package is asked for a module: with a layer, and without."""
    ways = ((packages.application, packages.layer), (packages.in_one,))
    with_layer, without = (
        run((*folders, packages.runtime), _COUNTING.format(folders=list(map(str, folders)))).reported
        for folders in ways
    )
    return int(with_layer), int(without)


def _sizes(tree: Path) -> Iterator[int]:
    yield from (path.stat().st_size for path in tree.rglob("*") if path.is_file())
