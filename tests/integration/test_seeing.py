"""Alarms on the local cloud: they are there, and one of them goes off.

MiniStack makes no metrics of log lines and publishes none for queues. So the lines that functions really wrote are
made into metrics here, in the set of dimensions that the alarm watches, as CloudWatch would; the rest is the alarm's.
"""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, get_args

import pytest

from infra.alarms import ALARMS, Level
from localcloud.samples import Event
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.metric_lines import metric_lines

ALARM = STAGE_PREFIX + "signatures-refused"


def emitted_since(cloud: Cloud, offset: int) -> list[dict[str, Any]]:
    text = (cloud.layout.logs / "functions.log").read_bytes()[offset:].decode("utf-8", "replace")
    return metric_lines("\n".join(line[line.find("{") :] for line in text.splitlines() if "{" in line))


def publish(cloud: Cloud, alarm: dict[str, Any], lines: list[dict[str, Any]]) -> int:
    """Make what the alarm watches of some lines into its metric; how many values that were."""
    watched = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    values = [
        value
        for line in lines
        for directive in line["_aws"]["CloudWatchMetrics"]
        for names in directive["Dimensions"]
        if {name: line[name] for name in names} == watched and directive["Namespace"] == alarm["Namespace"]
        for value in line.get(alarm["MetricName"], [])
    ]
    datum = {"MetricName": alarm["MetricName"], "Dimensions": alarm["Dimensions"], "Timestamp": datetime.now(UTC)}
    for value in values:
        data = [{**datum, "Value": value}]
        cloud.client("cloudwatch").put_metric_data(Namespace=alarm["Namespace"], MetricData=data)
    return len(values)


def alarm_of(cloud: Cloud, name: str) -> dict[str, Any]:
    (alarm,) = cloud.client("cloudwatch").describe_alarms(AlarmNames=[name])["MetricAlarms"]
    found: dict[str, Any] = alarm
    return found


@pytest.fixture
def told(cloud: Cloud) -> Iterator[dict[str, str]]:
    """Queues that hear what the topic says, by how urgent that is: each is subscribed as docs/operating.md has it."""
    sqs, sns = cloud.client("sqs"), cloud.client("sns")
    topic = alarm_of(cloud, ALARM)["AlarmActions"][0]
    queues, subscriptions = {}, []
    for level in get_args(Level):
        queue = sqs.create_queue(QueueName=f"told-{level.lower()}")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": json.dumps(_leave(arn, topic))})
        only = {
            "FilterPolicyScope": "MessageBody",
            "FilterPolicy": f'{{"AlarmDescription": [{{"prefix": "{level}"}}]}}',
        }
        answer = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=only)
        queues[level] = str(queue)
        subscriptions.append(answer["SubscriptionArn"])
    yield queues
    for subscription in subscriptions:
        sns.unsubscribe(SubscriptionArn=subscription)
    for queue in queues.values():
        sqs.delete_queue(QueueUrl=queue)


def _leave(queue: str, topic: str) -> dict[str, Any]:
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "sns.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue,
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ],
    }


def received(cloud: Cloud, queue: str) -> list[dict[str, Any]]:
    messages = cloud.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", [])
    return [json.loads(json.loads(message["Body"])["Message"]) for message in messages]


def test_the_alarms_and_the_dashboard_are_there(cloud: Cloud) -> None:
    cloudwatch = cloud.client("cloudwatch")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=STAGE_PREFIX, MaxRecords=100)["MetricAlarms"]

    assert {alarm["AlarmName"] for alarm in alarms} == {
        STAGE_PREFIX + alarm.name for alarm in ALARMS if len(alarm.metrics) == 1 and not alarm.condition
    }
    body = cloudwatch.get_dashboard(DashboardName=STAGE_PREFIX.removesuffix("-"))["DashboardBody"]
    assert "${" not in body
    assert json.loads(body)["widgets"]


def test_forged_webhooks_raise_an_alarm_and_whoever_is_on_duty_is_told(cloud: Cloud, told: dict[str, str]) -> None:
    alarm = alarm_of(cloud, ALARM)
    offset = (cloud.layout.logs / "functions.log").stat().st_size
    forged = Event("x", "y", b"{}")

    for _ in range(int(alarm["Threshold"])):
        assert cloud.deliver("github", forged, secret="nobody's").status_code == 401
    lines = eventually(lambda: _enough(emitted_since(cloud, offset), int(alarm["Threshold"])))

    assert publish(cloud, alarm, lines[:-1]) == alarm["Threshold"] - 1
    assert alarm_of(cloud, ALARM)["StateValue"] == "OK"
    assert publish(cloud, alarm, lines[-1:]) == 1
    assert alarm_of(cloud, ALARM)["StateValue"] == "ALARM"

    (message,) = eventually(lambda: [one for one in received(cloud, told["LATER"]) if one["NewStateValue"] == "ALARM"])
    assert message["AlarmName"] == ALARM
    assert message["AlarmDescription"].endswith("docs/operating.md#signatures-refused")
    assert received(cloud, told["PAGE"]) == []


def _enough(lines: list[dict[str, Any]], number: int) -> list[dict[str, Any]]:
    refused = [line for line in lines if line.get("reason") == "invalid_signature"]
    return refused if len(refused) >= number else []
