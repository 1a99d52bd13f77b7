"""Secrets in the repository: every file that git tracks or would add, or the whole tree of an unpacked archive."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from scans.findings import Finding
from scans.tools import ROOT, Tools

LOCKS = frozenset({"requirements.txt", "requirements-dev.txt", "requirements-tools.txt"})
"""Nothing but names, versions and hashes, which tests/unit/test_requirements.py asserts line by line."""

_PNG = b"\x89PNG\r\n\x1a\n"

_SKIPPING = (
    "allowlist.is_line_allowlisted",  # comments
    "heuristic.is_lock_file",  # package-lock.json and the like
    "heuristic.is_non_text_file",  # by its ending: .svg, .lock, .gz
)
"""What the scanner would pass over, and is not to."""

_FOUND = 1  # the scanner's exit status for "there is something"


def find_leaks(root: Path = ROOT) -> list[Finding]:
    """What looks like a secret, below ``root``: by its form (keys, tokens), by the name it is given, or by chance.

    Nothing is verified over the network, and no comment in a file can silence the scanner. What it cannot read is
    found, too: a file that is neither text in UTF-8 nor a picture, such as an archive.
    """
    files = [name for name in files_below(root) if name not in LOCKS]
    pictures = {name for name in files if _begins_as_a_picture(root / name)}
    unreadable = {name for name in files if name not in pictures and not _is_text(root / name)}
    files = [name for name in files if name not in pictures | unreadable]
    options = ["--no-verify", "--json"]
    for each in _SKIPPING:
        options += ["--disable-filter", f"detect_secrets.filters.{each}"]
    # Without anything to report the scanner prints nothing at all.
    # It is light enough for our own environment; checkov's fork of it sees private keys in small files alone.
    printed = Tools(Path(sys.prefix)).run("detect-secrets-hook", *options, *files, accept=[_FOUND], directory=root)
    results = json.loads(printed)["results"] if printed.strip() else {}
    return [Finding("No UTF-8 Text", name, "", 1) for name in sorted(unreadable)] + [
        Finding(leak["type"], file, _line(root / file, leak["line_number"]), leak["line_number"])
        for file, leaks in sorted(results.items())
        for leak in sorted(leaks, key=lambda leak: leak["line_number"])
    ]


def files_below(root: Path) -> list[str]:
    """The files of a checkout that are tracked or may become so; of a tree without git, those .gitignore leaves."""
    listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    if (root / ".git").exists():
        names = subprocess.run(listing, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    else:
        names = list(_left_by_gitignore(root))
    return sorted(name for name in set(names) if name and (root / name).is_file())


def _left_by_gitignore(root: Path) -> Iterator[str]:
    """As far as our own .gitignore goes: names anywhere, and paths that begin with a slash."""
    lines = (root / ".gitignore").read_text(encoding="utf-8").split()
    paths = [line.strip("/") for line in lines if line.startswith("/")]
    names = [line.strip("/") for line in lines if not line.startswith("/")]
    for folder, folders, files in os.walk(root):
        place = Path(folder).relative_to(root)
        kept = [
            name
            for name in folders + files
            if str(place / name) not in paths and not any(fnmatchcase(name, pattern) for pattern in names)
        ]
        folders[:] = [name for name in folders if name in kept]
        yield from (str(place / name) for name in files if name in kept)


def _begins_as_a_picture(file: Path) -> bool:
    with file.open("rb") as opened:
        return opened.read(len(_PNG)) == _PNG


def _is_text(file: Path) -> bool:
    """Whether the scanner can read it; UTF-16 has zeros, in which it sees nothing."""
    content = file.read_bytes()
    try:
        content.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return b"\0" not in content


def _line(file: Path, number: int) -> str:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()[number - 1]
