"""Notices that sources have changed."""

from collections.abc import Iterator
from pathlib import Path

from localcloud.layout import ROOT

_WATCHED = ("app.py", "chalicelib", "infra", ".chalice/config.json")
_SUFFIXES = {".py", ".sql", ".json", ".yaml", ".html", ".css", ".js", ".svg"}

Snapshot = dict[Path, tuple[int, int]]


def snapshot(root: Path = ROOT) -> Snapshot:
    """Modification time and size of every watched file."""
    found = {}
    for path in _files(root):
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # an editor is just replacing it
        found[path] = (status.st_mtime_ns, status.st_size)
    return found


def changed(before: Snapshot, after: Snapshot) -> set[Path]:
    """The files that are new, gone or different."""
    return {path for path in before.keys() | after.keys() if before.get(path) != after.get(path)}


def needs_stack_update(paths: set[Path], root: Path = ROOT) -> bool:
    """Whether a change may concern more than code: what the app listens to, its options, its policies."""
    return any(not path.is_relative_to(root / "chalicelib") for path in paths)


def _files(root: Path) -> Iterator[Path]:
    for name in _WATCHED:
        path = root / name
        if path.is_file():
            yield path
        else:
            yield from (file for file in path.rglob("*") if file.suffix in _SUFFIXES)
