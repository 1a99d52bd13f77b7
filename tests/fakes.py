"""Stand-ins with the same protocols as the real things."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chalicelib.errors import UnavailableError
from chalicelib.webhooks.event_store import Event, Outcome, Written


@dataclass
class FakeClock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeQueue:
    """Keeps what is sent, or refuses it."""

    broken: bool = False
    sent: list[tuple[str, str]] = field(default_factory=list)

    def send(self, body: str, *, group: str) -> None:
        if self.broken:
            raise UnavailableError("The event cannot be queued at the moment; send it again.")
        self.sent.append((group, body))


@dataclass
class FakeSecrets:
    """``cached`` is what the cache holds, ``stored`` what a refresh finds."""

    cached: dict[str, Sequence[str]]
    stored: dict[str, Sequence[str]] = field(default_factory=dict)
    tokens: dict[str, Sequence[str]] = field(default_factory=dict)
    broken: bool = False
    refreshes: int = 0

    def active(self, source: str) -> Sequence[str]:
        if self.broken:
            raise UnavailableError("The secrets cannot be read at the moment.")
        return self.cached.get(source, ())

    def refreshed(self, source: str) -> Sequence[str]:
        self.refreshes += 1
        return (self.stored or self.cached).get(source, ())

    def verify_tokens(self, source: str) -> Sequence[str]:
        return self.tokens.get(source, ())


@dataclass
class FakeBucket:
    """Keeps objects in memory, or refuses everything."""

    broken: bool = False
    objects: dict[str, bytes] = field(default_factory=dict)

    def put(self, key: str, body: bytes) -> None:
        self._require_working()
        self.objects[key] = body

    def get(self, key: str) -> bytes | None:
        self._require_working()
        return self.objects.get(key)

    def delete(self, key: str) -> None:
        self._require_working()
        self.objects.pop(key, None)

    def _require_working(self) -> None:
        if self.broken:
            raise UnavailableError("The bucket cannot be reached.")


@dataclass
class FakeStore:
    """Answers with prepared outcomes by external id; what is not prepared is stored."""

    outcomes: dict[str, Written] = field(default_factory=dict)
    broken: bool = False
    written: list[Event] = field(default_factory=list)

    def write(self, events: Sequence[Event]) -> list[Written]:
        if self.broken:
            raise UnavailableError("The database cannot be reached.")
        self.written.extend(events)
        default = Written(Outcome.STORED)
        return [self.outcomes.get(event.envelope.external_id, default) for event in events]
