"""Events and values for tests: each begins as a whole, real example, of which a test changes what it is about."""

import base64
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from chalicelib.webhooks.envelope import Envelope

EVENTS = Path(__file__).parent / "events"
NOW = 1_795_176_000.0  # 2026-11-20 12:00:00 UTC


def load_event(name: str) -> dict[str, Any]:
    event = json.loads((EVENTS / f"{name}.json").read_text(encoding="utf-8"))
    assert isinstance(event, dict)
    return event


def rest_event(source: str, body: bytes, headers: Mapping[str, str]) -> dict[str, Any]:
    """The event API Gateway makes of a webhook."""
    event = load_event("rest_webhook")
    event["path"] = f"/webhooks/{source}"
    event["pathParameters"] = {"source": source}
    event["headers"] |= headers
    event["body"] = base64.b64encode(body).decode("ascii")
    return event


def sqs_event(bodies: Sequence[str]) -> dict[str, Any]:
    """The event SQS makes of messages, whose ids are ``message-0``, ``message-1`` and so on."""
    record = load_event("sqs_record")
    return {"Records": [record | {"messageId": f"message-{index}", "body": body} for index, body in enumerate(bodies)]}


def no_object(key: str) -> None:
    """A bucket in which there is nothing."""


def make_envelope(body: bytes = b'{"action":"opened"}', **changes: Any) -> Envelope:
    envelope = Envelope(
        source="github",
        external_id="72d3162e-cc78-11e3-81ab-4c9367dc0958",
        event_type="issues",
        received_at=datetime.fromtimestamp(NOW, UTC),
        content_type="application/json",
        headers={"user-agent": "GitHub-Hookshot/0f3a1b2"},
        body_sha256=hashlib.sha256(body).hexdigest(),
        body=body,
        correlation_id="6c1f6f0e-2c5e-4a55-9d3a-0f1e2d3c4b5a",
    )
    return replace(envelope, **changes)
