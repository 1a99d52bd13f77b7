"""Secrets in the repository: every file that git tracks or would add, or the whole tree of an unpacked archive."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

from scans.findings import Finding
from scans.tools import ROOT, Tools

LOCKS = re.compile(r"requirements(-\w+)?\.txt")
"""Nothing but names, versions and hashes, which tests/unit/test_requirements.py asserts line by line."""

_FOUND = 1  # the scanner's exit status for "there is something"


def find_leaks(root: Path = ROOT) -> list[Finding]:
    """What looks like a secret, below ``root``: by its form (keys, tokens), by the name it is given, or by chance.

    Nothing is verified over the network, and no comment in a file can silence the scanner.
    """
    files = [name for name in files_below(root) if not LOCKS.fullmatch(name)]
    silenced = "detect_secrets.filters.allowlist.is_line_allowlisted"
    options = ["--no-verify", "--json", "--disable-filter", silenced]
    # Without anything to report the scanner prints nothing at all.
    # It is light enough for our own environment; checkov's fork of it sees private keys in small files alone.
    printed = Tools(Path(sys.prefix)).run("detect-secrets-hook", *options, *files, accept=[_FOUND], directory=root)
    results = json.loads(printed)["results"] if printed.strip() else {}
    return [
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


def _line(file: Path, number: int) -> str:
    return file.read_text(encoding="utf-8", errors="replace").splitlines()[number - 1]
