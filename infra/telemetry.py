"""What every function tells of itself: how much it logs, and whether X-Ray traces it, as two parameters say."""

from typing import Any

_STATEMENT = {
    "Sid": "SendTraces",
    "Effect": "Allow",
    "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
    "Resource": "*",  # neither action knows a resource
}


def add(template: dict[str, Any]) -> None:
    """Let each function, whichever there are, follow the parameters; its role may send traces while they are on."""
    resources = template["Resources"]
    for resource in list(resources.values()):
        if resource["Type"] == "AWS::Serverless::Function":
            resource["Properties"]["Tracing"] = {"Ref": "Tracing"}
            resource["Properties"]["Environment"]["Variables"]["LOG_LEVEL"] = {"Ref": "LogLevel"}
            role, _ = resource["Properties"]["Role"]["Fn::GetAtt"]
            (policy,) = resources[role]["Properties"]["Policies"]
            statement = {"Fn::If": ["IsTraced", _STATEMENT, {"Ref": "AWS::NoValue"}]}
            policy["PolicyDocument"]["Statement"].append(statement)
