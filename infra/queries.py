"""Saved queries of Logs Insights, in the folder ``frontdesk-<stage>``: each a question that somebody has at night.

Logs are JSON lines, whose names are fields; metrics are among them, as lists of values (``WebhookAckTime.0``). What
Lambda writes of each invocation is a line of the ``@type`` REPORT. Words in capitals are to be replaced.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.alarms import AWAITED, BEHIND
from infra.metrics import substituted

ALL = (*AWAITED, *BEHIND)
SOCKETS = ("websocket_connect", "websocket_message", "websocket_disconnect")
CHAT = ("api_handler", *SOCKETS, "answer_messages", "write_failed_turns", "summarize_sessions")

PER_GB_SECOND, PER_REQUEST = 0.0000166667, 0.0000002
"""Lambda's prices in dollars, for x86 in most regions; arm64 costs four fifths a second."""


@dataclass(frozen=True)
class Query:
    """A question, over the logs of some functions."""

    name: str
    functions: Sequence[str]
    text: str


QUERIES = (
    Query(
        "one-event",
        ("api_handler", "process_webhooks", "manage_events"),
        """
        fields @timestamp, @log, level, message, reason, detail, @message
        | filter @message like "EVENT-ID-OR-CORRELATION-ID"
        | sort @timestamp asc
        """,
    ),
    Query(
        "one-conversation",
        (*CHAT, "hand_off_session", "check_waiting", "delete_expired_sessions"),
        """
        fields @timestamp, @log, level, message, seq, status, reason, detail
        | filter session_id = "SESSION-ID"
        | sort @timestamp asc
        """,
    ),
    Query(
        "warnings-and-errors",
        ALL,
        """
        filter level in ["WARNING", "ERROR", "CRITICAL"]
        | stats count(*) as lines, latest(@timestamp) as last by @log, level, message
        | sort lines desc
        """,
    ),
    Query(
        "newest-errors",
        ALL,
        """
        fields @timestamp, @log, message, detail, exception_name, exception
        | filter level in ["ERROR", "CRITICAL"] or @message like /Task timed out|Runtime exited|Unable to import/
        | sort @timestamp desc
        | limit 100
        """,
    ),
    Query(
        "webhooks-refused",
        ("api_handler",),
        """
        filter message = "webhook rejected"
        | stats count(*) as times by source, reason, detail
        | sort times desc
        """,
    ),
    Query(
        "webhooks-parked",
        ("process_webhooks",),
        """
        fields @timestamp, events.0.source, events.0.event_id, events.0.detail
        | filter message = "webhooks parked"
        | sort @timestamp desc
        | limit 100
        """,
    ),
    Query(
        "slowest-acknowledgements",
        ("api_handler",),
        """
        fields @timestamp, @logStream, source, WebhookAckTime.0
        | filter ispresent(WebhookAckTime.0)
        | sort WebhookAckTime.0 desc
        | limit 50
        """,
    ),
    Query(
        "acknowledgements-by-source",
        ("api_handler",),
        """
        filter ispresent(WebhookAckTime.0)
        | stats count(*) as accepted, pct(WebhookAckTime.0, 50) as p50, pct(WebhookAckTime.0, 99) as p99 by source
        | sort p99 desc
        """,
    ),
    Query(
        "first-deltas",
        ("answer_messages",),
        """
        filter ispresent(FirstDeltaTime.0)
        | stats count(*) as answers, pct(FirstDeltaTime.0, 50) as p50, pct(FirstDeltaTime.0, 90) as p90 by bin(5m)
        """,
    ),
    Query(
        "model-failures",
        ("answer_messages", "summarize_sessions"),
        """
        filter message in ["model failed", "summary failed"]
        | stats count(*) as attempts by message, detail, bin(5m)
        """,
    ),
    Query(
        "conversations-not-answered",
        ("answer_messages", "write_failed_turns"),
        """
        fields @timestamp, message, session_id, receives, exception_name, exception
        | filter message in ["session not answered", "answer not stored", "failed turn not stored"]
        | sort @timestamp desc
        | limit 100
        """,
    ),
    Query(
        "voice-turns",
        ("lex_codehook",),
        """
        filter message = "voice turn"
        | stats count(*) as turns, pct(milliseconds, 50) as p50, pct(milliseconds, 99) as p99 by intent, outcome
        | sort turns desc
        """,
    ),
    Query(
        "voice-failures",
        ("lex_codehook",),
        """
        fields @timestamp, level, message, operation, error, place.3, detail, code
        | filter level in ["WARNING", "ERROR"]
        | sort @timestamp desc
        | limit 100
        """,
    ),
    Query(
        "cold-starts",
        ALL,
        """
        filter @type = "REPORT" and ispresent(@initDuration)
        | stats count(*) as starts, pct(@initDuration, 50) as p50, max(@initDuration) as slowest by @log
        | sort starts desc
        """,
    ),
    Query(
        "memory",
        ALL,
        """
        filter @type = "REPORT"
        | stats max(@maxMemoryUsed) / 1000000 as used_mb, max(@memorySize) / 1000000 as given_mb by @log
        | sort used_mb desc
        """,
    ),
    Query(
        "cost-by-function",
        ALL,
        f"""
        filter @type = "REPORT"
        | stats count(*) as invocations,
            sum(@billedDuration * @memorySize) / 1024000000000 as gb_seconds,
            sum(@billedDuration * @memorySize) / 1024000000000 * {PER_GB_SECOND:.10f}
                + count(*) * {PER_REQUEST:.7f} as dollars by @log
        | sort dollars desc
        """,
    ),
    Query(
        "operators",
        ("manage_events",),
        """
        fields @timestamp, action
        | filter message = "operator asked"
        | sort @timestamp desc
        """,
    ),
)


def resources(queries: Sequence[Query] = QUERIES) -> dict[str, dict[str, Any]]:
    """The saved queries, by logical id."""
    return {
        "".join(part.capitalize() for part in query.name.split("-")) + "Query": {
            "Type": "AWS::Logs::QueryDefinition",
            "Properties": {
                "Name": substituted(f"frontdesk-${{Stage}}/{query.name}"),
                "LogGroupNames": [
                    substituted(f"/aws/lambda/frontdesk-${{Stage}}-{function}") for function in query.functions
                ],
                "QueryString": lines_of(query),
            },
        }
        for query in queries
    }


def lines_of(query: Query) -> str:
    """A query's text without the indentation that it has here."""
    return "\n".join(line.strip() for line in query.text.strip().splitlines())
