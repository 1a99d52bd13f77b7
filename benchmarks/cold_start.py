"""Cold start: from the start of a process until a handler is imported and its clients are built.

Fresh processes run one after the other, in turns, each with nothing on its path but unpacked packages and a stand-in
for Lambda's runtime (boto3 and what it needs, with bytecode). No connection is opened.
"""

import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median
from typing import TypeAlias

import click

from benchmarks.fresh import run
from benchmarks.packages import Packages
from benchmarks.report import Row, Section, Target

_FUNCTIONS = {
    "api_handler": ("intake", "validator"),
    "websocket_connect": ("reception", "connection"),
    "websocket_message": ("reception", "message"),
    "websocket_disconnect": ("reception", "connection"),
    "process_webhooks": ("processor", "processor"),
    "answer_messages": ("session_queue", "message"),
    "write_failed_turns": ("turn_writer", "connection"),
    "summarize_sessions": ("summarizing", "message"),
    "delete_expired_sessions": ("expiry", "connection"),
    "hand_off_session": ("desk", "connection"),
    "check_waiting": ("waiting", "connection"),
    "lex_codehook": ("codehook", "telephone"),
    "look_up_order": ("database", "processor"),
    "manage_events": ("management", "processor"),
    "migrate_database": ("database", "processor"),
    "purge_old_events": ("database", "processor"),
}
"""What each function has ``wiring`` build at its first event, and the module of the plain design that does the like."""

_TARGET = Target("ratio", "at most", 0.7)
_CODEHOOK_TARGET = Target("ratio", "at most", 0.6)

_STATED = {"api_handler": 800}
"""What the source design says of its own validator on Lambda, before it took measures."""

Start: TypeAlias = tuple[tuple[Path, ...], str]
"""Where a process may import from, and what it runs."""


def measure(packages: Packages, *, quick: bool) -> Sequence[Section]:
    """Median start in milliseconds of each function, beside the plain design, and without layer and bytecode."""
    varied = list(_FUNCTIONS)[:1] if quick else list(_FUNCTIONS)
    ways = _ways(packages)
    starts = {start for way in ways[1:] for name in varied for start in [_frontdesk(way, name)]}
    starts |= {_frontdesk(ways[0], name) for name in _FUNCTIONS}
    starts |= set(_plain(packages).values())
    side_by_side = sorted(starts, key=lambda start: (start[1], start[0]))
    taken = _take_turns(side_by_side, 1 if quick else 5)
    shipped = {name: taken[_frontdesk(ways[0], name)] for name in _FUNCTIONS}
    plain = {name: taken[start] for name, start in _plain(packages).items()}
    varieties = [
        Section(
            f"cold start, {title}",
            [Row(name, "ms", shipped[name], taken[_frontdesk(way, name)]) for name in varied],
            notes,
            beside,
        )
        for way, (title, beside, notes) in zip(ways[1:], _VARIETIES, strict=True)
    ]
    return [_beside_plain(shipped, plain), *varieties]


_VARIETIES = (
    (
        "with and without a layer",
        "one zip",
        (
            "Without: the same files, with bytecode, in one folder in place of two: fewer folders are searched.",
            "What a layer is for cannot be measured here: what Lambda fetches and unpacks, and uploads without it.",
        ),
    ),
    (
        "with and without bytecode",
        "without",
        ("Without: application and layer without a .pyc, so that Python compiles what it imports at each start.",),
    ),
    (
        "with both and with neither",
        "neither",
        ("Neither: one folder without bytecode, which is what Chalice packages unless it is told otherwise.",),
    ),
)


def _ways(packages: Packages) -> Sequence[tuple[Path, ...]]:
    """The ways to package: as it is shipped, without a layer, without bytecode, with neither."""
    trees = ((packages.application, packages.layer), (packages.in_one,))
    bare = [tuple(map(packages.without_bytecode, folders)) for folders in trees]
    return [(*folders, packages.runtime) for folders in (*trees, *bare)]


def _frontdesk(way: tuple[Path, ...], function: str) -> Start:
    return way, f"import app; from chalicelib import wiring; wiring.{_FUNCTIONS[function][0]}(); report()"


def _plain(packages: Packages) -> Mapping[str, Start]:
    """The plain design's forms, and its modules by their names."""
    path, precompiled = ((tree, packages.runtime) for tree in (packages.plain, packages.plain_precompiled))
    everything = "import plain.everything; report()"
    modules = {module for _, module in _FUNCTIONS.values()}
    return {
        "everything": (path, everything),
        "everything, with bytecode": (precompiled, everything),
        **{module: (path, f"import plain.{module}; report()") for module in modules},
    }


def _beside_plain(shipped: Mapping[str, float], plain: Mapping[str, float]) -> Section:
    targets = {"api_handler": _TARGET, "process_webhooks": _TARGET, "lex_codehook": _CODEHOOK_TARGET}
    rows = [
        *(
            Row(name, "ms", shipped[name], plain["everything"], target, _STATED.get(name))
            for name, target in targets.items()
        ),
        *(
            Row(f"{name} (plain: bytecode added)", "ms", shipped[name], plain["everything, with bytecode"])
            for name in targets
        ),
        *(
            Row(f"{name} (plain: a module for each function)", "ms", shipped[name], plain[module])
            for name, (_, module) in _FUNCTIONS.items()
        ),
    ]
    notes = (
        "Wall time of fresh processes, started in turns, median; the files are in the page cache.",
        "Frontdesk: app.py imported, the function's clients built; those that share them share a measurement.",
        "Plain: one module imports chalice, Powertools, boto3, psycopg and requests; two clients, no bytecode.",
        "Stated: what the source design says of its own on Lambda; it is not measured here.",
        "For information: the same with bytecode; and without, but a module for each function in the source designs'",
        "style, which imports and builds what that function alone needs: its clients, table or session of HTTP.",
    )
    return Section("cold start", rows, notes)


def _take_turns(starts: Sequence[Start], rounds: int) -> dict[Start, float]:
    taken: dict[Start, list[float]] = {start: [] for start in starts}
    with click.progressbar(list(_turns(starts, rounds)), label="cold start", file=sys.stderr) as turns:
        for counts, start in turns:
            milliseconds = run(*start).milliseconds
            if counts:
                taken[start].append(milliseconds)
    return {start: median(durations) for start, durations in taken.items()}


def _turns(starts: Sequence[Start], rounds: int) -> Iterator[tuple[bool, Start]]:
    """Every start once in each round; before the first of several one of each path, to fill the page cache."""
    if rounds > 1:
        yield from ((False, start) for start in {path: (path, code) for path, code in starts}.values())
    for _ in range(rounds):
        yield from ((True, start) for start in starts)
