"""The dashboard of a stage: its alarms, then a row for each door and each part, with the alarms' thresholds as lines.

The body is CloudWatch's: a grid of 24 columns, and a metric as a list of namespace, name and dimensions.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any

from infra.alarms import ALARMS, AWAITED, BEHIND, OPERATIONS, Alarm
from infra.metrics import Metric, of_api, of_database, of_function, of_queue, of_sockets, of_table, own

COLUMNS = 24
HEIGHT = 6
PERIOD = 300
"""Seconds a point stands for, as far as nothing else is chosen on the page."""

FUNCTIONS = (*AWAITED, *BEHIND)
QUEUES = ("webhook-events", "chat-messages.fifo", "failed-turns")
DEAD_LETTERS = ("webhook-events-dlq", "chat-messages-dlq.fifo", "failed-turns-dlq", "stream-failures")
VOICE_OUTCOMES = ("failed", "unavailable", "not_lex_event", "locked", "agent")

Lines = Sequence[tuple[str, Metric]]


@dataclass(frozen=True)
class Graph:
    """Metrics over time, each with its label. Alarms on one of them are drawn in by themselves."""

    title: str
    lines: Lines
    is_stacked: bool = False


@dataclass(frozen=True)
class Row:
    """A heading and the graphs below it, which share the width."""

    title: str
    graphs: Sequence[Graph]


def _each(names: Sequence[str], metric: Any) -> Lines:
    return [(name, metric(name)) for name in names]


def _times(name: str, *, label: str = "") -> Lines:
    return [(f"{label}{statistic}", own(name, statistic)) for statistic in ("p50", "p99")]


ROWS = (
    Row(
        "Webhooks",
        [
            Graph(
                "Webhooks",
                _each(
                    ["Accepted", "Stored", "Parked", "Duplicate", "Conflict", "Failed"], lambda n: own(f"Webhooks{n}")
                ),
            ),
            Graph(
                "Refused, by reason",
                _each(
                    ["invalid_signature", "invalid_body", "not_found", "too_large", "bad_request"],
                    lambda reason: own("WebhooksRejected", reason=reason),
                ),
                is_stacked=True,
            ),
            Graph("Time to 202 (ms)", _times("WebhookAckTime")),
            Graph("Time to the row (ms)", _times("WebhookAgeAtStoring")),
        ],
    ),
    Row(
        "Chat",
        [
            Graph(
                "Messages and sessions",
                [
                    *_each(["ChatMessages", "ChatSessionsOpened", "ChatSessionsResumed"], own),
                    ("waiting for a person", own("SessionsWaiting", "Maximum")),
                ],
            ),
            Graph("Time to the first delta (ms)", [*_times("FirstDeltaTime"), ("p90", own("FirstDeltaTime", "p90"))]),
            Graph("Longest wait for a person (ms)", [("longest", own("LongestWait", "Maximum"))]),
            Graph(
                "Sockets",
                _each(
                    ["ConnectCount", "MessageCount", "ClientError", "IntegrationError", "ExecutionError"], of_sockets
                ),
            ),
        ],
    ),
    Row(
        "Voice",
        [
            Graph(
                "Turns that need a look",
                _each(VOICE_OUTCOMES, lambda outcome: own("VoiceTurns", outcome=outcome)),
            ),
            Graph(
                "Requests to the bank",
                _each(
                    ["ok", "failed", "late", "unreachable", "open"], lambda outcome: own("BankCalls", outcome=outcome)
                ),
            ),
            Graph(
                "Time of the bank (ms), where it answers",
                [(statistic, own("BankCallDuration", statistic, outcome="ok")) for statistic in ("p50", "p99")],
            ),
            Graph("Answers that cannot be read", [("malformed", own("BankAnswersMalformed"))]),
        ],
    ),
    Row(
        "Model and its cost",
        [
            Graph("Tokens", [("tokens", own("ModelTokens"))]),
            Graph("Of the day's tokens (%)", [("used", own("DailyTokensUsed", "Maximum"))]),
            Graph(
                "Failures",
                [
                    ("apologies", own("Apologies")),
                    *_each(["retryable", "fatal", "deadline"], lambda reason: own("ModelFailures", reason=reason)),
                ],
            ),
            Graph(
                "Summaries",
                _each(["stored", "duplicate", "failed", "refused"], lambda outcome: own("Summaries", outcome=outcome)),
            ),
        ],
    ),
    Row(
        "HTTP",
        [
            Graph("Requests", _each(["Count", "4XXError", "5XXError"], of_api)),
            Graph("Latency of all requests (ms)", [(s, of_api("Latency", s)) for s in ("p50", "p99")]),
        ],
    ),
    Row(
        "Queues",
        [
            Graph("Waiting", _each(QUEUES, lambda queue: of_queue(queue, "ApproximateNumberOfMessagesVisible"))),
            Graph(
                "Age of the oldest (s)", _each(QUEUES, lambda queue: of_queue(queue, "ApproximateAgeOfOldestMessage"))
            ),
            Graph(
                "Dead letters", _each(DEAD_LETTERS, lambda queue: of_queue(queue, "ApproximateNumberOfMessagesVisible"))
            ),
            Graph("Sent", _each(QUEUES, lambda queue: of_queue(queue, "NumberOfMessagesSent", "Sum"))),
        ],
    ),
    Row(
        "Functions",
        [
            Graph("Errors", _each(FUNCTIONS, lambda function: of_function(function, "Errors"))),
            Graph("Throttles", _each(FUNCTIONS, lambda function: of_function(function, "Throttles"))),
            Graph("Duration, p99 (ms)", _each(FUNCTIONS, lambda function: of_function(function, "Duration", "p99"))),
            Graph(
                "At the same time",
                _each(FUNCTIONS, lambda function: of_function(function, "ConcurrentExecutions", "Maximum")),
            ),
        ],
    ),
    Row(
        "Tables",
        [
            Graph(
                "Units",
                [
                    (f"{table}: {kind.lower()}", of_table(table, f"Consumed{kind}CapacityUnits"))
                    for table in ("sessions", "calls")
                    for kind in ("Read", "Write")
                ],
            ),
            Graph(
                "Turned away",
                [
                    (f"{table}: {kind.lower()}", of_table(table, f"{kind}ThrottleEvents"))
                    for table in ("sessions", "calls")
                    for kind in ("Read", "Write")
                ],
            ),
            Graph(
                "Errors of DynamoDB",
                [(f"{table}: {verb}", of_table(table, "SystemErrors", operation=verb)) for table, verb in OPERATIONS],
            ),
            Graph(
                "Behind the stream (ms)",
                _each(
                    ["summarize_sessions", "delete_expired_sessions"],
                    lambda function: of_function(function, "IteratorAge", "Maximum"),
                ),
            ),
        ],
    ),
    Row(
        "Database",
        [
            Graph("Connections", [("connections", of_database("DatabaseConnections", "Maximum"))]),
            Graph("Processor (%)", [("used", of_database("CPUUtilization", "Average"))]),
            Graph("Processor credits", [("left", of_database("CPUCreditBalance", "Minimum"))]),
            Graph("Free storage (bytes)", [("free", of_database("FreeStorageSpace", "Minimum"))]),
        ],
    ),
)


def resources(rows: Sequence[Row] = ROWS) -> dict[str, dict[str, Any]]:
    """The dashboard, by logical id."""
    body = json.dumps({"widgets": list(_widgets(rows))}, separators=(",", ":"))
    properties = {"DashboardName": {"Fn::Sub": "frontdesk-${Stage}"}, "DashboardBody": {"Fn::Sub": body}}
    return {"Dashboard": {"Type": "AWS::CloudWatch::Dashboard", "Properties": properties}}


def _widgets(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    yield _alarm_states()
    tops = accumulate(range(len(rows)), lambda top, _: top + 1 + HEIGHT, initial=HEIGHT)
    for top, row in zip(tops, rows, strict=False):
        yield _placed("text", 0, top, COLUMNS, 1, {"markdown": f"## {row.title}"})
        width = COLUMNS // len(row.graphs)
        for place, graph in enumerate(row.graphs):
            yield _placed("metric", place * width, top + 1, width, HEIGHT, _graph(graph))


def _placed(kind: str, x: int, y: int, width: int, height: int, properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": kind, "x": x, "y": y, "width": width, "height": height, "properties": properties}


def _alarm_states() -> dict[str, Any]:
    """The state of all alarms but those that only some stages have."""
    prefix = "arn:${AWS::Partition}:cloudwatch:${AWS::Region}:${AWS::AccountId}:alarm:frontdesk-${Stage}-"
    names = [prefix + alarm.name for alarm in ALARMS if not alarm.condition]
    return _placed("alarm", 0, 0, COLUMNS, HEIGHT, {"title": "Alarms: docs/operating.md", "alarms": names})


def _graph(graph: Graph) -> dict[str, Any]:
    properties = {
        "title": graph.title,
        "view": "timeSeries",
        "stacked": graph.is_stacked,
        "region": "${AWS::Region}",
        "period": PERIOD,
        "metrics": [_line(label, metric) for label, metric in graph.lines],
    }
    thresholds = [_threshold(alarm) for alarm in ALARMS if _is_drawn(alarm, graph)]
    return properties | ({"annotations": {"horizontal": thresholds}} if thresholds else {})


def _line(label: str, metric: Metric) -> list[Any]:
    dimensions = [text for pair in metric.dimensions.items() for text in pair]
    return [metric.namespace, metric.name, *dimensions, {"label": label, "stat": metric.statistic}]


def _is_drawn(alarm: Alarm, graph: Graph) -> bool:
    """Whether the graph shows what the alarm watches; a sum is shown over its own period alone."""
    shown = [metric for _, metric in graph.lines]
    comparable = alarm.period == PERIOD or alarm.metrics[0].statistic != "Sum"
    return len(alarm.metrics) == 1 and comparable and not isinstance(alarm.threshold, str) and alarm.metrics[0] in shown


def _threshold(alarm: Alarm) -> dict[str, Any]:
    return {"label": alarm.name, "value": alarm.threshold}
