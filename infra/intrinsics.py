"""What CloudFormation makes of a template's intrinsic functions, for whoever deploys a part of it by other means."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from infra.errors import DeploymentError

NO_VALUE = object()
"""What ``AWS::NoValue`` becomes; the property or the entry that has it is left out."""

_VARIABLE = re.compile(r"\$\{(!?)([^}]+)}")


class IntrinsicError(DeploymentError):
    """A template says what cannot be resolved here; the message names it."""


@dataclass(frozen=True)
class Scope:
    """What a template refers to.

    ``parameters`` are its own and the pseudo parameters (``AWS::Region``), lists as texts with commas; ``exports`` are
    those of other stacks by their names; ``attribute`` gives an attribute of a resource by its logical id, or with None
    what ``Ref`` makes of it, and raises ``KeyError`` for what it does not know.
    """

    parameters: Mapping[str, str]
    conditions: Mapping[str, Any]
    exports: Mapping[str, str]
    attribute: Callable[[str, str | None], str]

    def resolve(self, node: Any) -> Any:
        """``node`` with every function replaced by its value; ``IntrinsicError`` for one without."""
        if isinstance(node, dict) and len(node) == 1:
            ((name, argument),) = node.items()
            if name in _FUNCTIONS:
                return _FUNCTIONS[name](self, argument)
        return _rewrite(node, self.resolve)

    def decide(self, node: Any) -> Any:
        """``node`` with every ``Fn::If`` decided, and without what has no value; other functions stay as they are."""
        match node:
            case {"Fn::If": [condition, if_true, if_false]}:
                return self.decide(if_true if self.holds(condition) else if_false)
            case {"Ref": "AWS::NoValue"}:
                return NO_VALUE
        return _rewrite(node, self.decide)

    def makes(self, entry: Mapping[str, Any]) -> bool:
        """Whether a resource or an output is made: its condition is true, or it has none."""
        return "Condition" not in entry or self.holds(entry["Condition"])

    def holds(self, condition: str) -> bool:
        """Whether a condition of the template is true."""
        if condition not in self.conditions:
            raise IntrinsicError(f"There is no condition {condition}.")
        return _truth(self.resolve(self.conditions[condition]))

    def reference(self, name: str, attribute: str | None = None) -> Any:
        """A parameter's value, or that of a resource or its attribute."""
        if name == "AWS::NoValue":
            return NO_VALUE
        if attribute is None and name in self.parameters:
            return self.parameters[name]
        try:
            return self.attribute(name, attribute)
        except KeyError:
            what = name if attribute is None else f"{name}.{attribute}"
            raise IntrinsicError(f"{what} is neither a parameter nor known of a deployed resource.") from None


