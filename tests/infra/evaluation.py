"""What CloudFormation makes of a template's parameters, rules and conditions, before it creates anything."""

import re
from collections.abc import Mapping
from typing import Any

_NOTHING = object()


class Evaluation:
    """A template with given parameters. Numbers and texts compare as texts, as CloudFormation does it."""

    def __init__(self, template: Mapping[str, Any], **parameters: str) -> None:
        self.template = template
        declared = template["Parameters"]
        assert parameters.keys() <= declared.keys()
        self.parameters = {
            name: parameters.get(name, str(parameter.get("Default", ""))) for name, parameter in declared.items()
        }

    def broken_rules(self) -> list[str]:
        """The descriptions of the assertions that do not hold."""
        return [
            assertion["AssertDescription"]
            for rule in self.template.get("Rules", {}).values()
            if self._holds(rule.get("RuleCondition", {"Fn::Equals": ["", ""]}))
            for assertion in rule["Assertions"]
            if not self._holds(assertion["Assert"])
        ]

    def refused_values(self) -> list[str]:
        """The parameters whose values their own declarations refuse."""
        return [name for name, value in self.parameters.items() if not self._takes(name, value)]

    def holds(self, condition: str) -> bool:
        return self._holds(self.template["Conditions"][condition])

    def resources(self) -> dict[str, dict[str, Any]]:
        """The resources that are created, with every ``Fn::If`` decided.

        Whatever one of them refers to must be there too.
        """
        present = {
            name
            for name, resource in self.template["Resources"].items()
            if "Condition" not in resource or self.holds(resource["Condition"])
        }
        return {name: self._decided(self.template["Resources"][name], present) for name in present}

    def outputs(self) -> dict[str, Any]:
        """The values of the outputs that there are, with every ``Fn::If`` decided."""
        present = self.resources().keys()
        return {
            name: self._decided(output["Value"], present)
            for name, output in self.template["Outputs"].items()
            if "Condition" not in output or self.holds(output["Condition"])
        }

    def _takes(self, name: str, value: str) -> bool:
        declared = self.template["Parameters"][name]
        pattern, allowed = declared.get("AllowedPattern"), declared.get("AllowedValues")
        return (pattern is None or bool(re.fullmatch(pattern, value))) and (allowed is None or value in allowed)

    def _holds(self, node: Any) -> bool:
        ((function, value),) = node.items()
        match function:
            case "Condition":
                return self.holds(value)
            case "Fn::Equals":
                left, right = (self._text(side) for side in value)
                return left == right
            case "Fn::Not":
                (only,) = value
                return not self._holds(only)
            case "Fn::And" | "Fn::Or":
                assert 2 <= len(value) <= 10, f"{function} takes two to ten conditions"
                held = [self._holds(part) for part in value]
                return all(held) if function == "Fn::And" else any(held)
        raise AssertionError(f"{function} is no condition")

    def _text(self, node: Any) -> str:
        return self.parameters[node["Ref"]] if isinstance(node, dict) else str(node)

    def _decided(self, node: Any, present: Any) -> Any:
        if isinstance(node, list):
            return [part for part in (self._decided(part, present) for part in node) if part is not _NOTHING]
        if not isinstance(node, dict):
            return node
        if "Fn::If" in node:
            condition, yes, no = node["Fn::If"]
            return self._decided(yes if self.holds(condition) else no, present)
        if node == {"Ref": "AWS::NoValue"}:
            return _NOTHING
        self._check(node, present)
        decided = {name: self._decided(part, present) for name, part in node.items()}
        return {name: part for name, part in decided.items() if part is not _NOTHING}

    def _check(self, node: Mapping[str, Any], present: Any) -> None:
        known = {*present, *self.parameters}
        if isinstance(node.get("Ref"), str):
            # SAM's own name for a function's alias: the function's, a dot, and "Alias".
            name = node["Ref"].removesuffix(".Alias")
            assert name in known or name.startswith("AWS::"), f"{node} is not there"
        if "Fn::GetAtt" in node:
            assert node["Fn::GetAtt"][0] in present, f"{node} is not there"
        if "Fn::Sub" in node:
            text, local = node["Fn::Sub"] if isinstance(node["Fn::Sub"], list) else (node["Fn::Sub"], {})
            for name in re.findall(r"\$\{([^!}]+)\}", text):
                found = name.split(".")[0] in known or name in local or name.startswith("AWS::")
                assert found, f"{name} in {text} is not there"
        if isinstance(node.get("DependsOn"), str):
            assert node["DependsOn"] in present, f"{node['DependsOn']} is not there"
