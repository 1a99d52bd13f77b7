"""A bank without sockets, under a clock that a test moves: as many faults as one likes, in no time."""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

from chalicelib.voice.bank import BankClient
from chalicelib.voice.bank_gateway import BankGateway
from chalicelib.voice.breaker import Breaker
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.exchange import Answer, BankUnavailableError, Request
from tests.fakes import FakeClock
from tests.unit.voice.ledger import KEY, Ledger

PARAMETER = "/frontdesk/dev/bank-api-key"
ACT_AND_ANSWER = ("ok", "slow")
ACT_AND_FAIL = (
    *("drop_after", "late_after", "act_later", "late_acting_later", "503_after", "500_after", "302_after", "499_after"),
    *("not_json", "wrong_transfer", "list", "nan", "empty"),
)
FAIL = ("unreachable", "drop_before", "late_unsent", "late_before", "503", "503_later", "429", "429_later", "502_html")
FAULTS = (*ACT_AND_ANSWER, *ACT_AND_FAIL, *FAIL, "404_html", "401")

_ANSWERS = {
    "503_after": Answer(503, b'{"code": "unavailable"}'),
    "500_after": Answer(500, b""),
    "302_after": Answer(302, b""),
    "499_after": Answer(499, b'{"code": "strange"}'),
    "not_json": Answer(200, b"<h1>Welcome</h1>"),
    "list": Answer(201, b"[" * 60_000),
    "nan": Answer(200, b'{"status": "completed", "amount": NaN}'),
    "empty": Answer(201, b""),
    "503": Answer(503, b'{"code": "unavailable"}'),
    "503_later": Answer(503, b'{"code": "unavailable"}', 2.0),
    "429": Answer(429, b'{"code": "rate_limited"}'),
    "429_later": Answer(429, b'{"code": "rate_limited"}', 60.0),
    "502_html": Answer(502, b"<h1>Bad gateway</h1>"),
    "404_html": Answer(404, b"<h1>Not here</h1>"),
    "401": Answer(401, b'{"code": "unauthorized"}'),
}


@dataclass
class MemoryBank:
    """The transport and the bank in one. Each request takes the next of ``faults``, and none when there is no more."""

    clock: FakeClock = field(default_factory=lambda: FakeClock(1000.0))
    ledger: Ledger = field(default_factory=Ledger)
    faults: deque[str] = field(default_factory=deque)
    asked: list[str] = field(default_factory=list)
    granted: list[float] = field(default_factory=list)
    _on_its_way: list[Callable[[], Answer]] = field(default_factory=list)

    def send(self, request: Request, key: str, seconds: float) -> Answer:
        assert seconds > 0
        self.asked.append(f"{request.method} {request.path}")
        self.granted.append(seconds)
        fault = self.faults.popleft() if self.faults else "ok"
        self.clock.now += 0.01
        if fault in ("act_later", "late_acting_later"):
            self._on_its_way.append(lambda: self.ledger.answer(request, key))
        elif fault in ACT_AND_ANSWER or fault in ACT_AND_FAIL:
            answer = self.ledger.answer(request, key)
        if fault in ACT_AND_ANSWER:
            self.clock.now += min(seconds, 1.0) if fault == "slow" else 0.0
            return answer
        if fault.startswith("late"):
            self.clock.now += seconds - 0.01
            raise BankUnavailableError(failure="late", is_sent=fault != "late_unsent")
        if fault == "unreachable":
            raise BankUnavailableError(failure="unreachable")
        if fault in ("drop_before", "drop_after", "act_later"):
            raise BankUnavailableError(failure="dropped", is_sent=True)
        if fault == "wrong_transfer":
            return Answer(200, json.dumps({**json.loads(answer.body), "key": "another", "id": "another"}).encode())
        return _ANSWERS[fault]

    def arrive(self) -> None:
        """What was on its way arrives."""
        while self._on_its_way:
            self._on_its_way.pop(0)()

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.clock.now += seconds


@dataclass
class FakeKeys:
    """``cached`` is what the cache holds, ``stored`` what a refresh finds."""

    cached: str | None = KEY
    stored: str | None = KEY
    refreshes: int = 0

    def get(self, name: str) -> str | None:
        assert name == PARAMETER
        return self.cached

    def refresh(self, name: str) -> str | None:
        assert name == PARAMETER
        self.refreshes += 1
        self.cached = self.stored
        return self.cached


def gateway_to(bank: MemoryBank, keys: FakeKeys | None = None, breaker: Breaker | None = None) -> BankGateway:
    clock = bank.clock
    return BankGateway(bank, keys or FakeKeys(), PARAMETER, breaker or Breaker(clock), clock, bank.sleep, lambda: 0.0)


def client_of(bank: MemoryBank, keys: FakeKeys | None = None, breaker: Breaker | None = None) -> BankClient:
    gateway = gateway_to(bank, keys, breaker)
    return BankClient(lambda: gateway)


def turn(bank: MemoryBank, seconds: float = 6.0) -> Deadline:
    return Deadline(bank.clock, bank.clock.now + seconds)