def parameter_values(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """The values of a template's parameters: those ``given``, the defaults of the others.

    ``IntrinsicError`` names a parameter without a value, and one that is given and not there.
    """
    declared: Mapping[str, Mapping[str, Any]] = template.get("Parameters", {})
    if unknown := sorted(given.keys() - declared.keys()):
        raise IntrinsicError(f"The template has no parameter {', '.join(unknown)}.")
    values = {name: entry.get("Default") for name, entry in declared.items()} | dict(given)
    if missing := sorted(name for name, value in values.items() if value is None):
        raise IntrinsicError(f"Without a value: {', '.join(missing)}.")
    return {name: str(value) for name, value in values.items()}


def decide(template: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, Any]:
    """What is left of a template once its conditions are decided, by ``given`` parameters and the others' defaults.

    Resources and outputs are those that are made. Raises as ``parameter_values`` does.
    """
    scope = _before_anything_is_made(template, given)
    made = {
        section: {
            name: scope.decide({key: value for key, value in entry.items() if key != "Condition"})
            for name, entry in template[section].items()
            if scope.makes(entry)
        }
        for section in ("Resources", "Outputs")
        if section in template
    }
    return {key: value for key, value in template.items() if key not in ("Conditions", "Rules")} | made


def broken_rules(template: Mapping[str, Any], given: Mapping[str, str]) -> list[str]:
    """What a template's rules say against these parameters: the descriptions of the assertions that do not hold."""
    scope = _before_anything_is_made(template, given)
    return [
        assertion["AssertDescription"]
        for rule in template.get("Rules", {}).values()
        if "RuleCondition" not in rule or scope.resolve(rule["RuleCondition"])
        for assertion in rule["Assertions"]
        if not scope.resolve(assertion["Assert"])
    ]


def _before_anything_is_made(template: Mapping[str, Any], given: Mapping[str, str]) -> Scope:
    """Conditions and rules know parameters alone."""

    def unknown(logical_id: str, attribute: str | None) -> str:
        raise KeyError(logical_id, attribute)

    return Scope(parameter_values(template, given), template.get("Conditions", {}), {}, unknown)


def _rewrite(node: Any, change: Callable[[Any], Any]) -> Any:
    """``node`` with its entries changed, without those that then have no value."""
    if isinstance(node, dict):
        changed = {key: change(value) for key, value in node.items()}
        return {key: value for key, value in changed.items() if value is not NO_VALUE}
    if isinstance(node, list):
        return [value for value in map(change, node) if value is not NO_VALUE]
    return node


def _substitute(scope: Scope, argument: Any) -> str:
    text, local = argument if isinstance(argument, list) else (argument, {})
    values = {name: scope.resolve(value) for name, value in local.items()}

    def value(found: re.Match[str]) -> str:
        literal, name = found.groups()
        if literal:
            return f"${{{name}}}"
        if name in values:
            return str(values[name])
        logical_id, _, attribute = name.partition(".")
        return str(scope.reference(logical_id, attribute or None))

    return _VARIABLE.sub(value, text)


def _get_attribute(scope: Scope, argument: Any) -> Any:
    logical_id, attribute = argument.split(".", 1) if isinstance(argument, str) else argument
    return scope.reference(logical_id, attribute)


def _import(scope: Scope, argument: Any) -> str:
    name = scope.resolve(argument)
    if name not in scope.exports:
        raise IntrinsicError(f"No stack exports {name}: deploy the data stack first.")
    return scope.exports[name]


def _join(scope: Scope, argument: Any) -> str:
    separator, parts = argument
    return str(separator).join(str(part) for part in scope.resolve(parts))


def _split(scope: Scope, argument: Any) -> list[str]:
    separator, text = argument
    return str(scope.resolve(text)).split(separator)


def _select(scope: Scope, argument: Any) -> Any:
    index, values = argument
    return scope.resolve(values)[int(scope.resolve(index))]


def _choose(scope: Scope, argument: Any) -> Any:
    condition, if_true, if_false = argument
    return scope.resolve(if_true if scope.holds(condition) else if_false)


def _equal(scope: Scope, argument: Any) -> bool:
    first, second = scope.resolve(argument)
    return str(first) == str(second)


def _truth(value: Any) -> bool:
    if not isinstance(value, bool):
        raise IntrinsicError(f"{value!r} is no condition.")
    return value


_FUNCTIONS: Mapping[str, Callable[[Scope, Any], Any]] = {
    "Ref": lambda scope, name: scope.reference(name),
    "Condition": lambda scope, name: scope.holds(name),
    "Fn::Sub": _substitute,
    "Fn::GetAtt": _get_attribute,
    "Fn::ImportValue": _import,
    "Fn::Join": _join,
    "Fn::Split": _split,
    "Fn::Select": _select,
    "Fn::If": _choose,
    "Fn::Equals": _equal,
    "Fn::Not": lambda scope, argument: not _truth(scope.resolve(argument)[0]),
    "Fn::And": lambda scope, argument: all(_truth(one) for one in scope.resolve(argument)),
    "Fn::Or": lambda scope, argument: any(_truth(one) for one in scope.resolve(argument)),
}
