"""One CloudFormation stack: planned with a change set, changed, watched, protected, deleted.

A failing change is rolled back by CloudFormation; what failed and why is told with ``DeploymentError``.
"""

import json
import secrets
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from infra.changes import Change, read_change
from infra.errors import DeploymentError, Interrupted

CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]

_LONGEST_PAUSE = 3.0
_NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
_REVIEWED = "REVIEW_IN_PROGRESS"  # a stack that only has a change set yet
_CANCELLED = ("Resource creation cancelled", "Resource update cancelled")  # because another one failed

_REMOVE = (
    "Delete it (`aws cloudformation delete-stack`) and what it then leaves, whose names are taken, and deploy again. "
    '"When an update fails" in docs/deploying.md says how.'
)
_STUCK = {
    "ROLLBACK_FAILED": _REMOVE,
    "CREATE_FAILED": _REMOVE,
    "DELETE_FAILED": "Delete it again; CloudFormation's console says what it cannot delete.",
    "UPDATE_ROLLBACK_FAILED": "Mend what its events name, `aws cloudformation continue-update-rollback`, deploy again.",
}


@dataclass(frozen=True)
class ChangeSet:
    """What a stack would become."""

    identifier: str
    stack: str
    """The stack's id, by which even a stack that is gone can be asked for."""
    changes: Sequence[Change]


