"""What a scanner finds, and what of that is exempt: ``exemptions.yaml``, in which every entry gives its reason."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from datetime import date
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

EXEMPTIONS = Path(__file__).parent / "exemptions.yaml"


class ScanError(Exception):
    """A scan cannot be trusted: a tool is missing, fails, or answers what we do not understand."""


@dataclass(frozen=True)
class Finding:
    """One thing a scanner objects to.

    ``where`` is a file, a resource's logical id or a package; ``text`` is the line, the rule's words or the advisory's.
    A secret's ``text`` is the line it stands in, so it is never shown. ``names`` are further names of the rule.
    """

    rule: str
    where: str
    text: str
    line: int | None = None
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Exemption:
    """Findings of ``rule`` at ``where`` (a glob), with ``text`` in them (a regular expression), until a date if any."""

    rule: str
    where: str
    reason: str
    text: str = ""
    until: date | None = None

    def covers(self, finding: Finding, today: date) -> bool:
        return (
            self.rule in {finding.rule, *finding.names}
            and fnmatchcase(finding.where, self.where)
            and re.search(self.text, finding.text) is not None
            and (self.until is None or today <= self.until)
        )


@dataclass(frozen=True)
class Verdict:
    """``open`` findings are to be mended or justified; ``unused`` exemptions excuse nothing any more."""

    open: Sequence[Finding]
    exempt: Sequence[Finding]
    unused: Sequence[Exemption]


def judge(findings: Sequence[Finding], exemptions: Sequence[Exemption], today: date) -> Verdict:
    covered = {finding: [each for each in exemptions if each.covers(finding, today)] for finding in findings}
    used = {each for by in covered.values() for each in by}
    return Verdict(
        open=[finding for finding, by in covered.items() if not by],
        exempt=[finding for finding, by in covered.items() if by],
        unused=[each for each in exemptions if each not in used],
    )


def read_exemptions(scan: str, path: Path = EXEMPTIONS) -> list[Exemption]:
    """The exemptions from one scan, one for each place; ScanError names an entry without a rule, places or a reason."""
    contents = yaml.safe_load(path.read_text(encoding="utf-8"))
    return [exemption for entry in contents[scan] or [] for exemption in _each(entry, f"{path.name}, {scan}")]


def _each(entry: dict[str, Any], file: str) -> Iterator[Exemption]:
    unknown = entry.keys() - {field.name for field in fields(Exemption)}
    lacking = {name for name in ("rule", "where", "reason") if not entry.get(name)}
    if unknown or lacking:
        raise ScanError(f"{file}: {entry} has to have rule, where and reason, and may have text and until")
    places = entry["where"] if isinstance(entry["where"], list) else [entry["where"]]
    yield from (Exemption(**(entry | {"where": place})) for place in places)
