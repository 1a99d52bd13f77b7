"""The roles of the packaged template, with every function of CloudFormation replaced by a value that looks like AWS's.

A statement here is a dictionary as IAM has it, whose ``Action`` and ``Resource`` are lists.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.intrinsics import Scope, parameter_values
from infra.packaging import DATA_TEMPLATE
from infra.templates import read_template

REGION = "eu-central-1"
ACCOUNT = "123456789012"
PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::URLSuffix": "amazonaws.com",
}

Statement = dict[str, Any]


@dataclass(frozen=True)
class Template:
    """A template and the values of its parameters; what it imports is what ``data.yaml`` exports."""

    content: Mapping[str, Any]
    parameters: Mapping[str, str]
    exports: Mapping[str, str]

    @property
    def scope(self) -> Scope:
        return Scope(self.parameters, self.content.get("Conditions", {}), self.exports, self._attribute)

    def roles(self) -> dict[str, list[Statement]]:
        """Every role's statements, by the role's logical id."""
        return {
            name: [
                statement
                for policy in self.scope.resolve(resource["Properties"].get("Policies", []))
                for statement in read_statements(policy["PolicyDocument"])
            ]
            for name, resource in self.content["Resources"].items()
            if resource["Type"] == "AWS::IAM::Role"
        }

    def _attribute(self, logical_id: str, attribute: str | None) -> str:
        """The ARN of a resource, or another text that stands for what it is asked for."""
        kind = self.content["Resources"][logical_id]["Type"].removeprefix("AWS::")
        if attribute is None or not attribute.endswith("Arn"):
            return logical_id.lower()
        if attribute == "StreamArn":
            return f"{self._attribute(logical_id, 'Arn')}/stream/2026-11-20T12:00:00.000"
        properties = self.content["Resources"][logical_id]["Properties"]
        pattern, key = ARNS.get(kind, ("arn:aws:{kind}:{region}:{account}:{name}", "Name"))
        name = self.scope.resolve(properties.get(key, logical_id))
        return pattern.format(kind=kind.split("::")[0].lower(), region=REGION, account=ACCOUNT, name=name)


ARNS = {
    "SQS::Queue": ("arn:aws:sqs:{region}:{account}:{name}", "QueueName"),
    "S3::Bucket": ("arn:aws:s3:::{name}", "BucketName"),
    "DynamoDB::Table": ("arn:aws:dynamodb:{region}:{account}:table/{name}", "TableName"),
    "Logs::LogGroup": ("arn:aws:logs:{region}:{account}:log-group:{name}:*", "LogGroupName"),
    "Lambda::Function": ("arn:aws:lambda:{region}:{account}:function:{name}", "FunctionName"),
    "Serverless::Function": ("arn:aws:lambda:{region}:{account}:function:{name}", "FunctionName"),
}
"""What ARNs look like, and which property names the resource; a log group's ends with a star, as AWS gives it."""


def app_template(content: Mapping[str, Any], **given: str) -> Template:
    """The app's template, with parameters other than the defaults where they are ``given``."""
    document = read_template(DATA_TEMPLATE)
    data = Template(document, PSEUDO | parameter_values(document, {"Stage": "dev"}), {})
    outputs = data.scope.resolve(
        {name: output for name, output in data.content["Outputs"].items() if data.scope.makes(output)}
    )
    exports = {output["Export"]["Name"]: output["Value"] for output in outputs.values() if "Export" in output}
    return Template(content, PSEUDO | parameter_values(content, {"Stage": "dev", **given}), exports)


def read_statements(document: Mapping[str, Any]) -> Iterator[Statement]:
    """The statements of a policy, actions and resources as lists."""
    for statement in document["Statement"]:
        yield statement | {key: listed(statement[key]) for key in ("Action", "Resource") if key in statement}


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list) else [value]
