"""CloudFormation as one stack sees it: changes take some looks, and end as the test says."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import ClientError

NO_CHANGES = "The submitted information didn't contain changes. Submit different information to create a change set."


def refusal(message: str, operation: str = "DescribeStacks") -> ClientError:
    return ClientError({"Error": {"Code": "ValidationError", "Message": message}}, operation)


@dataclass
class FakeCloudFormation:
    """``status`` is that of the stack, None when there is none. An operation passes through ``ends`` one look after
    the other; ``changes`` are what a change set finds.
    """

    status: str | None = None
    ends: Sequence[str] = ("CREATE_IN_PROGRESS", "CREATE_COMPLETE")
    changes: Sequence[Mapping[str, Any]] = ({"Action": "Add", "LogicalResourceId": "Q", "ResourceType": "Queue"},)
    failure: str = NO_CHANGES
    calls: list[str] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)
    interrupt: bool = False
    _coming: Iterator[str] = field(default_factory=lambda: iter(()))

    def event(self, logical_id: str, status: str, reason: str = "") -> None:
        """Newest first, as CloudFormation tells them."""
        event = {"EventId": str(len(self.events)), "LogicalResourceId": logical_id, "ResourceType": "Queue"}
        self.events.insert(0, event | {"ResourceStatus": status, "ResourceStatusReason": reason})

    def describe_stacks(self, StackName: str) -> dict[str, Any]:  # noqa: N803 - boto's names
        if self.interrupt and "execute" in self.calls:
            raise KeyboardInterrupt
        self.status = next(self._coming, self.status)
        if self.status is None or (self.status == "DELETE_COMPLETE" and not StackName.startswith("arn:")):
            raise refusal(f"Stack with id {StackName} does not exist")
        return {"Stacks": [{"StackStatus": self.status, "StackId": "arn:stack"}]}

    def create_change_set(self, ChangeSetType: str, **_: Any) -> dict[str, str]:  # noqa: N803
        self.calls.append(f"plan {ChangeSetType}")
        if self.status is None:
            self.status = "REVIEW_IN_PROGRESS"
        return {"Id": "arn:change-set", "StackId": "arn:stack"}

    def describe_change_set(self, **_: Any) -> dict[str, Any]:
        if self.changes:
            return {"Status": "CREATE_COMPLETE"}
        return {"Status": "FAILED", "StatusReason": self.failure}

    def delete_change_set(self, **_: Any) -> None:
        self.calls.append("discard")

    def execute_change_set(self, **_: Any) -> None:
        if self.status == "OTHER":
            raise refusal("ChangeSet is in OBSOLETE status", "ExecuteChangeSet")
        self.calls.append("execute")
        self._coming = iter(self.ends)

    def delete_stack(self, **_: Any) -> None:
        self.calls.append("delete")
        self._coming = iter(("DELETE_IN_PROGRESS", "DELETE_COMPLETE"))

    def update_termination_protection(self, EnableTerminationProtection: bool, **_: Any) -> None:  # noqa: N803
        self.calls.append(f"protect {EnableTerminationProtection}")

    def describe_stack_events(self, **_: Any) -> dict[str, Any]:
        return {"StackEvents": list(self.events)}

    def get_paginator(self, operation: str) -> "FakeCloudFormation":
        self._operation = operation
        return self

    def paginate(self, **_: Any) -> list[dict[str, Any]]:
        if self._operation == "describe_change_set":
            return [{"Changes": [{"ResourceChange": change} for change in self.changes]}]
        return [{"StackEvents": [event]} for event in self.events]
