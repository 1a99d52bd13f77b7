"""The alarms: that each watches a metric that exists, of a part that is there, and tells the topic."""

from typing import Any

import pytest

from infra.alarms import ALARMS, AWAITED, BEHIND, OPERATIONS, OUTPUTS, TOPIC, Alarm, resources
from infra.dashboard import ROWS
from infra.metrics import NAMESPACE, Metric

Stacks = dict[str, dict[str, Any]]

PUBLISHED: dict[str, dict[tuple[str, ...], set[str]]] = {
    # https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-types.html
    "AWS/Lambda": {
        ("FunctionName",): {"Errors", "Throttles", "Duration", "ConcurrentExecutions", "IteratorAge", "Invocations"},
    },
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html
    "AWS/SQS": {
        ("QueueName",): {
            "ApproximateNumberOfMessagesVisible",
            "ApproximateAgeOfOldestMessage",
            "NumberOfMessagesSent",
        },
    },
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html
    "AWS/DynamoDB": {
        ("TableName",): {
            "ReadThrottleEvents",
            "WriteThrottleEvents",
            "ConsumedReadCapacityUnits",
            "ConsumedWriteCapacityUnits",
        },
        ("TableName", "Operation"): {"SystemErrors"},
    },
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html
    # https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-websocket-api-logging.html
    "AWS/ApiGateway": {
        ("ApiName", "Stage"): {"Count", "4XXError", "5XXError", "Latency"},
        ("ApiId", "Stage"): {"ConnectCount", "MessageCount", "ClientError", "IntegrationError", "ExecutionError"},
    },
    # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-metrics.html
    "AWS/RDS": {
        ("DBInstanceIdentifier",): {"DatabaseConnections", "FreeStorageSpace", "CPUCreditBalance", "CPUUtilization"},
    },
}
"""What AWS publishes of what we look at, by namespace and the names of the dimensions."""

AS_IT_SHOULD_BE = {"WebhooksDuplicate", "WebhooksConflict", "ChatMessagesRepeated", "UserErrors", "4XXError"}
"""What comes twice is expected, and DynamoDB counts a refused condition, by which we know it, as a user's error."""


@pytest.fixture(scope="module")
def stacks(app: dict[str, Any], data: dict[str, Any]) -> Stacks:
    return {"app": app, "data": data}


def looked_at() -> list[Metric]:
    shown = [metric for row in ROWS for graph in row.graphs for _, metric in graph.lines]
    return [*shown, *(metric for alarm in ALARMS for metric in alarm.metrics)]


def properties(stacks: Stacks) -> dict[str, dict[str, Any]]:
    """The alarms of the packaged template, by name."""
    alarms = [one for one in stacks["app"]["Resources"].values() if one["Type"] == "AWS::CloudWatch::Alarm"]
    return {one["Properties"]["AlarmName"]["Fn::Sub"]: one["Properties"] for one in alarms}


def named(stacks: Stacks, kind: str, attribute: str) -> set[str]:
    """The names of all resources of a type, in either stack."""
    everything = [one for stack in stacks.values() for one in stack["Resources"].values()]
    return {one["Properties"][attribute]["Fn::Sub"] for one in everything if one["Type"] == kind}


def test_the_package_has_them_all(stacks: Stacks) -> None:
    assert set(properties(stacks)) == {f"frontdesk-${{Stage}}-{alarm.name}" for alarm in ALARMS}
    assert stacks["app"]["Outputs"].items() >= OUTPUTS.items()


def test_each_tells_the_topic_when_it_begins_and_when_it_ends(stacks: Stacks) -> None:
    for alarm in properties(stacks).values():
        assert (alarm["AlarmActions"], alarm["OKActions"]) == ([{"Ref": TOPIC}], [{"Ref": TOPIC}])
        assert alarm.get("ActionsEnabled", True) is True


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_each_says_how_urgent_it_is_and_where_to_read_on(stacks: Stacks, alarm: Alarm) -> None:
    text = properties(stacks)[f"frontdesk-${{Stage}}-{alarm.name}"]["AlarmDescription"]

    assert text.startswith(("PAGE. ", "LATER. "))
    assert text.endswith(f"docs/operating.md#{alarm.name}")
    assert len(text) <= 1024


