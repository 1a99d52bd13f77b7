"""The metrics that alarms and the dashboard look at: our own, and those of the services Frontdesk runs on.

A value of a dimension may hold ``${Stage}`` and whatever else CloudFormation substitutes. Each constructor knows which
dimensions its service publishes a metric under: a metric asked for under others is none, and shows nothing for ever.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chalicelib.settings import APP_NAME

NAMESPACE = "Frontdesk"
API_STAGE = "api"


@dataclass(frozen=True)
class Metric:
    """One metric under one statistic: ``Sum``, ``Maximum``, ``Minimum``, ``Average``, or a percentile as ``p99``."""

    namespace: str
    name: str
    statistic: str
    dimensions: Mapping[str, str] = field(hash=False)

    @property
    def is_percentile(self) -> bool:
        return self.statistic.startswith("p")

    def in_template(self) -> dict[str, Any]:
        """Namespace, name and dimensions, as CloudFormation writes them."""
        dimensions = [{"Name": name, "Value": substituted(value)} for name, value in self.dimensions.items()]
        return {"Namespace": self.namespace, "MetricName": self.name, "Dimensions": dimensions}


def substituted(text: str) -> str | dict[str, str]:
    """A text with CloudFormation's own names filled in, where it has any."""
    return {"Fn::Sub": text} if "${" in text else text


def own(name: str, statistic: str = "Sum", **dimensions: str) -> Metric:
    """A metric of ``chalicelib.telemetry``, with the dimensions that every line of it has."""
    return Metric(NAMESPACE, name, statistic, {"service": APP_NAME, "stage": "${Stage}", **dimensions})


def of_function(function: str, name: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/Lambda", name, statistic, {"FunctionName": f"frontdesk-${{Stage}}-{function}"})


def of_queue(queue: str, name: str, statistic: str = "Maximum") -> Metric:
    return Metric("AWS/SQS", name, statistic, {"QueueName": f"frontdesk-${{Stage}}-{queue}"})


def of_table(table: str, name: str, statistic: str = "Sum", *, operation: str | None = None) -> Metric:
    """``operation``: errors and latency are published for each operation of a table, and not for the table."""
    dimensions = {"TableName": f"frontdesk-${{Stage}}-{table}"} | ({"Operation": operation} if operation else {})
    return Metric("AWS/DynamoDB", name, statistic, dimensions)


def of_api(name: str, statistic: str = "Sum") -> Metric:
    return Metric("AWS/ApiGateway", name, statistic, {"ApiName": "frontdesk-${Stage}", "Stage": API_STAGE})


def of_sockets(name: str, statistic: str = "Sum") -> Metric:
    """WebSocket APIs are known by their id."""
    return Metric("AWS/ApiGateway", name, statistic, {"ApiId": "${WebsocketAPI}", "Stage": API_STAGE})


def of_database(name: str, statistic: str) -> Metric:
    """The instance that the data stack makes. One that was there before has a name, and alarms, of its own."""
    return Metric("AWS/RDS", name, statistic, {"DBInstanceIdentifier": "frontdesk-${Stage}"})
