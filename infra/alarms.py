"""Alarms: what shall wake somebody, and what can wait until they are awake. Each is stated once, here.

The entry of the same name in docs/operating.md says what an alarm means and what to do. No alarm watches what is as it
should be, like a webhook that comes twice: the design counts on that.

A sum over several metrics is one alarm with metric math, and costs as much as an alarm for each. It is taken where one
entry of the runbook answers for all of them, and a person must look at the dashboard in any case.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from chalicelib.webhooks.sources import SOURCES
from infra.metrics import Metric, of_api, of_database, of_function, of_queue, of_sockets, of_table, own, substituted

RUNBOOK = "docs/operating.md"

AWAITED = (
    "api_handler",
    "websocket_connect",
    "websocket_message",
    "websocket_disconnect",
    "answer_messages",
    "look_up_order",
    "process_webhooks",
    "lex_codehook",
)
"""Functions for whose work somebody waits; a sum in an alarm has ten terms at most."""

BEHIND = (
    "write_failed_turns",
    "summarize_sessions",
    "delete_expired_sessions",
    "hand_off_session",
    "check_waiting",
    "purge_old_events",
    "manage_events",
    "migrate_database",
)
"""Those that are tried again by themselves, or whose caller sees that they fail."""

OPERATIONS = (
    ("sessions", "GetItem"),
    ("sessions", "Query"),
    ("sessions", "PutItem"),
    ("sessions", "UpdateItem"),
    ("sessions", "DeleteItem"),
    ("sessions", "TransactWriteItems"),
    ("sessions", "BatchWriteItem"),
    ("calls", "GetItem"),
    ("calls", "UpdateItem"),
)
"""What is asked of the tables. DynamoDB publishes errors for each operation alone."""

Level = Literal["PAGE", "LATER"]


@dataclass(frozen=True)
class Alarm:
    """Raised when ``metric`` is at least ``threshold``, or ``below`` it, in ``datapoints`` of ``periods`` periods.

    Of several metrics the one is watched that ``combine`` makes of them: ``SUM`` or ``MAX``. ``period`` is in seconds.
    ``datapoints`` are all of the periods unless given. ``missing`` says what a period without data is taken for:
    ``notBreaching`` for what is only counted when it happens, ``breaching`` where silence is a fault, ``ignore`` for
    what stays as it was. ``few_values`` says what becomes of a percentile of too few values to have one.
    A ``threshold`` may be the name of a parameter. ``condition`` names one of the template.
    """

    name: str
    level: Level
    says: str
    metric: Metric | Sequence[Metric]
    threshold: float | str
    period: int = 300
    periods: int = 1
    datapoints: int | None = None
    combine: Literal["SUM", "MAX"] = "SUM"
    below: bool = False
    missing: Literal["notBreaching", "breaching", "ignore"] = "notBreaching"
    few_values: Literal["evaluate", "ignore"] = "evaluate"
    condition: str | None = None

    @property
    def metrics(self) -> tuple[Metric, ...]:
        return (self.metric,) if isinstance(self.metric, Metric) else tuple(self.metric)

    @property
    def logical_id(self) -> str:
        return "".join(part.capitalize() for part in self.name.split("-")) + "Alarm"


def _not_empty(queue: str, level: Level, says: str) -> Alarm:
    """At once, and for ten minutes more: whoever looks into a queue hides its messages for five."""
    visible = of_queue(queue, "ApproximateNumberOfMessagesVisible")
    name = queue.removesuffix(".fifo")
    return Alarm(f"{name}-not-empty", level, says, visible, 1, period=60, periods=10, datapoints=1)


def _old(queue: str, seconds: int, says: str, periods: int = 3) -> Alarm:
    age = of_queue(queue, "ApproximateAgeOfOldestMessage")
    return Alarm(f"{queue.removesuffix('.fifo')}-old", "PAGE", says, age, seconds, period=60, periods=periods)


WEBHOOKS = (
    _not_empty("webhook-events-dlq", "PAGE", "Webhooks failed three times and are stored nowhere else."),
    _old("webhook-events", 300, "Accepted webhooks wait for five minutes: the database, or process_webhooks."),
    Alarm(
        "webhooks-failing",
        "PAGE",
        "Ten webhooks in five minutes could not be stored and come again; the third time is the last.",
        own("WebhooksFailed"),
        10,
    ),
    Alarm("api-errors", "PAGE", "The HTTP API answers 5xx: senders and pages are turned away.", of_api("5XXError"), 5),
    Alarm(
        "acknowledging-slow",
        "LATER",
        "One in a hundred webhooks waits 180 ms or more for its 202; 200 ms is what senders are promised.",
        own("WebhookAckTime", "p99"),
        180,
        period=900,
        periods=2,
        few_values="ignore",  # the highest of a few is a cold start, and says nothing
    ),
    Alarm(
        "webhooks-parked",
        "LATER",
        "Ten webhooks in an hour were not what their source promises, and are parked.",
        own("WebhooksParked"),
        10,
        period=3600,
    ),
    Alarm(
        "signatures-refused",
        "LATER",
        "Fifty webhooks in a quarter of an hour had no valid signature: a wrong secret, or a stranger.",
        own("WebhooksRejected", reason="invalid_signature"),
        50,
        period=900,
    ),
    *(
        Alarm(
            f"{source.name}-silent",
            "PAGE",
            f"{source.name} sends day and night, and has not been heard for long.",
            own("SecondsSinceLastHeard", "Maximum", source=source.name),
            "SilentAfterSeconds",
            period=3600,
            missing="ignore",
            condition="WatchesSilence",
        )
        for source in SOURCES.values()
        if source.is_busy
    ),
)

CHAT = (
    _not_empty("chat-messages-dlq.fifo", "PAGE", "Customers had an apology after four attempts to answer them."),
    _old("chat-messages.fifo", 120, "Customers wait for two minutes for the assistant to begin."),
    _not_empty("failed-turns-dlq", "PAGE", "Answers that customers have read are missing in their conversations."),
    _old("failed-turns", 900, "Answers wait for a quarter of an hour to be stored: the table refuses them."),
    _not_empty("stream-failures", "LATER", "Changes of sessions were given up by the functions behind the stream."),
    Alarm(
        "stream-behind",
        "LATER",
        "The functions behind the sessions' stream are half an hour behind.",
        [
            of_function("summarize_sessions", "IteratorAge", "Maximum"),
            of_function("delete_expired_sessions", "IteratorAge", "Maximum"),
        ],
        1_800_000,
        periods=2,
        datapoints=1,
        combine="MAX",
    ),
    Alarm(
        "assistant-apologising",
        "PAGE",
        "Five customers in five minutes had an apology in place of an answer: the model fails.",
        own("Apologies"),
        5,
    ),
    Alarm(
        "first-delta-slow",
        "LATER",
        "One customer in ten waits three seconds or more until the assistant's answer begins.",
        own("FirstDeltaTime", "p90"),
        3_000,
        periods=3,
    ),
    Alarm(
        "tokens-nearly-used",
        "LATER",
        "Four fifths of the day's tokens are used; beyond the ceiling the assistant apologises until midnight (UTC).",
        own("DailyTokensUsed", "Maximum"),
        80,
        missing="ignore",
    ),
    Alarm(
        "handoffs-waiting",
        "PAGE",
        "Somebody has waited for a person for five minutes within the desk's hours, or nobody looks who waits.",
        own("LongestWait", "Maximum"),
        300_000,
        period=60,
        periods=5,
        missing="breaching",
    ),
    Alarm(
        "sockets-failing",
        "PAGE",
        "API Gateway cannot run the functions behind the sockets.",
        of_sockets("ExecutionError"),
        5,
    ),
)

VOICE = (
    Alarm(
        "voice-failing",
        "PAGE",
        "A fault of ours sent callers to a person.",
        own("VoiceTurns", outcome="failed"),
        1,
    ),
    Alarm(
        "voice-unavailable",
        "PAGE",
        "Three turns of calls in five minutes ended with a person, since the bank or the table of calls failed.",
        own("VoiceTurns", outcome="unavailable"),
        3,
    ),
    Alarm(
        "bank-breaker-open",
        "PAGE",
        "The bank failed three times in a row, and callers are refused without asking it.",
        own("BankCalls", outcome="open"),
        1,
    ),
    Alarm(
        "bank-malformed",
        "LATER",
        "The bank's answers cannot be read: it has changed, or something stands between.",
        own("BankAnswersMalformed"),
        1,
    ),
)

PARTS = (
    Alarm(
        "functions-failing",
        "PAGE",
        "Functions that somebody waits for end in an error: a crash, a timeout, memory, or a broken package.",
        [of_function(function, "Errors") for function in AWAITED],
        3,
        periods=2,
        datapoints=1,
    ),
    Alarm(
        "background-functions-failing",
        "LATER",
        "Functions behind the scenes end in an error.",
        [of_function(function, "Errors") for function in BEHIND],
        3,
        period=900,
        periods=2,
        datapoints=1,
    ),
    Alarm(
        "functions-throttled",
        "PAGE",
        "Lambda turns invocations away: the account's or a function's concurrency is used up.",
        [of_function(function, "Throttles") for function in AWAITED],
        5,
        periods=2,
        datapoints=1,
    ),
    Alarm(
        "tables-failing",
        "PAGE",
        "DynamoDB answers with errors of its own.",
        [of_table(table, "SystemErrors", operation=operation) for table, operation in OPERATIONS],
        5,
        periods=2,
        datapoints=1,
    ),
    Alarm(
        "tables-throttled",
        "PAGE",
        "DynamoDB turns requests away: a table, or one key of it, is asked for more than it may give.",
        [
            of_table(table, name)
            for table in ("sessions", "calls")
            for name in ("ReadThrottleEvents", "WriteThrottleEvents")
        ],
        10,
        periods=2,
        datapoints=1,
    ),
    Alarm(
        "database-connections-high",
        "PAGE",
        "The database has nearly as many connections as it takes.",
        of_database("DatabaseConnections", "Maximum"),
        "DatabaseConnectionsAlarm",
        period=60,
        periods=5,
    ),
    Alarm(
        "database-storage-low",
        "PAGE",
        "The database has less than 1 GiB left to write into, and does not grow by itself.",
        of_database("FreeStorageSpace", "Minimum"),
        1024**3,
        below=True,
    ),
    Alarm(
        "database-credits-low",
        "LATER",
        "The database has nearly used up what it may burst: it becomes slow, or dearer.",
        of_database("CPUCreditBalance", "Minimum"),
        20,
        periods=3,
        below=True,
    ),
)

ALARMS: tuple[Alarm, ...] = (*WEBHOOKS, *CHAT, *VOICE, *PARTS)

TOPIC = "AlarmsTopic"


def resources(alarms: Sequence[Alarm] = ALARMS) -> dict[str, dict[str, Any]]:
    """The alarms and their topic, by logical id."""
    return {
        TOPIC: {"Type": "AWS::SNS::Topic", "Properties": {"TopicName": substituted("frontdesk-${Stage}-alarms")}},
        f"{TOPIC}Policy": {"Type": "AWS::SNS::TopicPolicy", "Properties": _topic_policy()},
        "AlarmsByEmail": {
            "Type": "AWS::SNS::Subscription",
            "Condition": "HasAlarmEmail",
            "Properties": {"TopicArn": {"Ref": TOPIC}, "Protocol": "email", "Endpoint": {"Ref": "AlarmEmail"}},
        },
        **{alarm.logical_id: _resource(alarm) for alarm in alarms},
    }


OUTPUTS: Mapping[str, Any] = {
    "AlarmsTopicArn": {"Description": "Where alarms are sent; subscribe to it.", "Value": {"Ref": TOPIC}}
}


def _topic_policy() -> dict[str, Any]:
    """For CloudWatch, on behalf of this stage's alarms alone. The topic has no key of its own, see decision 25."""
    alarms = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:frontdesk-${Stage}-*"
    return {
        "Topics": [{"Ref": TOPIC}],
        "PolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Sid": "Alarms",
                    "Effect": "Allow",
                    "Principal": {"Service": "cloudwatch.amazonaws.com"},
                    "Action": "sns:Publish",
                    "Resource": {"Ref": TOPIC},
                    "Condition": {
                        "StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}},
                        "ArnLike": {"aws:SourceArn": substituted(alarms)},
                    },
                },
                {
                    "Sid": "TlsOnly",
                    "Effect": "Deny",
                    "Principal": "*",
                    "Action": "sns:Publish",
                    "Resource": {"Ref": TOPIC},
                    "Condition": {"Bool": {"aws:SecureTransport": "false"}},
                },
            ],
        },
    }


