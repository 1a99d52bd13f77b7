"""What becomes of a source's secret when it is set or rotated: documents in, documents out.

A document is what Secrets Manager holds, ``{"secrets": [entry, …], …}``; keys beside ``secrets`` are kept.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from chalicelib.aws.secret_lists import ListedSecret, read_secrets

Document = Mapping[str, Any]


def read_document(text: str) -> dict[str, Any]:
    """The document of a text; ``secrets`` may be missing as yet. ``ValueError`` when it cannot be used."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict):
        document = {"secrets": []} | document
    read_secrets(json.dumps(document))
    return dict(document)


def set_secret(document: Document | None, secret: str) -> dict[str, Any]:
    """The document with this secret and no other."""
    return {**(document or {}), "secrets": [secret]}


def rotate(document: Document, secret: str, now: datetime, overlap: timedelta) -> dict[str, Any]:
    """The document with a new secret in front; the others end with the overlap, unless they end before."""
    end = now + overlap
    others = [_ending(old, end) for old in _active(document, now)]
    return {**document, "secrets": [secret, *others]}


def finish(document: Document, now: datetime) -> dict[str, Any]:
    """The document with its newest secret alone."""
    newest = _active(document, now)[:1]
    return {**document, "secrets": [_entry(secret) for secret in newest]}


def holds(document: Document, secret: str, now: datetime) -> bool:
    """Whether a secret is active already."""
    return any(old.value == secret for old in _active(document, now))


def has_active(document: Document, now: datetime) -> bool:
    """Whether any secret counts."""
    return bool(_active(document, now))


def _active(document: Document, now: datetime) -> Sequence[ListedSecret]:
    secrets = [ListedSecret.from_entry(entry) for entry in document["secrets"]]
    return [secret for secret in secrets if secret.is_active(now)]


def _ending(secret: ListedSecret, end: datetime) -> dict[str, str]:
    until = min(end, secret.until) if secret.until else end
    return {"secret": secret.value, "until": _text(until)}


def _entry(secret: ListedSecret) -> str | dict[str, str]:
    return secret.value if secret.until is None else {"secret": secret.value, "until": _text(secret.until)}


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
