"""Deliveries: what is sent, and what is to become of each."""

import hashlib
import random
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from functools import cached_property

from chalicelib.webhooks.envelope import Envelope

Key = tuple[str, str]
"""Source and id of an event."""

REFUSED = "refused-"
"""Ids that begin with this are refused for ever by a trigger of the soak's."""


class Fate(StrEnum):
    """What is to become of a delivery."""

    STORED = "stored"
    PARKED = "parked"
    DEAD = "dead-lettered"


@dataclass(frozen=True)
class Webhook:
    """A webhook as its provider knows it; ``headers`` are those worth keeping, names in lower case."""

    source: str
    external_id: str
    event_type: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = "application/json"

    @property
    def key(self) -> Key:
        return self.source, self.external_id

    @cached_property
    def sha256(self) -> str:
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Delivery:
    """One message. ``webhook`` is None where it is no envelope but ``text``.

    ``reason`` is how the reason of a parked one begins.
    """

    message_id: str
    kind: str
    fate: Fate
    webhook: Webhook | None
    text: str = ""
    reason: str = ""

    def to_message(self, received_at: datetime) -> str:
        """The text that intake would have put into the queue at ``received_at``."""
        if self.webhook is None:
            return self.text
        return Envelope(
            source=self.webhook.source,
            external_id=self.webhook.external_id,
            event_type=self.webhook.event_type,
            received_at=received_at,
            content_type=self.webhook.content_type,
            headers=self.webhook.headers,
            body_sha256=self.webhook.sha256,
            body=self.webhook.body,
            correlation_id=self.message_id,
        ).to_message()


def by_event(deliveries: Iterable[Delivery]) -> dict[Key, dict[str, Delivery]]:
    """Of each event the deliveries that differ in their bytes, by the hash of those."""
    events: dict[Key, dict[str, Delivery]] = {}
    for delivery in deliveries:
        if delivery.webhook is not None:
            events.setdefault(delivery.webhook.key, {})[delivery.webhook.sha256] = delivery
    return events


def new_id(chance: random.Random) -> str:
    return str(uuid.UUID(int=chance.getrandbits(128), version=4))
