"""Batches of verified webhooks, and the events in which SQS delivers them to either design."""

import json
import random
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from uuid import UUID

from benchmarks.payloads import make_sized_event
from chalicelib.webhooks.envelope import Envelope
from soak.deliveries import Webhook
from soak.stories import tell_orders

BATCH = 10
BODY_BYTES = 1_760

REFUSED = "refused-"
"""Ids that begin with this are refused by the database while its triggers are enabled."""

_BODIES = 100


def make_batches(count: int, chance: random.Random, *, one_refused: bool) -> Iterator[list[Envelope]]:
    """``count`` batches of ten new webhooks each; with ``one_refused`` the database refuses one in each."""
    events = [make_sized_event("github", BODY_BYTES, chance) for _ in range(_BODIES)]
    headers = {"user-agent": "GitHub-Hookshot/8f2a1c0", "x-github-hook-id": "4711"}
    for _ in range(count):
        refused = chance.randrange(BATCH) if one_refused else None
        batch = []
        for position in range(BATCH):
            event, event_id = chance.choice(events), str(UUID(int=chance.getrandbits(128), version=4))
            external_id = REFUSED + event_id if position == refused else event_id
            batch.append(_envelope(Webhook("github", external_id, event.event_type, event.body, headers)))
        yield batch


def make_order_batches(count: int, chance: random.Random) -> Iterator[list[Envelope]]:
    """``count`` batches of ten new webhooks each that tell of orders, several of each order, in no order."""
    told = list(islice(tell_orders(chance), count * BATCH))
    chance.shuffle(told)
    for start in range(0, len(told), BATCH):
        yield [_envelope(webhook) for webhook in told[start : start + BATCH]]


def _envelope(webhook: Webhook) -> Envelope:
    return Envelope(
        source=webhook.source,
        external_id=webhook.external_id,
        event_type=webhook.event_type,
        received_at=datetime.now(UTC),
        content_type=webhook.content_type,
        headers=webhook.headers,
        body_sha256=webhook.sha256,
        body=webhook.body,
        correlation_id=webhook.external_id,
    )


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
