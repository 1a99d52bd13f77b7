"""Lists of secrets in Secrets Manager: ``{"secrets": [entry, …]}``, newest first, so that one can follow another.

An entry is a text, active until somebody removes it, or ``{"secret": text, "until": time}``, which ends by itself: the
time is ISO 8601, with an offset. Other keys may stand beside ``secrets``.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Self

from chalicelib.aws.secrets import MAX_AGE_SECONDS, SecretCache
from chalicelib.errors import UnavailableError


@dataclass(frozen=True)
class ListedSecret:
    """One secret; ``until`` is the moment from which it counts no more."""

    value: str
    until: datetime | None = None

    @classmethod
    def from_entry(cls, entry: Any) -> Self:
        """Read an entry; ``ValueError`` says what is wrong without telling the secret."""
        match entry:
            case str(value):
                return cls(value)
            case {"secret": str(value), "until": str(until), **others} if not others:
                return cls(value, _read_end(until))
        raise ValueError('An entry is a text or {"secret": text, "until": time}.')

    def is_active(self, now: datetime) -> bool:
        return self.until is None or now < self.until


def _read_end(text: str) -> datetime:
    """An end, in UTC. The fault does not quote it: what stands there by mistake may be a secret."""
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is not None:
            return time.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise ValueError("`until` must be an ISO 8601 time with its offset, as in 2026-01-31T12:00:00Z.")


def read_secrets(text: str) -> Sequence[ListedSecret]:
    """All secrets that a secret's text names, expired ones too; ``ValueError`` when it is not of the form above.

    The error quotes nothing of the text.
    """
    try:
        entries = json.loads(text)["secrets"]
    except (ValueError, KeyError, TypeError, RecursionError):
        entries = None
    if not isinstance(entries, list):
        raise ValueError('It is not of the form {"secrets": ["…"]}.')  # noqa: TRY004 - one error for every fault
    return [ListedSecret.from_entry(entry) for entry in entries]


def active_secrets(text: str, now: float) -> Sequence[str]:
    """The secrets that count at ``now`` (seconds since the epoch), newest first; ``ValueError`` as above."""
    moment = datetime.fromtimestamp(now, UTC)
    return tuple(secret.value for secret in read_secrets(text) if secret.is_active(moment))


@dataclass(frozen=True)
class SecretLists:
    """Reads ``<prefix><name>`` through a cache. ``clock`` gives seconds since the epoch.

    An end is kept to at each use, whatever the age of the cache. What was read before somebody set the end does not
    know it, and serves for ``max_age`` seconds more.
    """

    cache: SecretCache
    prefix: str
    clock: Callable[[], float]
    max_age: float = MAX_AGE_SECONDS

    def active(self, name: str) -> Sequence[str]:
        """All secrets of a name that count, empty where it has none."""
        return self._read(self.cache.get(self.prefix + name, self.max_age), name)

    def refreshed(self, name: str) -> Sequence[str]:
        """The same, read anew unless that was done a moment ago."""
        return self._read(self.cache.refresh(self.prefix + name), name)

    def _read(self, text: str | None, name: str) -> Sequence[str]:
        if text is None:
            return ()
        try:
            return active_secrets(text, self.clock())
        except ValueError:
            # Strangers are told this much; operators learn the rest from `doctor`.
            raise UnavailableError(f"The secret {name} cannot be used.") from None
