"""Intake: verify a webhook, check it, queue it, and only then say that it is accepted.

Nothing here reaches the database. A sender hears "accepted" once SQS has the event, and everything after that is
Frontdesk's own business.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from chalicelib import telemetry
from chalicelib.aws.rest import HttpRequest
from chalicelib.errors import InvalidBodyError, NotFoundError, RequestError, TooLargeError
from chalicelib.webhooks.envelope import Envelope, storable
from chalicelib.webhooks.signatures import MismatchError, verify
from chalicelib.webhooks.sources import Message, Source, find_source

DEFAULT_CONTENT_TYPE = "application/octet-stream"

MAX_HEADER_LENGTH = 1024
"""Characters kept of a header: more of them, six bytes each in JSON, would not fit the message beside a large body."""

_ALWAYS_KEPT = ("user-agent",)


class Secrets(Protocol):
    """The active secrets of each source."""

    def active(self, source: str) -> Sequence[str]:
        """All secrets that sign for a source, from the cache; empty where it has none."""

    def refreshed(self, source: str) -> Sequence[str]:
        """The same, read anew unless that was done a moment ago."""


class Queue(Protocol):
    def send(self, body: str, *, group: str) -> None:
        """Return once the queue holds the message, else raise ``UnavailableError``."""


@dataclass(frozen=True)
class Intake:
    """Accepts webhooks. ``clock`` gives seconds since the epoch."""

    secrets: Secrets
    queue: Queue
    clock: Callable[[], float]

    def receive(self, source_name: str, request: HttpRequest) -> str:
        """Queue a genuine webhook and return its event id.

        Raises ``NotFoundError``, ``TooLargeError``, ``SignatureError``, ``InvalidBodyError`` or ``UnavailableError``,
        and counts which.
        """
        source: Source | None = None
        try:
            source = find_source(source_name)
            envelope = self._admit(source, request)
        except RequestError as error:
            name = source.name if source else "unknown"
            telemetry.count("WebhooksRejected", source=name, reason=error.code)
            detail = " ".join(error.reasons) if isinstance(error, InvalidBodyError) else str(error)
            telemetry.logger.warning("webhook rejected", source=name, reason=error.code, detail=detail)
            raise
        self.queue.send(envelope.to_message(), group=source.name)
        telemetry.count("WebhooksAccepted", source=source.name)
        telemetry.logger.info(
            "webhook accepted",
            source=source.name,
            event_id=envelope.external_id,
            event_type=envelope.event_type,
            size=len(envelope.body),
        )
        return envelope.external_id

    def _admit(self, source: Source, request: HttpRequest) -> Envelope:
        if len(request.body) > source.max_body_bytes:
            raise TooLargeError(f"The body is larger than the {source.max_body_bytes} bytes this source may send.")
        now = self.clock()
        message = Message({name.lower(): value for name, value in request.headers.items()}, request.body)
        self._require_signature(source, message, request.url, now)
        if source.refuses_invalid:
            source.check(message)
        return _envelope(source, message, now, request.request_id)

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
