"""The work of the plain design: a validator and a processor with SQS between them.

It verifies no signature and counts no metrics. Its processor keeps what Frontdesk keeps, the raw bytes too, in a table
of the same columns and keys, and commits each row; ``process_payloads`` keeps the JSON alone, as the design's first
sketch does.
"""

import base64
import json
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import psycopg

SCHEMA = """
create table plain_rows (like webhook_events including all);
create table plain_events (
    source      text        not null,
    external_id text        not null,
    event_type  text        not null,
    received_at timestamptz not null,
    payload     jsonb       not null,
    primary key (source, external_id)
)
"""

_INSERT_ROW = """
insert into plain_rows (source, external_id, event_type, state, received_at, content_type, headers, body, body_sha256,
                        payload, correlation_id)
values (%s, %s, %s, 'stored', %s, %s, %s, %b, %s, %s, %s)
on conflict (source, external_id) do nothing
"""

_INSERT_PAYLOAD = """
insert into plain_events (source, external_id, event_type, received_at, payload) values (%s, %s, %s, %s, %s)
on conflict (source, external_id) do nothing
"""


class JsonFormatter(logging.Formatter):
    """A log record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "level": record.levelname,
            "time": self.formatTime(record),
            "message": record.getMessage(),
            **getattr(record, "keys", {}),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line)


def _make_logger() -> logging.Logger:
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonFormatter())
    made = logging.getLogger("plain")
    made.setLevel(logging.INFO)
    made.propagate = False
    made.addHandler(handler)
    return made


logger = _make_logger()


@dataclass
class WebhookEvent:
    source: str
    external_id: str
    event_type: str
    received_at: str
    payload: dict[str, Any]

    def __post_init__(self) -> None:
        for name in ("source", "external_id", "event_type"):
            if not isinstance(getattr(self, name), str) or not getattr(self, name):
                raise ValueError(f"{name} must be a text")


def receive(event: dict[str, Any], context: Any, sqs: Any, queue_url: str) -> dict[str, Any]:
    """The validator: check a webhook that API Gateway hands over, and queue it."""
    try:
        validated = validate(event, json.loads(event.get("body") or "{}"))
    except ValueError as error:
        return {"statusCode": 400, "body": json.dumps({"error": str(error)})}
    sqs.send_message(QueueUrl=queue_url, MessageBody=json.dumps(vars(validated)))
    keys = {"request_id": context.aws_request_id, "source": validated.source, "event_id": validated.external_id}
    logger.info("event accepted", extra={"keys": keys})
    return {"statusCode": 202, "body": json.dumps({"status": "accepted"})}


def validate(event: dict[str, Any], payload: Any) -> WebhookEvent:
    """The event that a request carries; ``ValueError`` when something in it is missing."""
    if not isinstance(payload, dict):
        raise ValueError("the body must be a JSON object")  # noqa: TRY004 - the handler answers a ValueError
    headers: dict[str, str] = event["headers"]
    return WebhookEvent(
        source=event["pathParameters"]["source"],
        external_id=headers.get("X-GitHub-Delivery") or headers.get("webhook-id") or payload.get("id") or "",
        event_type=headers.get("X-GitHub-Event") or payload.get("type") or "",
        received_at=datetime.now(UTC).isoformat(),
        payload=payload,
    )


def process(event: dict[str, Any], context: Any, connection: "psycopg.Connection[Any]") -> dict[str, Any]:
    """The processor: write each message of a batch and commit it; those that failed come back."""
    return _process(event, context, connection, _write_row)


def process_payloads(event: dict[str, Any], context: Any, connection: "psycopg.Connection[Any]") -> dict[str, Any]:
    """The same, for messages that carry the payload alone."""
    return _process(event, context, connection, _write_payload)


def _process(
    event: dict[str, Any],
    context: Any,
    connection: "psycopg.Connection[Any]",
    write: Callable[["psycopg.Connection[Any]", dict[str, Any]], None],
) -> dict[str, Any]:
    failures = []
    for record in event["Records"]:
        try:
            message = json.loads(record["body"])
            write(connection, message)
            connection.commit()
            keys = {"request_id": context.aws_request_id, "event_id": message["external_id"]}
            logger.info("event stored", extra={"keys": keys})
        except Exception:
            connection.rollback()
            logger.exception("event not stored")
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _write_row(connection: "psycopg.Connection[Any]", message: dict[str, Any]) -> None:
    body = base64.b64decode(message["body"])
    connection.execute(
        _INSERT_ROW,
        (
            message["source"],
            message["external_id"],
            message["event_type"],
            message["received_at"],
            message["content_type"],
            json.dumps(message["headers"]),
            body,
            message["body_sha256"],
            json.dumps(json.loads(body)),
            message["correlation_id"],
        ),
    )


def _write_payload(connection: "psycopg.Connection[Any]", message: dict[str, Any]) -> None:
    event = WebhookEvent(**message)
    connection.execute(
        _INSERT_PAYLOAD,
        (event.source, event.external_id, event.event_type, event.received_at, json.dumps(event.payload)),
    )
