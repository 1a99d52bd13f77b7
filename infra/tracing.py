"""X-Ray for every function, as the parameter ``Tracing`` says, and the permission to send traces while it is active."""

from typing import Any

_STATEMENT = {
    "Sid": "SendTraces",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",  # neither action knows a resource
}


def add(template: dict[str, Any]) -> None:
    """Let each function, whichever there are, follow the parameter, and its role too."""
    resources = template["Resources"]
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Tracing"] = {"Ref": "Tracing"}
            role, _ = resource["Properties"]["Role"]["Fn::GetAtt"]
            (policy,) = resources[role]["Properties"]["Policies"]
            statement = {"Fn::If": ["IsTraced", _STATEMENT, {"Ref": "AWS::NoValue"}]}
            policy["PolicyDocument"]["Statement"].append(statement)
