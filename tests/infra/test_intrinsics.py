"""Intrinsic functions, resolved as CloudFormation's reference has them."""

from collections.abc import Mapping
from typing import Any

import pytest

from infra.intrinsics import IntrinsicError, Scope, broken_rules, decide, parameter_values

CONDITIONS = {
    "IsDev": {"Fn::Equals": [{"Ref": "Stage"}, "dev"]},
    "IsProd": {"Fn::Not": [{"Condition": "IsDev"}]},
    "Both": {"Fn::And": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    "Either": {"Fn::Or": [{"Condition": "IsDev"}, {"Condition": "IsProd"}]},
    "Nonsense": {"Fn::Not": ["yes"]},
}

RESOURCES: Mapping[tuple[str, str | None], str] = {("Queue", None): "the-url", ("Queue", "Arn"): "the-arn"}


def resolve(node: Any) -> Any:
    scope = Scope(
        {"Stage": "dev", "AWS::Region": "eu-west-1", "Subnets": "a,b"},
        CONDITIONS,
        {"frontdesk-dev-Table": "sessions"},
        lambda logical_id, attribute: RESOURCES[logical_id, attribute],
    )
    return scope.resolve(node)


@pytest.mark.parametrize(
    ("node", "value"),
    [
        ({"Ref": "Stage"}, "dev"),
        ({"Ref": "Queue"}, "the-url"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "the-arn"),
        ({"Fn::GetAtt": "Queue.Arn"}, "the-arn"),
        ({"Fn::Sub": "${Stage}/${AWS::Region}/${Queue.Arn}/${!Literal}"}, "dev/eu-west-1/the-arn/${Literal}"),
        ({"Fn::Sub": ["${Name}-${Stage}", {"Name": {"Ref": "Queue"}}]}, "the-url-dev"),
        ({"Fn::ImportValue": {"Fn::Sub": "frontdesk-${Stage}-Table"}}, "sessions"),
        ({"Fn::Join": ["/", ["a", {"Ref": "Stage"}]]}, "a/dev"),
        ({"Fn::Split": [",", {"Ref": "Subnets"}]}, ["a", "b"]),
        ({"Fn::Select": ["1", {"Fn::Split": [",", {"Ref": "Subnets"}]}]}, "b"),
        ({"Fn::If": ["IsDev", 1, {"Ref": "NotThere"}]}, 1),
        ({"Fn::If": ["IsProd", 1, 2]}, 2),
        ({"Fn::If": ["Both", 1, 2]}, 2),
        ({"Fn::If": ["Either", 1, 2]}, 1),
        ([1, {"Fn::If": ["IsProd", 2, {"Ref": "AWS::NoValue"}]}, 3], [1, 3]),
        ({"a": {"Ref": "AWS::NoValue"}, "b": {"c": {"Ref": "Stage"}}}, {"b": {"c": "dev"}}),
    ],
)
def test_a_function_becomes_its_value(node: Any, value: Any) -> None:
    assert resolve(node) == value


@pytest.mark.parametrize(
    ("node", "message"),
    [
        ({"Ref": "Topic"}, "Topic is neither a parameter nor known"),
        ({"Fn::GetAtt": ["Queue", "Name"]}, r"Queue\.Name is neither"),
        ({"Fn::ImportValue": "another"}, "No stack exports another: deploy the data stack first"),
        ({"Fn::If": ["Unheard", 1, 2]}, "There is no condition Unheard"),
        ({"Fn::If": ["Nonsense", 1, 2]}, "'yes' is no condition"),
    ],
)
def test_what_has_no_value_is_named(node: Any, message: str) -> None:
    with pytest.raises(IntrinsicError, match=message):
        resolve(node)


def test_parameters_have_their_defaults() -> None:
    template = {"Parameters": {"Stage": {}, "Days": {"Default": 30}, "Url": {"Default": ""}}}

    assert parameter_values(template, {"Stage": "dev", "Url": "x"}) == {"Stage": "dev", "Days": "30", "Url": "x"}
    with pytest.raises(IntrinsicError, match="Without a value: Stage"):
        parameter_values(template, {})
    with pytest.raises(IntrinsicError, match="no parameter Dayz"):
        parameter_values(template, {"Stage": "dev", "Dayz": "1"})


NAMELESS = {"Fn::Equals": [{"Ref": "Stage"}, ""]}
TEMPLATE: dict[str, Any] = {
    "Parameters": {"Stage": {}},
    "Rules": {
        "Always": {"Assertions": [{"Assert": {"Fn::Not": [NAMELESS]}, "AssertDescription": "A stage has a name."}]},
        "InProd": {
            "RuleCondition": {"Fn::Equals": [{"Ref": "Stage"}, "prod"]},
            "Assertions": [{"Assert": NAMELESS, "AssertDescription": "There is no prod."}],
        },
    },
    "Conditions": CONDITIONS,
    "Resources": {
        "Queue": {
            "Type": "AWS::SQS::Queue",
            "Condition": "IsDev",
            "Properties": {
                "QueueName": {"Fn::Sub": "${Stage}-events"},
                "DelaySeconds": {"Fn::If": ["IsProd", 1, {"Ref": "AWS::NoValue"}]},
                "Tags": [{"Fn::If": ["IsProd", {"Key": "a"}, {"Ref": "AWS::NoValue"}]}, {"Key": {"Ref": "Stage"}}],
            },
        },
        "Role": {"Type": "AWS::IAM::Role", "Properties": {"Statement": [{"Condition": {"Bool": {"a": "b"}}}]}},
    },
    "Outputs": {
        "Url": {"Condition": "IsDev", "Value": {"Ref": "Queue"}},
        "Name": {"Value": {"Fn::If": ["IsDev", {"Fn::GetAtt": ["Queue", "QueueName"]}, "none"]}},
    },
}


def test_conditions_are_decided_and_the_rest_stays() -> None:
    assert decide(TEMPLATE, {"Stage": "dev"}) == {
        "Parameters": TEMPLATE["Parameters"],
        "Resources": {
            "Queue": {
                "Type": "AWS::SQS::Queue",
                "Properties": {"QueueName": {"Fn::Sub": "${Stage}-events"}, "Tags": [{"Key": {"Ref": "Stage"}}]},
            },
            "Role": TEMPLATE["Resources"]["Role"],
        },
        "Outputs": {
            "Url": {"Value": {"Ref": "Queue"}},
            "Name": {"Value": {"Fn::GetAtt": ["Queue", "QueueName"]}},
        },
    }


def test_what_is_not_made_is_left_out() -> None:
    left = decide(TEMPLATE, {"Stage": "prod"})

    assert left["Resources"].keys() == {"Role"}
    assert left["Outputs"] == {"Name": {"Value": "none"}}


@pytest.mark.parametrize(
    ("stage", "broken"), [("dev", []), ("", ["A stage has a name."]), ("prod", ["There is no prod."])]
)
def test_rules_that_are_broken_say_so(stage: str, broken: list[str]) -> None:
    assert broken_rules(TEMPLATE, {"Stage": stage}) == broken
