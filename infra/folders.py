"""The folders that packaging and ``chalice prepare`` write, and empty before that: only what they have made.

A folder is known by a mark in it, which also says what it was made for.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass
from pathlib import Path

from chalicelib import __version__
from infra.errors import PackagingError

ROOT = Path(__file__).parent.parent
MARK = "made-by-frontdesk.json"
PACKAGE, PROJECT = "package", "project"

_SOURCES = ("app.py", "requirements.txt", ".chalice/config.json", "chalicelib", "infra")


@dataclass(frozen=True)
class Mark:
    """What a folder is: a ``PACKAGE`` or a ``PROJECT``, of which stage, and the hash of the sources it is made from."""

    kind: str
    stage: str
    version: str
    sources: str

    @classmethod
    def of(cls, kind: str, stage: str, sources: Path = ROOT) -> "Mark":
        """The mark of what is made now."""
        return cls(kind, stage, __version__, hash_of_sources(sources))

    def write(self, folder: Path) -> None:
        (folder / MARK).write_text(json.dumps(asdict(self), indent=2) + "\n", encoding="utf-8")


def read_mark(folder: Path) -> Mark | None:
    """None where there is no mark, or none of ours."""
    try:
        mark = Mark(**json.loads((folder / MARK).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None
    return mark


def hash_of_sources(sources: Path = ROOT) -> str:
    """Of everything that a package is made from."""
    digest = hashlib.sha256()
    for name in _SOURCES:
        place = sources / name
        for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
            if path.is_file() and "__pycache__" not in path.parts:
                digest.update(f"{path.relative_to(sources)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def check_replaceable(folder: Path, kind: str, doomed: Collection[Path]) -> None:
    """``PackagingError`` unless ``doomed``, which is in the folder, may be deleted: nothing is, or it is marked."""
    place = folder.resolve()
    if any(precious == place or place in precious.parents for precious in (ROOT.resolve(), Path.home().resolve())):
        raise PackagingError(f"{folder} holds more than a {kind}: name a folder of its own, which may be new.")
    if folder.is_symlink():
        raise PackagingError(f"{folder} is a link: name the folder itself, {place}.")
    if folder.exists() and not folder.is_dir():
        raise PackagingError(f"{folder} is no folder: name another place for the {kind}.")
    mark = read_mark(folder)
    if doomed and (mark is None or mark.kind != kind):
        raise PackagingError(
            f"{folder} would be emptied first, and holds what is no {kind} of ours, such as {min(doomed).name}: "
            "name another folder, or remove this one if nothing in it is needed."
        )
