"""The report of a run, in Markdown."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from chalicelib import __version__
from soak.passage import Outcome
from soak.poison import PARKED

_SHOWN = 20
"""Faults of a kind that are listed; thousands would say no more."""


@dataclass(frozen=True)
class Report:
    """What was run with which ``seed``, and what it came to."""

    seed: int
    outcomes: Sequence[Outcome]

    @property
    def faults(self) -> list[str]:
        return [fault for outcome in self.outcomes for fault in outcome.faults]

    def text(self) -> str:
        return "\n".join([*self._head(), *(line for outcome in self.outcomes for line in _section(outcome))]) + "\n"

    def _head(self) -> Iterator[str]:
        deliveries = sum(outcome.deliveries for outcome in self.outcomes)
        kills = sum(len(outcome.killed) for outcome in self.outcomes)
        verdict = f"{len(self.faults):,} faults" if self.faults else "nothing lost, nothing doubled, nothing mixed up"
        yield f"**{deliveries:,} deliveries, {kills} kills: {verdict}.**"
        yield ""
        yield f"- seed {self.seed}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC, Frontdesk {__version__}"
        yield (
            f"- {platform.system()} on {platform.machine()}, {os.cpu_count()} processors, "
            f"Python {platform.python_version()}"
        )


def _section(outcome: Outcome) -> Iterator[str]:
    yield from ("", f"## Through {outcome.name}", "")
    yield f"{outcome.deliveries:,} deliveries took {outcome.seconds:.0f} s, outages included: {outcome.rate:,.0f}/s."
    yield f"Dead letters were then sent again while that helped any of them, {outcome.redriven:,} times in all;"
    yield f"the {outcome.dead:,} that stay are the poison that belongs in the dead-letter queue."
    yield from ("", "| result | of |", "| --- | --- |")
    for check in outcome.checks:
        yield f"| {len(check.faults):,} {check.name} | {check.examined:,} |"
    for check in outcome.checks:
        yield from _faults(check.faults)
    yield from ("", "| deliveries | kind |", "| --- | --- |")
    for kind, number in sorted(outcome.kinds.items(), key=lambda item: (item[0] in PARKED, -item[1])):
        yield f"| {number:,} | {kind}{', parked' if kind in PARKED else ''} |"
    yield from ("", "| after | killed with SIGKILL | down for |", "| --- | --- | --- |")
    for killed in outcome.killed:
        yield f"| {killed.seconds:.1f} s | {killed.what} | {killed.outage:.1f} s |"


def _faults(faults: Sequence[str]) -> Iterator[str]:
    if not faults:
        return
    yield ""
    yield from (f"- {fault}" for fault in faults[:_SHOWN])
    if len(faults) > _SHOWN:
        yield f"- and {len(faults) - _SHOWN:,} more"
