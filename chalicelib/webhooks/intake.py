"""Intake: verify a webhook, check it, queue it, and only then say that it is accepted.

Nothing here reaches the database. A sender hears "accepted" once SQS has the event, and everything after that is
Frontdesk's own business.
"""

import hashlib
import hmac
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.rest import Answer, HttpRequest
from chalicelib.errors import InvalidBodyError, NotFoundError, RequestError, SignatureError, TooLargeError
from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES, Envelope, storable
from chalicelib.webhooks.signatures import MismatchError, verify
from chalicelib.webhooks.sources import SOURCES, Message, Source, find_source

DEFAULT_CONTENT_TYPE = "application/octet-stream"

MAX_HEADER_LENGTH = 1024
"""Characters kept of a header: more of them, six bytes each in JSON, would not fit the message beside a large body."""

_ALWAYS_KEPT = ("user-agent",)

_CHALLENGE = re.compile(r"[\x21-\x7e]{1,255}")
"""What is echoed: a word that says nothing to anybody but who made it up."""


class Secrets(Protocol):
    """The active secrets of each source."""

    def active(self, source: str) -> Sequence[str]:
        """All secrets that sign for a source, from the cache; empty where it has none."""

    def refreshed(self, source: str) -> Sequence[str]:
        """The same, read anew unless that was done a moment ago."""

    def verify_tokens(self, source: str) -> Sequence[str]:
        """The words by which a source's handshake is known, read anew unless that was done a moment ago."""


class Queue(Protocol):
    def send(self, body: str, *, group: str) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``."""


class Bucket(Protocol):
    def put(self, key: str, body: bytes) -> None:
        """Return once the bucket holds the object, else raise ``UnavailableError``."""


@dataclass(frozen=True)
class Intake:
    """Accepts webhooks. ``clock`` gives seconds since the epoch."""

    secrets: Secrets
    queue: Queue
    bucket: Bucket
    clock: Callable[[], float]

    def receive(self, source_name: str, request: HttpRequest) -> Answer:
        """Queue a genuine webhook and answer 202 with its event id, or echo the challenge of Slack's handshake.

        Raises ``NotFoundError``, ``TooLargeError``, ``SignatureError``, ``InvalidBodyError`` or ``UnavailableError``,
        and counts which.
        """
        with _counted(source_name):
            source = find_source(source_name)
            now = self.clock()
            message = self._verified(source, request, now)
            if source.handshake == "url_verification" and message.field("type") == "url_verification":
                return Answer({"challenge": _echoed(message.field("challenge"))})
            if source.refuses_invalid:
                source.check(message)
        envelope = _envelope(source, message, now, request.request_id)
        self._queue(envelope, size=len(message.body), arrived_at=request.arrived_at or now)
        return Answer({"status": "accepted", "event_id": envelope.external_id}, HTTPStatus.ACCEPTED)

    def answer_handshake(self, source_name: str, request: HttpRequest) -> Answer:
        """Echo the challenge of Meta's handshake, a ``GET`` that knows the source's verify token.

        Raises ``NotFoundError``, ``RequestError``, ``SignatureError`` or ``UnavailableError``, and counts which.
        """
        with _counted(source_name):
            source = find_source(source_name)
            if source.handshake != "verify_token":
                raise NotFoundError("This source has no handshake; its events are sent with POST.")
            if request.query.get("hub.mode") != "subscribe":
                raise RequestError("hub.mode must be `subscribe`.")
            given = request.query.get("hub.verify_token", "").encode("utf-8", "surrogatepass")
            known = [token.encode("utf-8", "surrogatepass") for token in self.secrets.verify_tokens(source.name)]
            if not any([hmac.compare_digest(given, token) for token in known]):  # noqa: C419 - in constant time
                raise SignatureError("hub.verify_token is not the one agreed upon.")
            return Answer(_echoed(request.query.get("hub.challenge")), content_type="text/plain")

    def _queue(self, envelope: Envelope, *, size: int, arrived_at: float) -> None:
        if size > MAX_INLINE_BODY_BYTES:
            envelope = envelope.in_bucket(self.bucket.put)
        self.queue.send(envelope.to_message(), group=envelope.source)
        taken = max(self.clock() - arrived_at, 0.0) * 1000
        telemetry.emit({"WebhooksAccepted": 1}, {"WebhookAckTime": [taken]}, source=envelope.source)
        telemetry.logger.info(
            "webhook accepted",
            source=envelope.source,
            event_id=envelope.external_id,
            event_type=envelope.event_type,
            size=size,
        )

    def _verified(self, source: Source, request: HttpRequest, now: float) -> Message:
        if len(request.body) > source.max_body_bytes:
            raise TooLargeError(f"The body is larger than the {source.max_body_bytes} bytes this source may send.")
        message = Message({name.lower(): value for name, value in request.headers.items()}, request.body)
        self._require_signature(source, message, request.url, now)
        return message

    def _require_signature(self, source: Source, message: Message, url: str | None, now: float) -> None:
        """Verify with the cached secrets, and once more with fresh ones: a rotation must not refuse good events.

        What is malformed needs no secret to be refused: rubbish causes no request, and is refused in any outage.
        """

        def verify_with(secrets: Sequence[str]) -> None:
            verify(
                source.scheme,
                body=message.body,
                headers=message.headers,
                secrets=secrets,
                now=now,
                url=url,
                options=source.options,
            )

        with suppress(MismatchError):
            verify_with(())
        active = self.secrets.active(source.name) or self.secrets.refreshed(source.name)
        if not active:
            raise NotFoundError("This source has no secret here, so that nothing can be accepted from it.")
        try:
            verify_with(active)
        except MismatchError:
            fresh = self.secrets.refreshed(source.name)
            if fresh == active:
                raise
            verify_with(fresh)


@contextmanager
def _counted(source_name: str) -> Iterator[None]:
    """Count and log what is refused, by source and reason; the sources of strangers have one name together."""
    try:
        yield
    except RequestError as error:
        name = source_name if source_name in SOURCES else "unknown"
        telemetry.count("WebhooksRejected", source=name, reason=error.code)
        detail = " ".join(error.reasons) if isinstance(error, InvalidBodyError) else str(error)
        telemetry.logger.warning("webhook rejected", source=name, reason=error.code, detail=detail)
        raise


def _echoed(challenge: object) -> str:
    if not (isinstance(challenge, str) and _CHALLENGE.fullmatch(challenge)):
        raise RequestError("The challenge must be a text of 1 to 255 visible ASCII characters.")
    return challenge


def _envelope(source: Source, message: Message, now: float, correlation_id: str) -> Envelope:
    digest = hashlib.sha256(message.body).hexdigest()
    event_id, event_type = source.identify(message)
    kept = (*_ALWAYS_KEPT, *(name.lower() for name in source.kept_headers))
    return Envelope(
        source=source.name,
        external_id=event_id or f"sha256:{digest}",
        event_type=event_type or "unknown",
        received_at=datetime.fromtimestamp(now, UTC),
        content_type=_short(message.headers.get("content-type") or DEFAULT_CONTENT_TYPE),
        headers={name: _short(message.headers[name]) for name in kept if name in message.headers},
        body_sha256=digest,
        body=message.body,
        correlation_id=correlation_id,
    )


def _short(header: str) -> str:
    return storable(header)[:MAX_HEADER_LENGTH]
