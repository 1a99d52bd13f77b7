"""The bank's door: each request carries our key, keeps to the time, passes the breaker and is measured."""

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Protocol

from chalicelib import telemetry
from chalicelib.errors import UnavailableError
from chalicelib.voice.breaker import Breaker
from chalicelib.voice.deadline import Deadline, run_within
from chalicelib.voice.exchange import Answer, BankUnavailableError, Request

CALL_SECONDS = 5.0
"""At most, for one request: the contract with the bank."""

LEAST_SECONDS = 0.05
"""With less time left than this a request is not begun: it would hardly be answered, and a transfer be in doubt."""

TRIES = 2
"""Of what may be repeated. More would not fit into the time, or knock at a closed door."""

PAUSE_SECONDS = 0.1
"""Before the second request; each later pause is twice as long. Chance takes up to half of one away, so that those who
failed together do not come back together."""

REPEATED = (HTTPStatus.TOO_MANY_REQUESTS, HTTPStatus.SERVICE_UNAVAILABLE)


class Transport(Protocol):
    def send(self, request: Request, key: str, seconds: float) -> Answer:
        """The answer, whatever its status; ``BankUnavailableError`` when none came whole within ``seconds``."""


class Keys(Protocol):
    """A cache of secrets."""

    def get(self, name: str) -> str | None:
        """The text, None when there is none; ``UnavailableError`` when that cannot be known."""

    def refresh(self, name: str) -> str | None:
        """The same, read anew."""


@dataclass
class Pauses:
    """The pauses between the requests of one operation. ``chance`` gives numbers from 0 to 1."""

    deadline: Deadline
    sleep: Callable[[float], None]
    chance: Callable[[], float]
    _next: float = PAUSE_SECONDS

    def take(self, at_least: float = 0.0) -> bool:
        """Sleep, for ``at_least`` that many seconds; False, at once, if no time for a request would remain."""
        seconds = max(at_least, self._next * (1 - self.chance() / 2))
        self._next *= 2
        if self.deadline.left() - seconds < LEAST_SECONDS:
            return False
        self.sleep(seconds)
        return True


@dataclass(frozen=True)
class BankGateway:
    """Asks the bank. ``keys`` holds our key under ``key_name``; ``clock`` is monotonic, in seconds."""

    transport: Transport
    keys: Keys
    key_name: str
    breaker: Breaker
    clock: Callable[[], float]
    sleep: Callable[[float], None]
    chance: Callable[[], float]

    def pauses(self, deadline: Deadline) -> Pauses:
        return Pauses(deadline, self.sleep, self.chance)

    def ask_repeatedly(self, request: Request, deadline: Deadline) -> Answer:
        """``ask``, and once more after 429, 503, or when nothing came back, while time is left.

        Not after a timeout: most of the time is gone then, and a slow bank needs no second question.
        """
        pauses = self.pauses(deadline)
        for _ in range(TRIES - 1):
            try:
                answer = self.ask(request, deadline)
            except BankUnavailableError as error:
                if error.failure not in ("unreachable", "dropped") or not pauses.take():
                    raise
            else:
                if answer.status not in REPEATED or not pauses.take(answer.retry_after):
                    return answer
        return self.ask(request, deadline)

    def ask(self, request: Request, deadline: Deadline) -> Answer:
        """The bank's answer, whatever its status; ``BankUnavailableError`` when there is none by the deadline.

        A key that the bank refuses is read anew, once, and the request made again: the bank has done nothing then.
        """
        answer = self._send(request, self._key(self.keys.get, deadline), deadline)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            telemetry.logger.warning("key refused by the bank", operation=request.operation)
            answer = self._send(request, self._key(self.keys.refresh, deadline), deadline)
        return answer

    def _key(self, read: Callable[[str], str | None], deadline: Deadline) -> str:
        if (seconds := deadline.left()) < LEAST_SECONDS:
            raise BankUnavailableError("No time is left to ask the bank.", failure="late")
        try:
            # A key that was not there may be by now.
            key = run_within(seconds, lambda: read(self.key_name) or self.keys.refresh(self.key_name))
        except (UnavailableError, TimeoutError):
            key = None
        key = (key or "").strip()
        if not (key and key.isascii() and key.isprintable()):
            telemetry.logger.error("no usable key for the bank", parameter=self.key_name)
            raise BankUnavailableError("There is no usable key for the bank.", failure="keyless")
        return key

    def _send(self, request: Request, key: str, deadline: Deadline) -> Answer:
        seconds = min(CALL_SECONDS, deadline.left())
        if seconds < LEAST_SECONDS:
            raise BankUnavailableError("No time is left to ask the bank.", failure="late")
        era = self.breaker.enter()
        if era is None:
            telemetry.count("BankCalls", operation=request.operation, outcome="open")
            raise BankUnavailableError("The bank was down a moment ago.", failure="open")
        started_at, outcome, is_alive = self.clock(), "failed", False
        try:
            answer = self.transport.send(request, key, seconds)
            outcome, is_alive = answer.outcome, answer.status < 500
        except BankUnavailableError as error:
            outcome = error.failure
            telemetry.logger.warning("bank did not answer", operation=request.operation, detail=str(error))
            raise
        finally:
            self.breaker.leave(era, is_alive=is_alive)
            durations = {"BankCallDuration": [(self.clock() - started_at) * 1000]}
            telemetry.emit({"BankCalls": 1}, durations, operation=request.operation, outcome=outcome)
        return answer