def _resource(alarm: Alarm) -> dict[str, Any]:
    threshold = {"Ref": alarm.threshold} if isinstance(alarm.threshold, str) else alarm.threshold
    properties = {
        "AlarmName": substituted(f"frontdesk-${{Stage}}-{alarm.name}"),
        "AlarmDescription": f"{alarm.level}. {alarm.says} {RUNBOOK}#{alarm.name}",
        "ComparisonOperator": "LessThanThreshold" if alarm.below else "GreaterThanOrEqualToThreshold",
        "Threshold": threshold,
        "EvaluationPeriods": alarm.periods,
        "DatapointsToAlarm": alarm.datapoints or alarm.periods,
        "TreatMissingData": alarm.missing,
        "AlarmActions": [{"Ref": TOPIC}],
        "OKActions": [{"Ref": TOPIC}],
        **_watched(alarm),
    }
    condition = {"Condition": alarm.condition} if alarm.condition else {}
    return {"Type": "AWS::CloudWatch::Alarm", **condition, "Properties": properties}


def _watched(alarm: Alarm) -> dict[str, Any]:
    if not isinstance(alarm.metric, Metric):
        return {"Metrics": [*_terms(alarm), _combination(alarm)]}
    watched: dict[str, Any] = {**alarm.metric.in_template(), "Period": alarm.period}
    if alarm.metric.is_percentile:
        few = {"EvaluateLowSampleCountPercentile": alarm.few_values}
        return {**watched, "ExtendedStatistic": alarm.metric.statistic, **few}
    return {**watched, "Statistic": alarm.metric.statistic}


def _terms(alarm: Alarm) -> list[dict[str, Any]]:
    return [
        {
            "Id": f"m{number}",
            "ReturnData": False,
            "MetricStat": {"Metric": metric.in_template(), "Period": alarm.period, "Stat": metric.statistic},
        }
        for number, metric in enumerate(alarm.metrics)
    ]


def _combination(alarm: Alarm) -> dict[str, Any]:
    """Without ``FILL`` a term that has no data at a time would take the others' with it.

    With it the newest period always has a value, also when its data are late; so such alarms look at one before it too.
    """
    return {"Id": "all", "Expression": f"{alarm.combine}(FILL(METRICS(), 0))", "Label": alarm.name, "ReturnData": True}
