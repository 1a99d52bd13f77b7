"""What MiniStack overlooks in a template and takes through the services' own APIs."""

from collections.abc import Callable, Mapping
from typing import Any


def enable_expiry(client: Callable[[str], Any], stack: str, template: Mapping[str, Any]) -> None:
    """The attribute by which the items of a deployed stack's tables expire."""
    for name, resource in template["Resources"].items():
        specification = resource.get("Properties", {}).get("TimeToLiveSpecification")
        if resource["Type"] == "AWS::DynamoDB::Table" and specification:
            detail = client("cloudformation").describe_stack_resource(StackName=stack, LogicalResourceId=name)
            table = detail["StackResourceDetail"]["PhysicalResourceId"]
            client("dynamodb").update_time_to_live(TableName=table, TimeToLiveSpecification=specification)
