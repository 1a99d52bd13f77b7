"""The client and the local cloud's bank, which were written apart, agree on the wire format."""

import random
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from decimal import Decimal
from pathlib import Path

import pytest

from chalicelib.voice.bank import BankClient, BankUnavailableError, TransferOutcome, Verdict
from chalicelib.voice.bank_gateway import BankGateway
from chalicelib.voice.bank_transport import BankTransport
from chalicelib.voice.breaker import Breaker
from chalicelib.voice.deadline import Deadline
from localcloud.bank.faults import FAULTS
from tests.unit.localcloud.bank.asking import AIKO, CHECKING, CREDIT, KEY, RICH, SAVINGS, Client, serving
from tests.unit.localcloud.bank.test_many import assert_the_books_balance
from tests.unit.voice.memory_bank import PARAMETER, FakeKeys

CARD = "card_h5r2yb7n"


@pytest.fixture
def stand_in(tmp_path: Path) -> Iterator[Client]:
    with serving(tmp_path / "bank.sqlite", time.time) as client:  # type: ignore[arg-type]
        yield client


@contextmanager
def connected(url: str) -> Iterator[BankClient]:
    """A client whose every operation has a breaker of its own: it never opens."""
    transport, keys = BankTransport(url), FakeKeys(KEY, KEY)

    def gateway() -> BankGateway:
        breaker = Breaker(time.monotonic)
        return BankGateway(transport, keys, PARAMETER, breaker, time.monotonic, time.sleep, random.Random(0).random)

    try:
        yield BankClient(gateway)
    finally:
        transport._session.close()


def within(seconds: float = 60) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


def test_they_agree(stand_in: Client) -> None:
    with connected(stand_in.url) as bank:
        assert bank.verify("10020030", "1234", within()) == Verdict(AIKO.id, locked=False)
        accounts = bank.accounts(AIKO.id, within())
        assert [(account.type, account.last4) for account in accounts] == [
            ("checking", "4321"),
            ("savings", "8765"),
            ("credit", "5566"),
        ]
        assert bank.balance(CREDIT, within()).amount == Decimal("-230.10")
        assert accounts[1].card is None
        assert accounts[0].card
        assert not accounts[0].card.blocked
        for _ in range(2):
            bank.block_card(CARD, within())
        blocked = bank.accounts(AIKO.id, within())[0].card
        assert blocked
        assert blocked.blocked


def test_they_agree_on_who_is_locked(stand_in: Client) -> None:
    with connected(stand_in.url) as bank:
        verdicts = [bank.verify("10020030", "9999", within()) for _ in range(3)]

    assert [verdict.locked for verdict in verdicts] == [False, False, True]
    assert {verdict.customer_id for verdict in verdicts} == {None}


@pytest.mark.parametrize(
    ("source", "target", "amount", "outcome"),
    [
        (CHECKING, SAVINGS, "250", TransferOutcome("completed")),
        (CHECKING, SAVINGS, "1204.51", TransferOutcome("refused", "insufficient_funds")),
        (CHECKING, CHECKING, "1", TransferOutcome("refused", "same_account")),
        (CHECKING, "acc_of_nobody", "1", TransferOutcome("refused", "not_found")),
        (RICH.accounts[0].id, RICH.accounts[1].id, "10000.01", TransferOutcome("refused", "limit_exceeded")),
    ],
)
@pytest.mark.parametrize("fault", ["normal", "drop-after", "error-after", "throttle", "drop", "fail", "rubbish"])
def test_they_agree_on_transfers(
    stand_in: Client, source: str, target: str, amount: str, outcome: TransferOutcome, fault: str
) -> None:
    stand_in.fault(fault, times=1, seconds=0)
    with connected(stand_in.url) as bank:
        for _ in range(2):
            assert bank.transfer("t-1", source, target, Decimal(amount), within()) == outcome

    assert [transfer["key"] for transfer in stand_in.books()["transfers"]] == ["t-1"]


def test_they_agree_on_keys(stand_in: Client) -> None:
    stand_in.fault("pending", times=1, seconds=600)
    with connected(stand_in.url) as bank:
        assert bank.transfer("t-1", CHECKING, SAVINGS, Decimal(250), within()) == TransferOutcome("pending")
        conflict = bank.transfer("t-1", CHECKING, SAVINGS, Decimal(251), within())

    assert conflict == TransferOutcome("refused", "idempotency_conflict")


def test_random_faults_never_make_it_tell_what_is_not_so(stand_in: Client) -> None:
    faults = [name for name in FAULTS if name not in ("normal", "slow", "pending", "drip")]
    draw = random.Random(11)
    orders = {f"t-{number}": draw.choice(["1.00", "2.50", "1300.00"]) for number in range(120)}
    with connected(stand_in.url) as bank, ThreadPoolExecutor(4) as pool:
        stand_in.fault(*faults, probability=0.6, seed=11, seconds=0.05)

        def ask(key: str) -> str:
            try:
                return bank.transfer(key, CHECKING, SAVINGS, Decimal(orders[key]), within(1.0)).status
            except BankUnavailableError:
                return "unavailable"

        told = dict(zip(orders, pool.map(ask, orders), strict=True))

    stand_in.fault("normal")
    books = stand_in.books()
    kept = {transfer["key"]: transfer["status"] for transfer in books["transfers"]}
    for key, status in told.items():
        if status == "unavailable":
            assert kept.get(key) != "completed"
        elif status != "pending":
            assert kept[key] == status
    assert_the_books_balance(books)
    assert {"completed", "pending"} <= set(told.values())
