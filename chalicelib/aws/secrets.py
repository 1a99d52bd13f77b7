"""Secrets of Secrets Manager, cached for a time so that a rotation takes effect without a deployment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError

MAX_AGE_SECONDS = 300.0
"""A cached secret is read anew after this long."""

MIN_AGE_SECONDS = 5.0
"""A refresh asked for earlier than this after the last read is not worth a request: strangers can ask for one."""


@dataclass
class SecretCache:
    """Reads secrets through ``client`` (Secrets Manager). ``clock`` is monotonic, in seconds."""

    client: Any
    clock: Callable[[], float]
    _read: dict[str, tuple[float, str | None]] = field(default_factory=dict)

    def get(self, name: str, max_age: float = MAX_AGE_SECONDS) -> str | None:
        """The secret's text as it was ``max_age`` seconds ago at most, None when there is no such secret.

        When it cannot be read, what is known serves on, and it is tried again in a moment; ``UnavailableError`` when
        nothing is known.
        """
        known = self._read.get(name)
        if known and self.clock() - known[0] <= max_age:
            return known[1]
        try:
            return self._fetch(name)
        except UnavailableError:
            if known is None:
                raise
            self._read[name] = (self.clock() - max_age + MIN_AGE_SECONDS, known[1])
            return known[1]

    def refresh(self, name: str) -> str | None:
        """The secret's text, read anew unless that was done a moment ago."""
        known = self._read.get(name)
        if known and self.clock() - known[0] < MIN_AGE_SECONDS:
            return known[1]
        return self._fetch(name)

    def _fetch(self, name: str) -> str | None:
        text: str | None
        try:
            text = self.client.get_secret_value(SecretId=name)["SecretString"]
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise UnavailableError("The secrets cannot be read at the moment.") from error
            text = None
        except BotoCoreError as error:
            raise UnavailableError("The secrets cannot be read at the moment.") from error
        self._read[name] = (self.clock(), text)
        return text
