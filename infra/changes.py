"""A change set as a person reads it: what is added, modified, and, loudly, what is replaced or removed."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import click


@dataclass(frozen=True)
class Change:
    """One resource's change. ``details`` are the properties that differ; ``policy`` is what becomes of a resource that
    goes (Retain, Delete, Snapshot …), where CloudFormation says so.
    """

    action: str
    logical_id: str
    kind: str
    replacement: str = "False"
    details: Sequence[str] = ()
    policy: str = ""

    @property
    def destroys(self) -> bool:
        """Whether a resource goes, or may."""
        return self.action == "Remove" or self.replacement in ("True", "Conditional")

    @property
    def what(self) -> str:
        if self.action != "Modify" or self.replacement == "False":
            return self.action.lower()
        return "replace" if self.replacement == "True" else "may replace"


def read_change(resource_change: Mapping[str, Any]) -> Change:
    """A ``ResourceChange`` of DescribeChangeSet."""
    targets = [detail["Target"] for detail in resource_change.get("Details", [])]
    return Change(
        resource_change["Action"],
        resource_change["LogicalResourceId"],
        resource_change["ResourceType"],
        resource_change.get("Replacement", "False"),
        tuple(sorted({target.get("Name") or target["Attribute"] for target in targets})),
        resource_change.get("PolicyAction", ""),
    )


def show_changes(stack: str, changes: Sequence[Change]) -> Iterator[str]:
    """Lines for a terminal, what destroys last."""
    yield f"{stack}: {len(changes)} change{'' if len(changes) == 1 else 's'}"
    for change in sorted(changes, key=lambda change: (change.destroys, change.action, change.logical_id)):
        line = f"  {change.what.upper() if change.destroys else change.what:<12} {change.logical_id:<36} {change.kind}"
        notes = ", ".join([*change.details, *([f"policy: {change.policy}"] if change.policy else [])])
        yield click.style(f"{line}  {notes}".rstrip(), fg="red" if change.destroys else None, bold=change.destroys)
    if count := _count(change.destroys for change in changes):
        yield click.style(f"  Look twice: {count} of them remove or replace a resource.", fg="red", bold=True)


def _count(truths: Iterable[bool]) -> int:
    return sum(truths)
