"""A linter of policies: does AWS know these actions, and do they take these resources?

It reads AWS's own Service Authorization Reference as cfn-lint ships it, so that it is as new as the pinned cfn-lint and
needs no network. cfn-lint itself says of an action that it is unknown (W3037); what it takes is said only here.
"""

import re
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from cfnlint.data import AdditionalSpecs
from cfnlint.helpers import load_resource

from tests.iam.roles import Statement


def faults_of(statement: Statement) -> Iterator[str]:
    """What is wrong with a statement, a sentence for each fault."""
    if not re.fullmatch(r"[A-Za-z0-9]+", statement.get("Sid", "")):
        yield "It has no Sid of letters and digits."
    if unknown := statement.keys() - {"Sid", "Effect", "Action", "Resource", "Condition"}:
        yield f"It says {', '.join(sorted(unknown))}: name actions and resources, and nothing else."
    if len(set(statement["Action"])) < len(statement["Action"]):
        yield "It names an action twice."
    for action in statement["Action"]:
        if "*" in action or "?" in action:
            yield f"{action} stands for more than one action."
        elif formats(action) is None:
            yield f"AWS knows no action {action}."
        elif statement["Effect"] == "Allow":
            yield from _faults_of_resources(action, statement["Resource"])
    for resource in statement["Resource"]:
        if resource != "*" and not any(takes(action, resource) for action in statement["Action"]):
            yield f"None of its actions takes {resource}."


def _faults_of_resources(action: str, resources: list[str]) -> Iterator[str]:
    """An action that is allowed has the resources it takes, and `*` where AWS has no resource level for it."""
    if not formats(action):
        if resources != ["*"]:
            yield f"{action} takes no resource: it wants a statement of its own, for `*`."
    elif "*" in resources:
        yield f"{action} takes resources: name them in place of `*`."
    elif not any(takes(action, resource) for resource in resources):
        yield f"{action} does not take {', '.join(resources)}."


def takes(action: str, resource: str) -> bool:
    """Whether an action takes an ARN, or some of the ARNs that a pattern with ``*`` stands for."""
    return any(_overlap(resource, kind) for kind in formats(action) or [])


def formats(action: str) -> list[str] | None:
    """What ARNs an action takes, as ``arn:${Partition}:sqs:${Region}:${Account}:.*``.

    Empty when AWS has no resource level for it, None when there is no such action.
    """
    service, _, name = action.partition(":")
    known = _reference().get(service, {"Actions": {}})
    entry = known["Actions"].get(name.lower())
    if entry is None:
        return None
    resources = {kind.lower(): found["ARNFormats"] for kind, found in known["Resources"].items()}
    return [text for kind in entry.get("Resources", []) for text in resources[kind.lower()]]


def _overlap(resource: str, kind: str) -> bool:
    *given, own = resource.split(":", 5)
    *wanted, name = kind.split(":", 5)
    parts = zip(given, wanted, strict=False)
    if len(given) != len(wanted) or not all(_is_placeholder(want) or have in (want, "*") for have, want in parts):
        return False
    begin, prefix = re.split(r"[*?]", own)[0], name.removesuffix(".*")
    return own.startswith(prefix) or (begin != own and prefix.startswith(begin))


def _is_placeholder(part: str) -> bool:
    return part.startswith("${")


@cache
def _reference() -> Mapping[str, Any]:
    found: Mapping[str, Any] = load_resource(AdditionalSpecs, "Policies.json")
    return found
