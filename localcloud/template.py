"""What the local copies of the two templates change, all of it and each with its reason, for every stage alike.

Beside this, the package of `make run` has no layer, since the interpreter that runs the functions has the dependencies
already; `make deploy` brings the whole package.
"""

import hashlib
import json
from typing import Any

from infra import alias
from infra.gateway import API_STAGE

PARAMETERS = {
    # A test of retries must not take minutes; the ratio of six and the count of three receives stay.
    "data": {
        "WebhookEventsVisibilityTimeout": "12",
        # PostgreSQL is a program of this machine, and there is no network to reach it through.
        "Network": "none",
        "Database": "existing",
        "DatabaseAuthentication": "secret",
    },
    # Any page of this machine may embed the chat, to see how that looks.
    "app": {"ProcessWebhooksTimeout": "2", "FrameAncestors": "http://127.0.0.1:* http://localhost:*"},
}

_UNKNOWN = ("AWS::ApiGatewayV2::Deployment", "AWS::WAFv2::WebACLAssociation")
_POLICIES = ("AWS::SQS::QueuePolicy", "AWS::S3::BucketPolicy")


def localize_data(template: dict[str, Any]) -> dict[str, Any]:
    """The data template, for MiniStack."""
    for resource in template["Resources"].values():
        if resource["Type"] in _POLICIES:
            # MiniStack speaks plain HTTP on 127.0.0.1, and enforces that a queue or a bucket is for TLS only.
            document = resource["Properties"]["PolicyDocument"]
            document["Statement"] = [entry for entry in document["Statement"] if entry["Sid"] != "TlsOnly"]
    template["Resources"] = {
        name: resource
        for name, resource in template["Resources"].items()
        if resource["Type"] not in _POLICIES or resource["Properties"]["PolicyDocument"]["Statement"]
    }
    _mark_outputs(template)
    return template


def localize_app(template: dict[str, Any], aws_endpoint_url: str) -> dict[str, Any]:
    """The app's template, for the MiniStack at ``aws_endpoint_url``."""
    # MiniStack does not know these types. A stage shows the routes as they are; the phone plays the bot.
    template["Resources"] = {
        name: resource for name, resource in template["Resources"].items() if not _is_unknown(resource)
    }
    template.get("Outputs", {}).pop("LexBotAliasArn", None)
    # New code reaches the functions themselves (``push_code``); an alias would go on with the old.
    alias.withdraw(template)
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::ApiGatewayV2::Stage":
            resource["Properties"].pop("DeploymentId", None)
            resource["Properties"]["AutoDeploy"] = True
        if resource["Type"] == "AWS::Serverless::Function":
            variables = resource["Properties"].get("Environment", {}).get("Variables", {})
            # It is there for `chalice local`; a deployed function has its variables from the template.
            variables.pop("ENVIRONMENT_FILE", None)
            if "CONNECTIONS_URL" in variables:
                # MiniStack serves every API at its own address.
                url = f"{aws_endpoint_url}/_aws/execute-api/${{WebsocketAPI}}/{API_STAGE}"
                variables["CONNECTIONS_URL"] = {"Fn::Sub": url}
                # A stage beside `local` has no front door, whose address would be a parameter.
                match variables.get("WEBSOCKET_URL"):
                    case {"Fn::If": [condition, given, _]}:
                        own = {"Fn::Sub": url.replace("http", "ws", 1)}
                        variables["WEBSOCKET_URL"] = {"Fn::If": [condition, given, own]}
    _mark_outputs(template)
    return template


def _mark_outputs(template: dict[str, Any]) -> None:
    """MiniStack's change sets do not see that outputs change: let a resource change with them."""
    if "Outputs" not in template:
        return
    text = json.dumps(template["Outputs"], sort_keys=True)
    resource = template["Resources"][min(template["Resources"])]
    resource["Metadata"] = resource.get("Metadata", {}) | {"Outputs": hashlib.sha256(text.encode()).hexdigest()}


def _is_unknown(resource: dict[str, Any]) -> bool:
    """Whether it is of a type that MiniStack lacks, or the leave of a bot that is none here to call its function."""
    kind: str = resource["Type"]
    # There is no Logs Insights to save queries for, and no metric math: such an alarm would fail the whole stack.
    if kind == "AWS::Logs::QueryDefinition" or (
        kind == "AWS::CloudWatch::Alarm" and "Metrics" in resource["Properties"]
    ):
        return True
    if kind == "AWS::Lambda::Permission":
        return bool(resource["Properties"]["Principal"] == "lexv2.amazonaws.com")
    return kind in _UNKNOWN or kind.startswith(("AWS::Lex::", "AWS::ApplicationAutoScaling::"))
