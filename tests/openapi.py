"""The description of the HTTP door, and whether an answer is as it says."""

from collections.abc import Mapping
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from localcloud.layout import ROOT

DOCUMENT: dict[str, Any] = yaml.safe_load((ROOT / "docs" / "openapi.yaml").read_text(encoding="utf-8"))

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


def resolve(node: Any) -> Any:
    """What a node refers to, if it only refers."""
    while "$ref" in node:
        target: Any = DOCUMENT
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


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
            _validate(int(value) if header["schema"].get("type") == "integer" else value, header["schema"])
    if "content" not in response:
        assert not body, "a body that is not described"
        return
    media_type = given["content-type"].partition(";")[0]
    _validate(body, response["content"][media_type]["schema"])


def _validate(value: Any, schema: Mapping[str, Any]) -> None:
    Draft202012Validator({**schema, "components": DOCUMENT["components"]}).validate(value)
