"""X-Ray for every function, as the parameter ``Tracing`` says, and the permission to send traces while it is active.

One policy serves all roles: they need the same, and no resource can be named in it.
"""

from typing import Any


def add(template: dict[str, Any]) -> None:
    """Let each function, whichever there are, follow the parameter."""
    functions = [one for one in template["Resources"].values() if one["Type"] == "AWS::Serverless::Function"]
    for function in functions:
        function["Properties"]["Tracing"] = {"Ref": "Tracing"}
    roles = sorted(function["Properties"]["Role"]["Fn::GetAtt"][0] for function in functions)
    template["Resources"]["TracingPolicy"] = {
        "Type": "AWS::IAM::Policy",
        "Condition": "IsTraced",
        "Properties": {
            "PolicyName": "tracing",
            "Roles": [{"Ref": role} for role in roles],
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "SendTraces",
                        "Effect": "Allow",
                        "Action": ["xray:PutTraceSegments", "xray:PutTelemetryRecords"],
                        "Resource": "*",  # neither action knows a resource
                    }
                ],
            },
        },
    }
