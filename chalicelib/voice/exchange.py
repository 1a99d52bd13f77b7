"""A request to the bank, its answer, and what can go wrong between them. Neither shows its contents in a log."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Literal

from chalicelib.errors import UnavailableError

Failure = Literal["unreachable", "dropped", "late", "open", "keyless", "unusable"]


class BankUnavailableError(UnavailableError):
    """The bank does not help at the moment. The message and the attributes may be logged.

    ``failure`` says why: ``unreachable`` (nobody there), ``dropped`` (no whole answer came), ``late``, ``open`` (the
    breaker), ``keyless`` (our own key cannot be read), ``unusable`` (an answer came that does not help). ``is_sent`` is
    False only when the bank has certainly not acted.
    """

    def __init__(
        self,
        message: str = "The bank does not answer at the moment.",
        *,
        failure: Failure = "unreachable",
        is_sent: bool = False,
    ) -> None:
        super().__init__(message)
        self.failure = failure
        self.is_sent = is_sent


@dataclass(frozen=True)
class Request:
    """One request. ``operation`` names it in metrics, ``path`` holds opaque ids at most, quoted.

    One that is not ``is_repeatable`` does twice what is asked twice.
    """

    operation: str
    method: Literal["GET", "POST"]
    path: str
    body: Mapping[str, str] | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    is_repeatable: bool = True


@dataclass(frozen=True)
class Answer:
    """An answer that came whole. ``retry_after`` is the pause in seconds that the bank asks for, 0 if for none."""

    status: int
    body: bytes = field(repr=False)
    retry_after: float = 0.0

    @property
    def outcome(self) -> str:
        """The answer in a word, for metrics."""
        match self.status:
            case 200 | 201:
                return "ok"
            case HTTPStatus.UNAUTHORIZED:
                return "unauthorized"
            case HTTPStatus.TOO_MANY_REQUESTS:
                return "limited"
        return "refused" if 400 <= self.status < 500 else "failed"
