from typing import Any

import pytest

from infra.packaging import DATA_TEMPLATE
from infra.templates import read_template
from localcloud.template import PARAMETERS, localize_app, localize_data


def test_time_limits_keep_their_ratio() -> None:
    visibility = int(PARAMETERS["data"]["WebhookEventsVisibilityTimeout"])

    assert visibility >= 6 * int(PARAMETERS["app"]["ProcessWebhooksTimeout"])


def test_parameters_exist() -> None:
    assert set(PARAMETERS["data"]) <= set(read_template(DATA_TEMPLATE)["Parameters"])


def test_only_the_rule_against_plain_http_goes() -> None:
    before, after = read_template(DATA_TEMPLATE), localize_data(read_template(DATA_TEMPLATE))
    del after["Resources"][min(after["Resources"])]["Metadata"]

    assert set(before["Resources"]) - set(after["Resources"]) == {
        "WebhookEventsQueuesPolicy",
        "ChatQueuesPolicy",
        "WebhookBodiesBucketPolicy",
    }
    assert all(after["Resources"][name] == before["Resources"][name] for name in after["Resources"])


@pytest.mark.parametrize("kind", ["AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy"])
def test_other_rules_stay(kind: str) -> None:
    other = {"Sid": "Other", "Effect": "Deny"}
    policy = {"PolicyDocument": {"Statement": [{"Sid": "TlsOnly"}, other]}}
    template = {"Resources": {"Policy": {"Type": kind, "Properties": policy}}}

    localized = localize_data(template)

    assert localized["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"] == [other]


def test_functions_lose_the_variable_of_chalice_local() -> None:
    variables = {"STAGE": "local", "ENVIRONMENT_FILE": "x"}
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Environment": {"Variables": variables}}}

    localized = localize_app({"Resources": {"Function": function}}, "http://127.0.0.1:4566")

    assert localized["Resources"]["Function"]["Properties"]["Environment"]["Variables"] == {"STAGE": "local"}


def test_sockets_need_no_deployment() -> None:
    stage = {"Type": "AWS::ApiGatewayV2::Stage", "Properties": {"ApiId": "a", "DeploymentId": {"Ref": "Deployment"}}}
    resources = {"Deployment": {"Type": "AWS::ApiGatewayV2::Deployment", "Properties": {}}, "Stage": stage}

    localized = localize_app({"Resources": resources}, "http://127.0.0.1:4566")

    assert localized["Resources"] == {"Stage": stage | {"Properties": {"ApiId": "a", "AutoDeploy": True}}}


def test_connections_are_at_ministack() -> None:
    url = {"Fn::Sub": "https://${WebsocketAPI}.execute-api.${AWS::Region}.${AWS::URLSuffix}/api"}
    function = {
        "Type": "AWS::Serverless::Function",
        "Properties": {"Environment": {"Variables": {"CONNECTIONS_URL": url}}},
    }

    localized = localize_app({"Resources": {"Function": function}}, "http://127.0.0.1:4566")

    assert localized["Resources"]["Function"]["Properties"]["Environment"]["Variables"] == {
        "CONNECTIONS_URL": {"Fn::Sub": "http://127.0.0.1:4566/_aws/execute-api/${WebsocketAPI}/api"}
    }


def test_a_stage_without_a_front_door_has_sockets_at_ministack() -> None:
    given = {"Ref": "WebsocketUrl"}
    variables = {
        "CONNECTIONS_URL": {"Fn::Sub": "https://${WebsocketAPI}.execute-api"},
        "WEBSOCKET_URL": {"Fn::If": ["HasWebsocketUrl", given, {"Fn::Sub": "wss://${WebsocketAPI}.execute-api"}]},
    }
    function = {"Type": "AWS::Serverless::Function", "Properties": {"Environment": {"Variables": variables}}}

    localize_app({"Resources": {"Function": function}}, "http://127.0.0.1:4566")

    own = {"Fn::Sub": "ws://127.0.0.1:4566/_aws/execute-api/${WebsocketAPI}/api"}
    assert variables["WEBSOCKET_URL"] == {"Fn::If": ["HasWebsocketUrl", given, own]}