@dataclass
class Stack:
    """The stack ``name``. ``client`` is CloudFormation's, ``say`` takes a line of progress."""

    client: Any
    name: str
    say: Callable[[str], None]
    sleep: Callable[[float], None] = time.sleep

    def status(self) -> str | None:
        """None when there is no such stack, or one that never was more than planned."""
        description = self._describe(self.name)
        return None if description is None else str(description["StackStatus"])

    def outputs(self) -> dict[str, str]:
        """What a stack says of itself; nothing when there is none."""
        description = self._describe(self.name) or {}
        return {output["OutputKey"]: output["OutputValue"] for output in description.get("Outputs", [])}

    def parameters(self) -> dict[str, str]:
        """The values with which a stack was last changed; nothing when there is none."""
        description = self._describe(self.name) or {}
        return {entry["ParameterKey"]: entry["ParameterValue"] for entry in description.get("Parameters", [])}

    def resources(self, kind: str = "") -> list[tuple[str, str]]:
        """Type and physical id of each resource, or of those of one type."""
        pages = self.client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return [
            (resource["ResourceType"], resource.get("PhysicalResourceId", ""))
            for page in pages
            for resource in page["StackResourceSummaries"]
            if kind in ("", resource["ResourceType"])
        ]

    def make_ready(self) -> bool:
        """Whether the stack exists, ready to be changed; ``DeploymentError`` when it cannot be.

        One that was never completely created holds nothing, and is deleted.
        """
        status = self.status()
        if status is None:
            return False
        if status.endswith("_IN_PROGRESS"):
            raise DeploymentError(
                f"The stack {self.name} is being changed ({status}): another deployment is at work. "
                "Wait until it has ended, and try again."
            )
        if advice := _STUCK.get(status):
            raise DeploymentError(f"The stack {self.name} is {status}. {advice}")
        if status == "ROLLBACK_COMPLETE":
            self.say(f"{self.name} was never completely created; what is left of it is deleted first")
            self.delete()
            return False
        return True

    def plan(self, template_url: str, parameters: Mapping[str, str]) -> ChangeSet | None:
        """What a template would change; None when that is nothing."""
        kind = "CREATE" if self.status() is None else "UPDATE"
        try:
            answer = self.client.create_change_set(
                StackName=self.name,
                ChangeSetName=f"deploy-{secrets.token_hex(6)}",
                ChangeSetType=kind,
                TemplateURL=template_url,
                Parameters=[{"ParameterKey": key, "ParameterValue": value} for key, value in parameters.items()],
                Capabilities=CAPABILITIES,
            )
        except ClientError as error:
            raise DeploymentError(f"CloudFormation refuses the template of {self.name}: {_reason(error)}") from error
        identifier = answer["Id"]
        description = self._wait_for_change_set(identifier)
        if description["Status"] == "FAILED":
            reason = str(description.get("StatusReason", "no reason given"))
            self.client.delete_change_set(ChangeSetName=identifier, StackName=self.name)
            if any(words in reason for words in _NO_CHANGES):
                return None
            raise DeploymentError(f"CloudFormation cannot plan the stack {self.name}: {reason}")
        changes = [read_change(change) for change in self._changes(identifier)]
        return ChangeSet(identifier, answer["StackId"], changes)

    def forget(self, change_set: ChangeSet) -> None:
        """Delete a change set; another is to take its place."""
        self.client.delete_change_set(ChangeSetName=change_set.identifier, StackName=self.name)

    def discard(self, change_set: ChangeSet) -> None:
        """Delete a change set, and the empty stack that a first one leaves."""
        self.forget(change_set)
        if self.status() is None:
            self.client.delete_stack(StackName=self.name)

    def execute(self, change_set: ChangeSet) -> None:
        """Carry a change set out; ``DeploymentError``, with the reasons, when it was rolled back."""
        stack = change_set.stack
        last = self._last_event(stack)
        try:
            # What a change creates and then rolls back goes too, even where the template retains it.
            self.client.execute_change_set(
                ChangeSetName=change_set.identifier, StackName=self.name, RetainExceptOnCreate=True
            )
        except ClientError as error:
            raise DeploymentError(
                f"The stack {self.name} cannot be changed as planned: {_reason(error)} "
                "Another deployment may have come in between: deploy again."
            ) from error
        status = self._wait(stack, last)
        if status not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise DeploymentError(f"{_what_became(self.name, status)}\n{self._failures(stack, last)}")

    def protect(self, policy: Mapping[str, Any] | None = None) -> None:
        """Let nobody delete the stack by accident, nor what a stack policy keeps."""
        self.client.update_termination_protection(StackName=self.name, EnableTerminationProtection=True)
        if policy is not None:
            self.client.set_stack_policy(StackName=self.name, StackPolicyBody=json.dumps(policy))

    def delete(self, *, protected: bool = False) -> None:
        """Delete the stack and wait; one that is ``protected`` loses that first."""
        description = self._describe(self.name)
        if description is None:
            return
        if protected:
            self.client.update_termination_protection(StackName=self.name, EnableTerminationProtection=False)
        identifier = description["StackId"]
        last = self._last_event(identifier)
        try:
            self.client.delete_stack(StackName=self.name)
        except ClientError as error:
            raise DeploymentError(f"The stack {self.name} cannot be deleted: {_reason(error)}") from error
        status = self._wait(identifier, last)
        if status != "DELETE_COMPLETE":
            raise DeploymentError(f"The stack {self.name} is {status}:\n{self._failures(identifier, last)}")

    def _describe(self, stack: str) -> dict[str, Any] | None:
        try:
            description: dict[str, Any] = self.client.describe_stacks(StackName=stack)["Stacks"][0]
        except ClientError as error:
            if "does not exist" in str(error):
                return None
            raise
        gone = description["StackStatus"] in ("DELETE_COMPLETE", _REVIEWED)
        return None if gone and stack == self.name else description

    def _wait_for_change_set(self, identifier: str) -> dict[str, Any]:
        for pause in _pauses():
            description: dict[str, Any] = self.client.describe_change_set(ChangeSetName=identifier, StackName=self.name)
            if not description["Status"].endswith(("_PENDING", "_IN_PROGRESS")):
                return description
            self.sleep(pause)
        raise AssertionError

    def _changes(self, identifier: str) -> Iterator[Mapping[str, Any]]:
        pages = self.client.get_paginator("describe_change_set").paginate(ChangeSetName=identifier, StackName=self.name)
        return (change["ResourceChange"] for page in pages for change in page["Changes"] if "ResourceChange" in change)

    def _wait(self, stack: str, last: str | None) -> str:
        """The status in which an operation ends, telling each resource as it comes."""
        try:
            for pause in _pauses():
                description = self._describe(stack)
                events = self._events_since(stack, last)
                for event in events:
                    self._tell(event)
                last = events[-1]["EventId"] if events else last
                status = "DELETE_COMPLETE" if description is None else str(description["StackStatus"])
                if not status.endswith("_IN_PROGRESS"):
                    return status
                self.sleep(pause)
        except KeyboardInterrupt:
            raise Interrupted(
                f"CloudFormation goes on changing the stack {self.name}, and rolls back by itself if that fails. "
                "Once it has ended, deploy again: whatever did not come to pass is then done."
            ) from None
        raise AssertionError

    def _tell(self, event: Mapping[str, Any]) -> None:
        status = event["ResourceStatus"]
        if status.endswith("_IN_PROGRESS") or event["LogicalResourceId"] == self.name:
            return
        reason = event.get("ResourceStatusReason") if status.endswith("FAILED") else None
        line = f"  {status:<20} {event['LogicalResourceId']:<40} {event['ResourceType']}"
        self.say(f"{line}\n    {reason}" if reason else line)

    def _events_since(self, stack: str, last: str | None) -> list[dict[str, Any]]:
        """The events after the one with an id, oldest first."""
        found: list[dict[str, Any]] = []
        for page in self.client.get_paginator("describe_stack_events").paginate(StackName=stack):
            for event in page["StackEvents"]:
                if event["EventId"] == last:
                    return found[::-1]
                found.append(event)
        return found[::-1]

    def _last_event(self, stack: str) -> str | None:
        events = self.client.describe_stack_events(StackName=stack)["StackEvents"]
        return events[0]["EventId"] if events else None

    def _failures(self, stack: str, last: str | None) -> str:
        lines = [
            f"  {event['LogicalResourceId']} ({event['ResourceType']}): "
            f"{event.get('ResourceStatusReason', 'no reason given')}"
            for event in self._events_since(stack, last)
            if event["ResourceStatus"].endswith("FAILED")
            and not str(event.get("ResourceStatusReason", "")).startswith(_CANCELLED)
        ]
        return "\n".join(lines) or "  CloudFormation names no resource; its console may say more."


def _pauses() -> Iterator[float]:
    """Short ones first, since an emulator is quick."""
    pause = 0.05
    while True:
        yield pause
        pause = min(pause * 1.5, _LONGEST_PAUSE)


def _reason(error: ClientError) -> str:
    return " ".join(str(error.response["Error"].get("Message", error)).split())


def _what_became(name: str, status: str) -> str:
    if status == "UPDATE_ROLLBACK_COMPLETE":
        return f"The stack {name} could not be updated and was rolled back: what ran before runs on ({status})."
    if status == "ROLLBACK_COMPLETE":
        return f"The stack {name} could not be created; the next deployment deletes what is left of it ({status})."
    return f"The stack {name} ended as {status}. {_STUCK.get(status, '')}".rstrip()
