"""The bank served for tests, and a caller of its API."""

import itertools
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import requests

from localcloud.bank.callers import Callers
from localcloud.bank.database import Database
from localcloud.bank.ledger import Ledger
from localcloud.bank.samples import CUSTOMERS
from localcloud.bank.server import Server
from tests.unit.localcloud.model.serving import Running

KEY = "the-key-of-the-tests"
AIKO, ELENA, RICH = CUSTOMERS
CHECKING, SAVINGS, CREDIT = (account.id for account in AIKO.accounts)
TOTAL_CENTS = sum(account.cents for customer in CUSTOMERS for account in customer.accounts)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


@dataclass
class Client:
    """Calls the bank as Frontdesk does. Nothing is tried again."""

    url: str
    key: str = KEY
    timeout: float = 60
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def call(
        self, method: str, path: str, body: object = None, headers: Mapping[str, str] | None = None
    ) -> requests.Response:
        sent = {"x-api-key": self.key, **(headers or {})}
        return requests.request(method, self.url + path, json=body, headers=sent, timeout=self.timeout)

    def verify(self, number: str, pin: str) -> dict[str, Any]:
        answer = self.call("POST", "/callers/verify", {"customer_number": number, "pin": pin})
        assert answer.status_code == 200
        return dict(answer.json())

    def transfer(
        self, amount: str, source: str = CHECKING, target: str = SAVINGS, key: str | None = None
    ) -> requests.Response:
        body = {"from": source, "to": target, "amount": amount, "currency": "USD"}
        return self.call("POST", "/transfers", body, {"Idempotency-Key": key or f"new-{next(self._numbers)}"})

    def balance(self, account: str = CHECKING) -> str:
        return str(self.call("GET", f"/accounts/{account}/balance").json()["balance"])

    def fault(self, *faults: str, **options: Any) -> None:
        requests.post(
            f"{self.url}/control", json={"faults": faults or ["normal"], **options}, timeout=60
        ).raise_for_status()

    def books(self) -> dict[str, Any]:
        return dict(requests.get(f"{self.url}/control", timeout=60).json())


@contextmanager
def serving(file: Path, clock: Clock) -> Iterator[Client]:
    database = Database(file)
    running = Running(Server(Ledger(database, clock), Callers(database), KEY).application(), cancels=False)
    try:
        yield Client(running.url)
    finally:
        running.stop()
        database.close()
