"""Reading CloudFormation templates, whose short forms (``!Sub``, ``!GetAtt`` …) plain YAML does not know."""

from pathlib import Path
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """YAML with CloudFormation's tags, each read as the function it is short for."""


def _read_tag(loader: _Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    value: Any
    if isinstance(node, yaml.ScalarNode):
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    return {suffix if suffix in ("Ref", "Condition") else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _read_tag)


def read_template(path: Path) -> dict[str, Any]:
    """A template as plain dictionaries, in the long form of every function; ``yaml.YAMLError`` for what is none."""
    template = yaml.load(path.read_text(encoding="utf-8"), Loader=_Loader)  # noqa: S506 - a SafeLoader with tags
    if not isinstance(template, dict):
        raise yaml.YAMLError(f"{path} has no sections.")
    return template
