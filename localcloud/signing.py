"""Signatures as the providers make them.

Written apart from ``chalicelib.webhooks.signatures`` on purpose: one side's mistake must not hide the other's.
"""

import base64
import hashlib
import hmac
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qs

from localcloud.event import Event


@dataclass(frozen=True)
class _Delivery:
    event: Event
    secret: str
    second: int
    address: str

    def hmac(self, message: bytes, algorithm: str = "sha256") -> bytes:
        return hmac.new(self.secret.encode(), message, algorithm).digest()


def sign(source: str, event: Event, secret: str, now: float, url: str) -> Mapping[str, str]:
    """The headers with which the provider would deliver an event at ``now`` (seconds since the epoch).

    ``url`` is the source's public address; the event's own query comes after it, in the signature as in the delivery.
    """
    headers = {"Content-Type": event.content_type, "User-Agent": f"localcloud-send/{source}"}
    return headers | dict(event.headers) | SIGNERS[source](_Delivery(event, secret, int(now), url + event.query))


def _github(delivery: _Delivery) -> dict[str, str]:
    return {"X-Hub-Signature-256": "sha256=" + delivery.hmac(delivery.event.body).hex()}


def _hmac_sha256(delivery: _Delivery) -> dict[str, str]:
    return {"X-Signature-256": "sha256=" + delivery.hmac(delivery.event.body).hex()}


def _shopify(delivery: _Delivery) -> dict[str, str]:
    return {"X-Shopify-Hmac-Sha256": base64.b64encode(delivery.hmac(delivery.event.body)).decode()}


def _slack(delivery: _Delivery) -> dict[str, str]:
    signature = delivery.hmac(f"v0:{delivery.second}:".encode() + delivery.event.body).hex()
    return {"X-Slack-Request-Timestamp": str(delivery.second), "X-Slack-Signature": f"v0={signature}"}


def _standard_webhooks(delivery: _Delivery) -> dict[str, str]:
    key = base64.b64decode(delivery.secret.split("_", 1)[1])
    signed = f"{delivery.event.event_id}.{delivery.second}.".encode() + delivery.event.body
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {
        "webhook-id": delivery.event.event_id,
        "webhook-timestamp": str(delivery.second),
        "webhook-signature": f"v1,{signature}",
    }


def _stripe(delivery: _Delivery) -> dict[str, str]:
    """The key is the secret as it is written, its prefix included."""
    signature = delivery.hmac(str(delivery.second).encode() + b"." + delivery.event.body).hex()
    return {"Stripe-Signature": f"t={delivery.second},v1={signature}"}


def _twilio(delivery: _Delivery) -> dict[str, str]:
    """A form is signed with the URL: each name in order, before each of its different values in order."""
    message = delivery.address
    if not delivery.event.hash_in_url:
        fields = parse_qs(delivery.event.body.decode(), keep_blank_values=True)
        for name in sorted(fields):
            for value in sorted(set(fields[name])):
                message += name + value
    return {"X-Twilio-Signature": base64.b64encode(delivery.hmac(message.encode(), "sha1")).decode()}


SIGNERS: Mapping[str, Callable[[_Delivery], dict[str, str]]] = {
    "github": _github,
    "hmac-sha256": _hmac_sha256,
    "meta": _github,
    "shopify": _shopify,
    "slack": _slack,
    "standard-webhooks": _standard_webhooks,
    "stripe": _stripe,
    "twilio": _twilio,
}
