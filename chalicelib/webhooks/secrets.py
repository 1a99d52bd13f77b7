"""The active secrets of the sources: ``{"secrets": ["…", …]}`` in Secrets Manager, newest first."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chalicelib.aws.secrets import SecretCache
from chalicelib.errors import UnavailableError


@dataclass(frozen=True)
class SourceSecrets:
    """Reads ``<prefix><source>`` through a cache."""

    cache: SecretCache
    prefix: str

    def active(self, source: str) -> Sequence[str]:
        """All secrets a source may sign with, empty where it has none."""
        return _read(self.cache.get(self.prefix + source), source)

    def refreshed(self, source: str) -> Sequence[str]:
        """The same, read anew unless that was done a moment ago."""
        return _read(self.cache.refresh(self.prefix + source), source)

    def verify_tokens(self, source: str) -> Sequence[str]:
        """The words by which a source's handshake is known, none or one; never older than a moment."""
        token = _document(self.cache.refresh(self.prefix + source)).get("verify_token")
        return (token,) if isinstance(token, str) and token else ()


def _read(text: str | None, source: str) -> Sequence[str]:
    if text is None:
        return ()
    secrets = _document(text).get("secrets")
    if not isinstance(secrets, list) or not all(isinstance(secret, str) for secret in secrets):
        raise UnavailableError(f'The secret of the source {source} is not of the form {{"secrets": ["…"]}}.')
    return tuple(secrets)


def _document(text: str | None) -> dict[str, Any]:
    try:
        document = json.loads(text or "")
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}