@pytest.mark.parametrize("alarm", ALARMS, ids=lambda alarm: alarm.name)
def test_each_is_what_cloudwatch_takes(alarm: Alarm) -> None:
    """https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html"""
    assert len(alarm.metrics) <= 10
    assert alarm.period % 60 == 0
    assert alarm.period * alarm.periods <= 86_400
    assert 1 <= (alarm.datapoints or alarm.periods) <= alarm.periods
    assert len({metric.statistic for metric in alarm.metrics}) == 1


def test_aws_publishes_what_is_looked_at() -> None:
    """Under other dimensions a metric is another one, which nobody ever writes."""
    known = {
        (namespace, dimensions, name)
        for namespace, sets in PUBLISHED.items()
        for dimensions, names in sets.items()
        for name in names
    }
    theirs = [metric for metric in looked_at() if metric.namespace != NAMESPACE]

    assert {(metric.namespace, tuple(metric.dimensions), metric.name) for metric in theirs} - known == set()


def test_what_is_looked_at_is_there(stacks: Stacks) -> None:
    """A renamed part would leave its alarms without data, and silent."""
    there: dict[str, set[str]] = {
        "FunctionName": named(stacks, "AWS::Serverless::Function", "FunctionName"),
        "QueueName": named(stacks, "AWS::SQS::Queue", "QueueName"),
        "TableName": named(stacks, "AWS::DynamoDB::Table", "TableName"),
        "ApiName": named(stacks, "AWS::Serverless::Api", "Name"),
        "ApiId": {"${WebsocketAPI}"},
        "Stage": {stacks["app"]["Resources"]["RestAPI"]["Properties"]["StageName"]},
    }
    assert stacks["app"]["Resources"]["WebsocketAPI"]["Type"] == "AWS::ApiGatewayV2::Api"
    assert there["Stage"] == {stacks["app"]["Resources"]["WebsocketAPIStage"]["Properties"]["StageName"]}
    missing = [
        (metric.name, value)
        for metric in looked_at()
        for name, value in metric.dimensions.items()
        if name in there and value not in there[name]
    ]

    assert missing == []


def test_every_function_is_watched(stacks: Stacks) -> None:
    functions = named(stacks, "AWS::Serverless::Function", "FunctionName")

    assert {f"frontdesk-${{Stage}}-{function}" for function in (*AWAITED, *BEHIND)} == functions
    for name in ("functions-failing", "background-functions-failing"):
        assert find(name).metrics[0].name == "Errors"