def test_a_resource_changes_with_the_outputs() -> None:
    def localized(value: str) -> dict[str, Any]:
        resources = {name: {"Type": "AWS::SQS::Queue", "Properties": {}} for name in ("B", "A")}
        found = localize_data({"Resources": resources, "Outputs": {"Url": {"Value": value}}})["Resources"]
        assert isinstance(found, dict)
        return found

    assert localized("1") == localized("1")
    assert localized("1")["A"] != localized("2")["A"]
    assert localized("1")["B"] == localized("2")["B"]


def test_there_is_no_bot_and_nothing_that_speaks_of_it() -> None:
    resources = {
        "LexBot": {"Type": "AWS::Lex::Bot", "Properties": {}},
        "LexBotVersion0": {"Type": "AWS::Lex::BotVersion", "Properties": {"BotId": {"Ref": "LexBot"}}},
        "LexBotAlias": {"Type": "AWS::Lex::BotAlias", "Properties": {"BotId": {"Ref": "LexBot"}}},
        "LexBotPermission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"Principal": "lexv2.amazonaws.com", "SourceArn": {"Fn::GetAtt": ["LexBotAlias", "Arn"]}},
        },
        "Other": {"Type": "AWS::Lambda::Permission", "Properties": {"Principal": "events.amazonaws.com"}},
    }
    outputs = {"LexBotAliasArn": {"Value": {"Fn::GetAtt": ["LexBotAlias", "Arn"]}}, "RestAPIId": {"Value": "x"}}

    localized = localize_app({"Resources": resources, "Outputs": outputs}, "http://127.0.0.1:4566")

    assert localized == {"Resources": {"Other": resources["Other"]}, "Outputs": {"RestAPIId": {"Value": "x"}}}


def test_the_api_calls_the_function_itself() -> None:
    """Its new code must show at once."""
    uri = {"Fn::Sub": ["arn:…/functions/${Alias}/invocations", {"Alias": {"Ref": "Handler.Alias"}}]}
    paths = {"/health": {"get": {"x-amazon-apigateway-integration": {"uri": uri}}}}
    options = {"AutoPublishAlias": "live", "AutoPublishAliasAllProperties": True}
    resources = {
        "Handler": {"Type": "AWS::Serverless::Function", "Properties": {"MemorySize": 512, **options}},
        "Api": {"Type": "AWS::Serverless::Api", "Properties": {"DefinitionBody": {"paths": paths}}},
        "Permission": {
            "Type": "AWS::Lambda::Permission",
            "Properties": {"FunctionName": {"Ref": "Handler.Alias"}, "Principal": "apigateway.amazonaws.com"},
        },
    }

    localized = localize_app({"Resources": resources}, "http://127.0.0.1:4566")["Resources"]

    assert localized["Handler"]["Properties"] == {"MemorySize": 512}
    integration = localized["Api"]["Properties"]["DefinitionBody"]["paths"]["/health"]["get"]
    assert integration == {
        "x-amazon-apigateway-integration": {"uri": {"Fn::Sub": "arn:…/functions/${Handler.Arn}/invocations"}}
    }
    assert localized["Permission"]["Properties"]["FunctionName"] == {"Ref": "Handler"}


@pytest.mark.parametrize("kind", ["AWS::ApplicationAutoScaling::ScalableTarget", "AWS::WAFv2::WebACLAssociation"])
def test_options_that_ministack_has_no_type_for_go(kind: str) -> None:
    assert localize_app({"Resources": {"One": {"Type": kind}}}, "http://127.0.0.1:4566") == {"Resources": {}}


def test_alarms_stay_but_for_those_with_metric_math_and_so_do_queries_not() -> None:
    """MiniStack's CloudFormation fails a whole stack for one alarm with metric math."""
    resources = {
        "Plain": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"MetricName": "Errors"}},
        "Sum": {"Type": "AWS::CloudWatch::Alarm", "Properties": {"Metrics": []}},
        "Query": {"Type": "AWS::Logs::QueryDefinition", "Properties": {"Name": "q"}},
    }

    localized = localize_app({"Resources": resources}, "http://127.0.0.1:4566")

    assert set(localized["Resources"]) == {"Plain"}
