"""The description of the sockets, and whether a frame is as it says."""

from collections.abc import Iterator, Mapping
from typing import Any, Literal, TypeAlias

from tests.descriptions import Description

DESCRIPTION = Description("asyncapi.yaml")
DOCUMENT, resolve = DESCRIPTION.document, DESCRIPTION.resolve

Operation: TypeAlias = Literal["customerSends", "customerHears", "agentSends", "agentHears"]


def messages(operation: Operation) -> dict[str, Any]:
    """The messages of an operation by their names."""
    references = DOCUMENT["operations"][operation]["messages"]
    return {reference["$ref"].rsplit("/", 1)[-1]: resolve(reference) for reference in references}


def require_described(operation: Operation, frame: Mapping[str, Any]) -> str:
    """Fail unless the document says that such a frame may travel; the name of its message."""
    kind = "action" if operation.endswith("Sends") else "type"
    for name, message in messages(operation).items():
        if message["payload"]["properties"][kind]["const"] == frame.get(kind):
            DESCRIPTION.validate(frame, message["payload"])
            return name
    raise AssertionError(f"{operation} has no {kind} {frame.get(kind)!r}")


def references(node: Any = DOCUMENT) -> Iterator[Mapping[str, Any]]:
    """Every reference of the document."""
    if isinstance(node, dict):
        if "$ref" in node:
            yield node
        for value in node.values():
            yield from references(value)
    elif isinstance(node, list):
        for value in node:
            yield from references(value)
