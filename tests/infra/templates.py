"""What a template says: after SAM's transform, under its conditions, by type."""

import json
import os
import re
from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform

from infra.intrinsics import decide, parameter_values


class ManagedPolicies:
    """No managed policy is used, so that none need be looked up."""

    def load(self) -> dict[str, str]:
        return {}


def transformed_with(app: Mapping[str, Any], **parameters: str) -> dict[str, Any]:
    """The app's stack after SAM's transform, with these parameters and the defaults of the others."""
    copy = json.loads(json.dumps(app))
    for resource in copy["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["CodeUri"] = "s3://bucket/key"
    with patch.dict(os.environ, {"AWS_DEFAULT_REGION": "us-east-1"}):  # the transform asks for one
        result = transform(copy, parameter_values(app, {"Stage": "dev"} | parameters), ManagedPolicies())
    assert isinstance(result, dict)
    return result


def decided(template: Mapping[str, Any], **given: str) -> dict[str, Any]:
    """What the stage dev makes of a template with these parameters; whatever is referred to has to be there."""
    left = decide(template, {"Stage": "dev"} | given)
    assert list(_missing(left, {*left["Resources"], *left["Parameters"]})) == []
    return left


def _missing(node: Any, known: AbstractSet[str]) -> Iterator[str]:
    """The names that a template refers to and has not."""
    names: list[str] = []
    match node:
        case {"Ref": str(name)} if len(node) == 1:
            # SAM's own name for a function's alias: the function's, a dot, and "Alias".
            names = [name.removesuffix(".Alias")]
        case {"Fn::GetAtt": [str(name), *_]}:
            names = [name]
        case {"Fn::Sub": [str(text), dict(local)]}:
            names = [name for name in _variables(text) if name not in local]
        case {"Fn::Sub": str(text)}:
            names = _variables(text)
        case {"DependsOn": str(name)}:
            names = [name]
        case {"DependsOn": list(several)}:
            names = several
    yield from (name for name in names if name not in known and not name.startswith("AWS::"))
    inside = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    for part in inside:
        yield from _missing(part, known)


def _variables(text: str) -> list[str]:
    return [name.split(".")[0] for name in re.findall(r"\$\{([^!}]+)\}", text)]


def refused_values(template: Mapping[str, Any], **given: str) -> list[str]:
    """The parameters whose values their own declarations refuse."""
    values = parameter_values(template, {"Stage": "dev"} | given)
    return [name for name, value in values.items() if not _takes(template["Parameters"][name], value)]


def _takes(declared: Mapping[str, Any], value: str) -> bool:
    pattern, allowed = declared.get("AllowedPattern"), declared.get("AllowedValues")
    fits = pattern is None or re.fullmatch(pattern, value) is not None
    return fits and (allowed is None or value in map(str, allowed))


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def mapping_of(template: dict[str, Any], function: str) -> dict[str, Any]:
    """The one event source mapping of a function."""
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [mapping for mapping in mappings if mapping["FunctionName"] == {"Ref": function}]
    return mapping
