"""What MiniStack overlooks in a template and takes through the services' own APIs."""

from collections.abc import Callable, Mapping
from typing import Any

from localcloud.template import API_STAGE


def put_gateway_responses(gateway: Any, api: str, template: Mapping[str, Any]) -> None:
    """The REST API's own errors, from the app's template."""
    responses: dict[str, dict[str, Any]] = template["Resources"]["RestAPI"]["Properties"]["GatewayResponses"]
    for kind, response in responses.items():
        status = {"statusCode": response["StatusCode"]} if "StatusCode" in response else {}
        headers = response.get("ResponseParameters", {}).get("Headers", {})
        gateway.put_gateway_response(
            restApiId=api,
            responseType=kind,
            responseTemplates=response["ResponseTemplates"],
            responseParameters={f"gatewayresponse.header.{name}": value for name, value in headers.items()},
            **status,
        )
    gateway.create_deployment(restApiId=api, stageName=API_STAGE)


def enable_expiry(client: Callable[[str], Any], stack: str, template: Mapping[str, Any]) -> None:
    """The attribute by which the items of a deployed stack's tables expire."""
    for name, resource in template["Resources"].items():
        specification = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] == "AWS::DynamoDB::Table" and specification:
            detail = client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=name)
            table = detail["StackResourceDetail"]["PhysicalResourceId"]
            client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=specification)
