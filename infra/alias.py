"""The alias of a function: the API calls it, and it gets a new version whenever the function would differ.

``infra/app.yaml`` says which functions have one (``AutoPublishAlias``). SAM makes the version and the alias.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

_OPTIONS = ("AutoPublishAlias", "AutoPublishAliasAllProperties")


def route(template: dict[str, Any]) -> None:
    """Let every path of the API call the alias, and let the alias be called. A new layer makes a new version too.

    The layer's own version goes when it is replaced, where SAM would keep each: CloudFormation deletes it after the
    update has succeeded, so that a rollback finds it, and functions that have it keep it.
    """
    for name in _published(template):
        for integration in integrations(template):
            text = integration["uri"]["Fn::Sub"]
            if f"${{{name}.Arn}}" in text:
                alias = {"Ref": f"{name}.Alias"}
                integration["uri"] = {"Fn::Sub": [text.replace(f"${{{name}.Arn}}", "${Alias}"), {"Alias": alias}]}
        _permit(template, {"Ref": name}, {"Ref": f"{name}.Alias"})
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::LayerVersion":
            resource["Properties"] |= {"PublishLambdaVersion": True, "RetentionPolicy": "Delete"}


def withdraw(template: dict[str, Any]) -> None:
    """Undo it: no function has an alias, and the API calls the functions themselves."""
    for name in _published(template):
        for integration in integrations(template):
            match integration["uri"]["Fn::Sub"]:
                case [str(text), {"Alias": {"Ref": alias}}] if alias == f"{name}.Alias":
                    integration["uri"] = {"Fn::Sub": text.replace("${Alias}", f"${{{name}.Arn}}")}
        _permit(template, {"Ref": f"{name}.Alias"}, {"Ref": name})
        for option in _OPTIONS:
            template["Resources"][name]["Properties"].pop(option, None)


def mark_configuration(template: dict[str, Any], parameters: Mapping[str, str]) -> None:
    """Let a version be made when a parameter's value changes, and only when Lambda sees a change too.

    ``parameters`` are those of the stack; the others have their defaults. SAM decides from the text of the template, in
    which ``!Ref PublicUrl`` stays the same whatever its value: the alias would go on with the old one. Lambda decides
    from the values, and refuses a version that is equal to the last, as when a text is only written otherwise. So each
    function with an alias gets a description that differs when the text or a value does.
    """
    declared = template["Parameters"].items() if "Parameters" in template else ()
    values = {name: str(parameter["Default"]) for name, parameter in declared if "Default" in parameter}
    for name in _published(template):
        properties = template["Resources"][name]["Properties"]
        properties.pop("Description", None)
        text = json.dumps([values | dict(parameters), properties], sort_keys=True)
        properties["Description"] = f"Configuration {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def integrations(template: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The integration of each method of each path of the REST APIs."""
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Serverless::Api":
            for path in resource["Properties"]["DefinitionBody"]["paths"].values():
                for method in path.values():
                    yield method["x-amazon-apigateway-integration"]


def _published(template: Mapping[str, Any]) -> list[str]:
    return [
        name
        for name, resource in template["Resources"].items()
        if resource["Type"] == "AWS::Serverless::Function" and _OPTIONS[0] in resource["Properties"]
    ]


def _permit(template: Mapping[str, Any], old: Mapping[str, str], new: Mapping[str, str]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::Lambda::Permission" and resource["Properties"]["FunctionName"] == old:
            resource["Properties"]["FunctionName"] = dict(new)
