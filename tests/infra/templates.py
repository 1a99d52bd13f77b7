"""What a template says: after SAM's transform, under its conditions, by type."""

import json
import os
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from samtranslator.translator.transform import transform


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
        result = transform(copy, values_of(app, parameters), ManagedPolicies())
    assert isinstance(result, dict)
    return result


def values_of(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """The values of a template's parameters."""
    declared = template["Parameters"].items()
    defaults = {name: str(parameter["Default"]) for name, parameter in declared if "Default" in parameter}
    return {"Stage": "dev"} | defaults | dict(given)


def created(template: Mapping[str, Any], **given: str) -> set[str]:
    """The logical ids of the resources that a template makes with these parameters."""
    return {
        name
        for name, resource in template["Resources"].items()
        if "Condition" not in resource or holds(template, {"Condition": resource["Condition"]}, given)
    }


def resolved(template: Mapping[str, Any], node: Any, given: Mapping[str, str]) -> Any:
    """A value of the template with its ``Fn::If`` decided; the other functions stay as they are."""
    match node:
        case {"Fn::If": [str(name), chosen, other]}:
            return resolved(template, chosen if holds(template, {"Condition": name}, given) else other, given)
        case dict():
            return {key: resolved(template, value, given) for key, value in node.items()}
        case list():
            values = [resolved(template, value, given) for value in node]
            return [value for value in values if value != {"Ref": "AWS::NoValue"}]
    return node


def holds(template: Mapping[str, Any], condition: Any, given: Mapping[str, str]) -> bool:
    """Whether a condition is true, with these parameters and the defaults of the others."""
    match condition:
        case {"Condition": str(name)}:
            return holds(template, template["Conditions"][name], given)
        case {"Fn::Not": [one]}:
            return not holds(template, one, given)
        case {"Fn::And": parts}:
            return all(holds(template, part, given) for part in parts)
        case {"Fn::Or": parts}:
            return any(holds(template, part, given) for part in parts)
        case {"Fn::Equals": [first, second]}:
            values = values_of(template, given)
            first, second = (values[side["Ref"]] if isinstance(side, dict) else str(side) for side in (first, second))
            return bool(first == second)
    raise AssertionError(condition)


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {
        name: resource["Properties"] for name, resource in template["Resources"].items() if resource["Type"] == kind
    }


def mapping_of(template: dict[str, Any], function: str) -> dict[str, Any]:
    """The one event source mapping of a function."""
    mappings = of_type(template, "AWS::Lambda::EventSourceMapping").values()
    (mapping,) = [mapping for mapping in mappings if mapping["FunctionName"] == {"Ref": function}]
    return mapping
