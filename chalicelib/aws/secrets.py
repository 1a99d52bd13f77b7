"""Secrets of Secrets Manager and Parameter Store, cached so that a rotation takes effect without a deployment."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.errors import UnavailableError

MAX_AGE_SECONDS = 300.0
"""A cached secret is read anew after this long."""

MIN_AGE_SECONDS = 5.0
"""A refresh asked for earlier than this after the last read is not worth a request: strangers can ask for one."""


def read_secret(client: Any, name: str) -> str | None:
    """A secret's text from Secrets Manager, through its ``client``: what a ``SecretCache`` reads with."""
    return _read(lambda: client.get_secret_value(SecretId=name)["SecretString"], "ResourceNotFoundException")


def read_parameter(client: Any, name: str) -> str | None:
    """A parameter's text from Parameter Store, decrypted, through its ``client`` (SSM)."""
    return _read(
        lambda: client.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"], "ParameterNotFound"
    )


def _read(request: Callable[[], str], absent: str) -> str | None:
    """What ``request`` brings, None when it fails with the code ``absent``."""
    try:
        return request()
    except ClientError as error:
        if error.response["Error"]["Code"] == absent:
            return None
        raise UnavailableError("The secrets cannot be read at the moment.") from error
    except BotoCoreError as error:
        raise UnavailableError("The secrets cannot be read at the moment.") from error


@dataclass
class SecretCache:
    """Keeps what ``fetch`` reads; ``clock`` is monotonic, in seconds.

    ``fetch`` gives the text of a name, None when there is no such secret, and raises ``UnavailableError`` when that
    cannot be known.
    """

    fetch: Callable[[str], str | None]
    clock: Callable[[], float]
    _known: dict[str, tuple[float, str | None]] = field(default_factory=dict, repr=False)

    def get(self, name: str, max_age: float = MAX_AGE_SECONDS) -> str | None:
        """The secret's text as it was ``max_age`` seconds ago at most, None when there is no such secret.

        When it cannot be read, what is known serves on, and it is tried again in a moment; ``UnavailableError`` when
        nothing is known.
        """
        known = self._known.get(name)
        if known and self.clock() - known[0] <= max_age:
            return known[1]
        try:
            return self._fetch(name)
        except UnavailableError:
            if known is None:
                raise
            self._known[name] = (self.clock() - max_age + MIN_AGE_SECONDS, known[1])
            return known[1]

    def refresh(self, name: str) -> str | None:
        """The secret's text, read anew unless that was done a moment ago."""
        known = self._known.get(name)
        if known and self.clock() - known[0] < MIN_AGE_SECONDS:
            return known[1]
        return self._fetch(name)

    def _fetch(self, name: str) -> str | None:
        text = self.fetch(name)
        self._known[name] = (self.clock(), text)
        return text