def test_every_operation_on_the_tables_is_watched(stacks: Stacks) -> None:
    """Whatever a role may ask of a table; transactions need leave for what they consist of."""
    statements = [
        statement
        for role in stacks["app"]["Resources"].values()
        if role["Type"] == "AWS::IAM::Role"
        for policy in role["Properties"].get("Policies", [])
        for statement in policy["PolicyDocument"]["Statement"]
        if "Resource" in statement
    ]
    allowed = {
        (table, action.removeprefix("dynamodb:"))
        for statement in statements
        for table in ("sessions", "calls")
        if f"-{table.capitalize()}TableArn" in str(statement["Resource"])
        for action in ([statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"])
    }

    assert set(OPERATIONS) - {("sessions", "TransactWriteItems")} == allowed


def test_every_queue_of_what_failed_is_watched(stacks: Stacks) -> None:
    queues = {
        name: one["Properties"] for name, one in stacks["data"]["Resources"].items() if one["Type"] == "AWS::SQS::Queue"
    }
    dead = {
        queue["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in queues.values()
        if "RedrivePolicy" in queue
    }
    failures = {queues[name]["QueueName"]["Fn::Sub"] for name in {*dead, "StreamFailuresQueue"}}
    visible = {
        metric.dimensions["QueueName"]
        for alarm in ALARMS
        for metric in alarm.metrics
        if metric.name == "ApproximateNumberOfMessagesVisible" and alarm.threshold == 1
    }

    assert visible == failures


def test_what_is_as_it_should_be_wakes_nobody() -> None:
    assert {metric.name for alarm in ALARMS for metric in alarm.metrics} & AS_IT_SHOULD_BE == set()


def test_a_message_that_is_being_handled_is_not_taken_for_an_old_one(stacks: Stacks) -> None:
    """It is hidden for the visibility timeout, and comes again after that."""
    for name, queue, parameters in (
        ("webhook-events-old", "WebhookEventsQueue", stacks["data"]["Parameters"]),
        ("chat-messages-old", "ChatMessagesQueue", {}),
        ("failed-turns-old", "FailedTurnsQueue", {}),
    ):
        hidden = stacks["data"]["Resources"][queue]["Properties"]["VisibilityTimeout"]
        seconds = parameters[hidden["Ref"]]["Default"] if isinstance(hidden, dict) else hidden
        threshold = find(name).threshold
        assert isinstance(threshold, int)
        assert threshold > seconds


def test_only_alarms_of_this_stage_may_publish_and_only_over_tls(stacks: Stacks) -> None:
    policy = stacks["app"]["Resources"][f"{TOPIC}Policy"]["Properties"]
    allow, deny = policy["PolicyDocument"]["Statement"]

    assert policy["Topics"] == [{"Ref": TOPIC}]
    assert (allow["Effect"], allow["Principal"]) == ("Allow", {"Service": "cloudwatch.amazonaws.com"})
    assert allow["Action"] == deny["Action"] == "sns:Publish"
    assert allow["Condition"]["StringEquals"] == {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}
    assert allow["Condition"]["ArnLike"]["aws:SourceArn"]["Fn::Sub"].endswith(":alarm:frontdesk-${Stage}-*")
    assert (deny["Effect"], deny["Principal"]) == ("Deny", "*")
    assert deny["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_conditions_and_parameters_are_those_of_the_template(stacks: Stacks) -> None:
    used = {one["Condition"] for one in resources().values() if "Condition" in one}

    assert used == {"HasAlarmEmail", "WatchesSilence"}
    assert used <= stacks["app"]["Conditions"].keys()
    thresholds = {alarm.threshold for alarm in ALARMS if isinstance(alarm.threshold, str)}
    assert thresholds == {"SilentAfterSeconds", "DatabaseConnectionsAlarm"}
    assert thresholds <= stacks["app"]["Parameters"].keys()


def test_of_few_values_the_highest_percentile_says_nothing() -> None:
    percentiles = [alarm for alarm in ALARMS if alarm.metrics[0].is_percentile]

    assert {(alarm.metrics[0].statistic, alarm.few_values) for alarm in percentiles} == {
        ("p99", "ignore"),
        ("p90", "evaluate"),
    }
    for alarm in percentiles:
        resource = resources([alarm])[alarm.logical_id]["Properties"]
        assert resource["ExtendedStatistic"] == alarm.metrics[0].statistic
        assert resource["EvaluateLowSampleCountPercentile"] == alarm.few_values
        assert "Statistic" not in resource


def test_a_sum_waits_for_data_that_are_late() -> None:
    """What is filled in has a value at once, and the right one a minute later."""
    assert [alarm.name for alarm in ALARMS if len(alarm.metrics) > 1 and alarm.datapoints != alarm.periods - 1] == []


def test_the_promise_of_200_ms_is_watched_before_it_is_broken() -> None:
    slow = find("acknowledging-slow")

    assert (slow.metrics[0].name, slow.metrics[0].statistic) == ("WebhookAckTime", "p99")
    assert isinstance(slow.threshold, int)
    assert 150 <= slow.threshold < 200


def find(name: str) -> Alarm:
    (alarm,) = [alarm for alarm in ALARMS if alarm.name == name]
    return alarm
