"""Templates for the first of the two steps in which some resources are created.

The second step is the template itself, which every deployment plans: one that never came to it leaves it to the next.
"""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from infra.changes import Change

PROTECTION = {
    "AWS::DynamoDB::Table": "DeletionProtectionEnabled",
    "AWS::RDS::DBInstance": "DeletionProtection",
}
"""The property by which a service refuses to delete, by the type of resource."""

CONSUMING = ("SQS", "DynamoDB")
"""The event sources that read what waits; the others bring nothing that could be lost."""


def unprotected(template: Mapping[str, Any], changes: Sequence[Change]) -> dict[str, Any]:
    """The data template with what ``changes`` add still unprotected; an equal one when they add nothing of that kind.

    CloudFormation takes back what it has created when a change fails. What is protected from the first moment on would
    refuse to go, the rollback would fail, and the name would be taken for ever after.
    """
    first = copy.deepcopy(dict(template))
    for change in changes:
        if change.action == "Add" and change.kind in PROTECTION:
            first["Resources"][change.logical_id]["Properties"][PROTECTION[change.kind]] = False
    return first


def idle(template: Mapping[str, Any]) -> dict[str, Any]:
    """The app template with its event sources disabled, until the schema is there that their functions need.

    Queues outlive the app: what waits there when it is created again would fail three times, and be put aside.
    """
    first = copy.deepcopy(dict(template))
    for resource in first["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            for event in resource["Properties"].get("Events", {}).values():
                if event["Type"] in CONSUMING:
                    event["Properties"]["Enabled"] = False
    return first
