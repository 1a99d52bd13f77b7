"""What the doctor finds: a line each."""

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How a finding looks to the eye."""

    GOOD = "✓"
    NOTE = "!"
    BAD = "✗"


@dataclass(frozen=True)
class Finding:
    """One line: what was looked at, what was found, and what to do."""

    level: Level
    subject: str
    text: str


def finding(subject: str, good: bool, said: str, otherwise: str) -> Finding:
    return Finding(Level.GOOD, subject, said) if good else Finding(Level.BAD, subject, otherwise)
