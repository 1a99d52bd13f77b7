"""What the capacity figures take from the templates is what is packaged; a failure says which constant to change."""

from collections.abc import Mapping
from typing import Any

import pytest

from ops.capacity import assumptions as assumed


@pytest.fixture(scope="module")
def template(app: dict[str, Any]) -> dict[str, Any]:
    """The app's stack, each parameter replaced by its default."""
    defaults = {name: parameter.get("Default") for name, parameter in app["Parameters"].items()}
    resolved = _resolve(app, defaults)
    assert isinstance(resolved, dict)
    return resolved


def _resolve(value: Any, defaults: Mapping[str, Any]) -> Any:
    match value:
        case {"Ref": str(name)} if name in defaults:
            return defaults[name]
        case dict():
            return {key: _resolve(inner, defaults) for key, inner in value.items()}
        case list():
            return [_resolve(inner, defaults) for inner in value]
    return value


@pytest.fixture(scope="module")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The functions of the figures, by their deployed names."""
    found = {
        resource["Properties"]["FunctionName"]["Fn::Sub"].rpartition("-")[2]: resource["Properties"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Serverless::Function"
    }
    return {name: found[name] for name in assumed.SECONDS}


def test_memory(functions: dict[str, dict[str, Any]]) -> None:
    planned = {name: assumed.MEMORY_MB.get(name, assumed.USUAL_MEMORY_MB) for name in functions}

    assert planned == {name: function["MemorySize"] for name, function in functions.items()}


def test_no_function_is_planned_to_take_longer_than_it_may(functions: dict[str, dict[str, Any]]) -> None:
    assert [name for name, function in functions.items() if function["Timeout"] < assumed.SECONDS[name]] == []


def test_maximum_concurrency(functions: dict[str, dict[str, Any]]) -> None:
    sources = [
        (name, source["Properties"])
        for name, function in functions.items()
        for source in function.get("Events", {}).values()
        if source["Type"] in ("SQS", "DynamoDB")
    ]
    allowed = {
        name: int(source["ParallelizationFactor"] if "ParallelizationFactor" in source else _concurrency(source))
        for name, source in sources
    }

    assert allowed == assumed.MAXIMUM_CONCURRENCY
    assert dict(sources)["process_webhooks"]["BatchSize"] == assumed.FULL_BATCH


def _concurrency(source: Mapping[str, Any]) -> Any:
    return source["ScalingConfig"]["MaximumConcurrency"]


def test_throttles(template: dict[str, Any]) -> None:
    resources = template["Resources"]
    throttles = {
        setting["ResourcePath"]: setting["ThrottlingRateLimit"]
        for setting in resources["RestAPI"]["Properties"]["MethodSettings"]
    }

    assert throttles["/~1chat~1sessions"] == assumed.SESSIONS_A_SECOND
    assert throttles["/*"] == assumed.HTTP_RATE
    stage = resources["WebsocketAPIStage"]["Properties"]["DefaultRouteSettings"]
    assert stage["ThrottlingRateLimit"] == assumed.FRAMES_A_SECOND


def test_parameters(template: dict[str, Any]) -> None:
    defaults = {name: parameter.get("Default") for name, parameter in template["Parameters"].items()}

    assert defaults["ModelDailyTokens"] == assumed.DAILY_TOKENS
    assert defaults["RetentionDays"] == assumed.RETENTION_DAYS
    assert defaults["HttpRateLimit"] == assumed.HTTP_RATE
    assert defaults["WebsocketRateLimit"] == assumed.FRAMES_A_SECOND
    assert defaults["LogRetentionDays"] == assumed.LOG_DAYS
