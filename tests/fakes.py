"""Stand-ins with the same protocols as the real things."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chalicelib.chat.model import ModelEvent, Stop, Text
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


class Killed(BaseException):
    """The process ends here: nothing that handles exceptions may handle this one."""


@dataclass
class Requests:
    """A client of AWS that counts what goes through it, and ends the process after a request of one's choice.

    ``kill_after`` counts from 1 the requests of the names in ``counted``; before the answer of that one arrives, it is
    over.
    """

    client: Any
    counted: frozenset[str] = frozenset({"put_item", "update_item", "delete_item", "transact_write_items"})
    kill_after: int = 0
    made: list[str] = field(default_factory=list)
    errors: dict[str, list[Exception]] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """How many of the counted requests were made."""
        return sum(name in self.counted for name in self.made)

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.made.append(name)
            if errors := self.errors.get(name):
                raise errors.pop(0)
            answer = getattr(self.client, name)(**arguments)
            if name in self.counted and self.kill_after and self.count == self.kill_after:
                raise Killed
            return answer

        return call


@dataclass
class FakeSockets:
    """Keeps the frames of each connection; those in ``gone`` are not there, and ``broken`` ones cannot be reached."""

    gone: set[str] = field(default_factory=set)
    broken: set[str] = field(default_factory=set)
    frames: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    closed: list[str] = field(default_factory=list)

    def send(self, connection_id: str, frame: Mapping[str, Any]) -> bool:
        if connection_id in self.broken:
            raise UnavailableError("The connection cannot be reached at the moment.")
        if connection_id in self.gone:
            return False
        self.frames.append((connection_id, dict(frame)))
        return True

    def close(self, connection_id: str) -> bool:
        self.closed.append(connection_id)
        return connection_id not in self.gone

    def to(self, connection_id: str, *types: str) -> list[dict[str, Any]]:
        """The frames of a connection, of some types or all."""
        return [frame for to, frame in self.frames if to == connection_id and (not types or frame["type"] in types)]


@dataclass
class FakeFifoQueue(FakeQueue):
    """``retries`` are the receipt handles of messages that shall come back soon."""

    retries: list[str] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def send(self, body: str, *, group: str, once: str | None = None) -> None:
        if once not in self.names:
            super().send(body, group=group)
        self.names |= {once} if once else set()

    def retry_in(self, receipt_handle: str, seconds: int) -> None:
        self.retries.append(receipt_handle)


@dataclass
class FakeModel:
    """Answers each request with the next of ``scripts``, and with ``default`` when there is none left.

    A script holds events, of which an exception is raised and a function called in its place.
    """

    scripts: list[list[Any]] = field(default_factory=list)
    default: list[Any] = field(default_factory=lambda: [Text("Hello."), Stop("end_turn", 10)])
    requests: list[tuple[str, list[Any]]] = field(default_factory=list)

    def stream(self, system: str, messages: Sequence[Any], tools: Sequence[Any] = ()) -> Iterator[ModelEvent]:
        self.requests.append((system, list(messages)))
        for event in self.scripts.pop(0) if self.scripts else self.default:
            if isinstance(event, BaseException):
                raise event
            if callable(event):
                event()
            else:
                yield event


@dataclass
class FakeOrders:
    answer: dict[str, Any] = field(default_factory=lambda: {"number": 1001, "status": "paid"})
    asked: list[dict[str, Any]] = field(default_factory=list)

    def look_up(self, number: str, *, session_id: str, customer_id: str | None, email: str | None) -> Mapping[str, Any]:
        self.asked.append({"number": number, "customer_id": customer_id, "email": email})
        return self.answer


@dataclass
class FakeFailedTurns:
    """Keeps turns; ``then`` is called when one comes, as the Turn Writer is."""

    kept: list[Any] = field(default_factory=list)
    then: Callable[[Any], None] = lambda _: None

    def keep(self, failed: Any) -> None:
        self.kept.append(failed)
        self.then(failed)
