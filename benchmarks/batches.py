"""Batches of verified webhooks, and the events in which SQS delivers them to either design."""

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from benchmarks.payloads import make_sized_event
from chalicelib.webhooks.envelope import Envelope

BATCH = 10
BODY_BYTES = 1_760

REFUSED = "refused-"
"""Ids that begin with this are refused by the database while its triggers are enabled."""

_BODIES = 100


def make_batches(count: int, chance: random.Random, *, one_refused: bool) -> Iterator[list[Envelope]]:
    """``count`` batches of ten new webhooks each; with ``one_refused`` the database refuses one in each."""
    events = [make_sized_event("github", BODY_BYTES, chance) for _ in range(_BODIES)]
    for _ in range(count):
        refused = chance.randrange(BATCH) if one_refused else None
        batch = []
        for position in range(BATCH):
            event, event_id = chance.choice(events), str(UUID(int=chance.getrandbits(128), version=4))
            batch.append(
                Envelope(
                    source="github",
                    external_id=REFUSED + event_id if position == refused else event_id,
                    event_type=event.event_type,
                    received_at=datetime.now(UTC),
                    content_type=event.content_type,
                    headers={"user-agent": "GitHub-Hookshot/8f2a1c0", "x-github-hook-id": "4711"},
                    body_sha256=hashlib.sha256(event.body).hexdigest(),
                    body=event.body,
                    correlation_id=event_id,
                )
            )
        yield batch


def frontdesk_event(batch: Sequence[Envelope]) -> dict[str, Any]:
    """The batch as the queue delivers it, with raw bodies in base64: to Frontdesk and to the plain design alike."""
    return _sqs_event([envelope.to_message() for envelope in batch])


def payload_event(batch: Sequence[Envelope]) -> dict[str, Any]:
    """The batch as the plain design's queue delivers it when messages carry the payload alone."""
    return _sqs_event([json.dumps(_payload_message(envelope)) for envelope in batch])


def _payload_message(envelope: Envelope) -> dict[str, Any]:
    return {
        "source": envelope.source,
        "external_id": envelope.external_id,
        "event_type": envelope.event_type,
        "received_at": envelope.received_at.isoformat(),
        "payload": json.loads(envelope.body or b""),
    }


def _sqs_event(bodies: Sequence[str]) -> dict[str, Any]:
    now = str(int(datetime.now(UTC).timestamp() * 1000))
    return {
        "Records": [
            {
                "messageId": f"message-{number}",
                "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
                "body": body,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": now,
                    "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                    "ApproximateFirstReceiveTimestamp": now,
                },
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:us-east-1:123456789012:webhook-events",
                "awsRegion": "us-east-1",
            }
            for number, body in enumerate(bodies)
        ]
    }
