"""The descriptions in docs: documents whose parts refer to one another."""

from collections.abc import Mapping
from typing import Any

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

from localcloud.layout import ROOT


class Description:
    """``name`` is a file's in docs."""

    def __init__(self, name: str) -> None:
        self.document: dict[str, Any] = yaml.safe_load((ROOT / "docs" / name).read_text(encoding="utf-8"))

    def resolve(self, node: Any) -> Any:
        """What a node refers to in the end, or the node, if it does not refer."""
        while "$ref" in node:
            target: Any = self.document
            for name in node["$ref"].removeprefix("#/").split("/"):
                target = target[name]
            node = target
        return node

    def validate(self, value: Any, schema: Mapping[str, Any]) -> None:
        """Raises ``jsonschema.ValidationError``."""
        Draft202012Validator({**schema, "components": self.document["components"]}).validate(value)
