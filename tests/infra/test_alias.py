"""The alias of the HTTP door, and what makes a new version of it."""

import copy
import json
from typing import Any

from infra import alias, sockets
from tests.infra.templates import mapping_of, of_type, transformed_with

LIVE = "APIHandlerAliaslive"
LAYER = {
    "Type": "AWS::Serverless::LayerVersion",
    "Properties": {"CompatibleRuntimes": ["python3.11"], "ContentUri": "s3://bucket/one", "LayerName": "layer"},
}


def version_of(app: dict[str, Any], **parameters: str) -> str:
    (version,) = of_type(transformed_with(app, **parameters), "AWS::Lambda::Version")
    return version


def marked(app: dict[str, Any], **parameters: str) -> str:
    template = copy.deepcopy(app)
    alias.mark_configuration(template, {"Stage": "dev", **parameters})
    return version_of(template, **parameters)


def deployment_of(template: dict[str, Any]) -> str:
    (deployment,) = of_type(template, "AWS::ApiGatewayV2::Deployment")
    return deployment


def test_every_path_calls_the_alias(transformed: dict[str, Any]) -> None:
    (api,) = of_type(transformed, "AWS::ApiGateway::RestApi").values()
    methods = {
        (path, verb): method["x-amazon-apigateway-integration"]["uri"]["Fn::Sub"]
        for path, verbs in api["Body"]["paths"].items()
        for verb, method in verbs.items()
    }

    assert len(methods) == 8
    assert ("/webhooks/{source}", "post") in methods
    for text, values in methods.values():
        assert text.endswith(":lambda:path/2015-03-31/functions/${Alias}/invocations")
        assert values == {"Alias": {"Ref": LIVE}}


def test_the_api_may_call_the_alias_and_nothing_else(transformed: dict[str, Any]) -> None:
    permission = transformed["Resources"]["APIHandlerInvokePermission"]["Properties"]

    assert (permission["FunctionName"], permission["Principal"]) == ({"Ref": LIVE}, "apigateway.amazonaws.com")


def test_only_the_http_door_has_an_alias(transformed: dict[str, Any]) -> None:
    (found,) = of_type(transformed, "AWS::Lambda::Alias").values()

    assert (found["Name"], found["FunctionName"]) == ("live", {"Ref": "APIHandler"})
    assert mapping_of(transformed, "ProcessWebhooks")["FunctionName"] == {"Ref": "ProcessWebhooks"}


def test_a_version_is_deleted_when_the_alias_has_left_it(transformed: dict[str, Any]) -> None:
    """Also that of an update which failed: retained, it would keep the same update from ever succeeding."""
    (version,) = [one for one in transformed["Resources"].values() if one["Type"] == "AWS::Lambda::Version"]

    assert version["DeletionPolicy"] == "Delete"


def test_a_change_of_the_environment_alone_makes_a_version(app: dict[str, Any]) -> None:
    changed = copy.deepcopy(app)
    changed["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]["LOG_LEVEL"] = "DEBUG"

    assert version_of(changed) != version_of(app)


def test_a_parameter_makes_a_version_once_the_template_is_marked(app: dict[str, Any]) -> None:
    """SAM alone sees ``!Ref PublicUrl`` before and after."""
    assert version_of(app, PublicUrl="https://a.example") == version_of(app, PublicUrl="https://b.example")

    assert marked(app, PublicUrl="https://a.example") != marked(app, PublicUrl="https://b.example")
    assert marked(app, PublicUrl="https://a.example") == marked(app, PublicUrl="https://a.example")
    assert marked(app) == marked(app, PublicUrl="")


def test_lambda_sees_a_change_whenever_sam_does(app: dict[str, Any]) -> None:
    """Written otherwise, with the same value: without a difference Lambda would refuse a second version."""
    before, after = copy.deepcopy(app), copy.deepcopy(app)
    variables = after["Resources"]["APIHandler"]["Properties"]["Environment"]["Variables"]
    variables["CHAT_ORIGINS"] = {"Fn::Sub": "${ChatOrigins}"}
    for template in (before, after, after):
        alias.mark_configuration(template, {"Stage": "dev"})

    descriptions = [one["Resources"]["APIHandler"]["Properties"]["Description"] for one in (before, after)]
    assert descriptions[0] != descriptions[1]
    assert version_of(before) != version_of(after)
    assert all(len(text) <= 256 for text in descriptions)


def test_no_version_of_the_layer_is_kept_for_ever(app: dict[str, Any]) -> None:
    template = copy.deepcopy(app)
    template["Resources"]["ManagedLayer"] = copy.deepcopy(LAYER)

    alias.route(template)

    (layer,) = [
        one for one in transformed_with(template)["Resources"].values() if one["Type"] == "AWS::Lambda::LayerVersion"
    ]
    assert layer["DeletionPolicy"] == "Delete"


def test_a_new_layer_makes_a_version(app: dict[str, Any]) -> None:
    def with_layer(uri: str) -> str:
        template = copy.deepcopy(app)
        template["Resources"]["ManagedLayer"] = copy.deepcopy(LAYER)
        template["Resources"]["ManagedLayer"]["Properties"]["ContentUri"] = uri
        template["Resources"]["APIHandler"]["Properties"]["Layers"] = [{"Ref": "ManagedLayer"}]
        alias.route(template)
        return version_of(template)

    assert with_layer("s3://bucket/one") != with_layer("s3://bucket/two")


def test_withdrawn_the_api_calls_the_function(app: dict[str, Any]) -> None:
    template = copy.deepcopy(app)

    alias.withdraw(template)

    assert ".Alias" not in json.dumps(template)
    transformed = transformed_with(template)
    assert of_type(transformed, "AWS::Lambda::Alias") == of_type(transformed, "AWS::Lambda::Version") == {}
    uris = {one["uri"]["Fn::Sub"].rpartition(":")[2] for one in alias.integrations(template)}
    assert uris == {"path/2015-03-31/functions/${APIHandler.Arn}/invocations"}
    assert template["Resources"]["APIHandlerInvokePermission"]["Properties"]["FunctionName"] == {"Ref": "APIHandler"}


def test_a_new_route_of_the_sockets_is_deployed(app: dict[str, Any]) -> None:
    """What is packaged again has its ids made again, from the names that Chalice gives."""

    def named(**route: str) -> dict[str, Any]:
        template = copy.deepcopy(app)
        resources = template["Resources"]
        resources["WebsocketAPIDeployment"] = resources.pop(deployment_of(app))
        resources["WebsocketAPIStage"]["Properties"]["DeploymentId"] = {"Ref": "WebsocketAPIDeployment"}
        resources["WebsocketMessageRoute"]["Properties"] |= route
        sockets.name_deployments(template)
        return template

    assert deployment_of(named()) == deployment_of(app)
    changed = named(RouteKey="claim")
    assert deployment_of(changed) != deployment_of(app)
    stage = changed["Resources"]["WebsocketAPIStage"]["Properties"]
    assert stage["DeploymentId"] == {"Ref": deployment_of(changed)}
