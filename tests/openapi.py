"""The description of the HTTP door, and whether an answer is as it says."""

from collections.abc import Mapping
from typing import Any

from tests.descriptions import Description

DESCRIPTION = Description("openapi.yaml")
DOCUMENT, resolve = DESCRIPTION.document, DESCRIPTION.resolve

METHODS = frozenset({"get", "put", "post", "delete", "options", "head", "patch", "trace"})

OPERATIONS: Mapping[tuple[str, str], Mapping[str, Any]] = {
    (method.upper(), path): operation
    for path, item in DOCUMENT["paths"].items()
    for method, operation in item.items()
    if method in METHODS
}
"""What is described, by method and path."""

SIGNATURE_HEADERS: list[str] = [
    parameter["name"]
    for parameter in OPERATIONS["POST", "/webhooks/{source}"]["parameters"]
    if parameter["in"] == "header"
]


def require_described(method: str, path: str, status: int, headers: Mapping[str, str], body: Any) -> None:
    """Fail unless the document says that an operation may answer so. ``body`` is JSON, or a text of another type."""
    responses = OPERATIONS[method, path]["responses"]
    assert str(status) in responses, f"{method} {path} answers {status}, which is not described"
    require_response(resolve(responses[str(status)]), headers, body)


def require_response(response: Mapping[str, Any], headers: Mapping[str, str], body: Any) -> None:
    """Fail unless headers and body are those of a described response."""
    given = {name.lower(): value for name, value in headers.items()}
    for name, reference in response.get("headers", {}).items():
        header, value = resolve(reference), given.get(name.lower())
        assert value is not None or not header.get("required"), f"the header {name} is missing"
        if value is not None:
            DESCRIPTION.validate(int(value) if header["schema"].get("type") == "integer" else value, header["schema"])
    if "content" not in response:
        assert not body, "a body that is not described"
        return
    media_type = given["content-type"].partition(";")[0]
    DESCRIPTION.validate(body, response["content"][media_type]["schema"])
