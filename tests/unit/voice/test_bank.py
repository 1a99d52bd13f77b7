"""The client as a whole: against a bank in memory, under a clock that moves at will, and over real sockets."""

import json
import random
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.voice.bank import Account, Balance, BankClient, BankUnavailableError, Card, TransferOutcome, Verdict
from chalicelib.voice.bank_gateway import BankGateway
from chalicelib.voice.bank_transport import BankTransport
from chalicelib.voice.breaker import FAILURES, OPEN_SECONDS, Breaker
from chalicelib.voice.deadline import Deadline
from tests.unit.voice.faulty_bank import ACTING_FAULTS, OTHER_FAULTS, FaultyBank, faulty_bank
from tests.unit.voice.ledger import CARD, CHECKING, CUSTOMER, KEY, NUMBER, OTHERS, PIN, SAVINGS, Ledger
from tests.unit.voice.memory_bank import FAULTS, PARAMETER, FakeKeys, MemoryBank, client_of, turn

COMPLETED, PENDING = TransferOutcome("completed"), TransferOutcome("pending")
SLACK = 5.0


def transfer(bank: MemoryBank, client: BankClient | None = None, seconds: float = 6.0) -> TransferOutcome:
    return (client or client_of(bank)).transfer("t-1", CHECKING, SAVINGS, Decimal(250), turn(bank, seconds))


def test_a_caller_proves_who_they_are() -> None:
    bank = MemoryBank()
    client = client_of(bank)

    assert client.verify(NUMBER, PIN, turn(bank)) == Verdict(CUSTOMER, locked=False)
    assert client.verify(NUMBER, "0000", turn(bank)) == Verdict(None, locked=False)
    assert client.verify(NUMBER, "0000", turn(bank)) == Verdict(None, locked=True)


def test_the_accounts_of_a_customer() -> None:
    bank = MemoryBank()

    assert client_of(bank).accounts(CUSTOMER, turn(bank)) == (
        Account(CHECKING, "checking", "4321", "USD", Card(CARD, "9876", blocked=False)),
        Account(SAVINGS, "savings", "8765", "USD", None),
    )


def test_a_balance() -> None:
    bank = MemoryBank()
    as_of = datetime(2026, 11, 20, 12, tzinfo=UTC)

    assert client_of(bank).balance(CHECKING, turn(bank)) == Balance(Decimal("1204.50"), "USD", as_of)


def test_a_card_is_blocked_also_the_second_time() -> None:
    bank = MemoryBank(faults=deque(["drop_after"]))

    client_of(bank).block_card(CARD, turn(bank))

    assert bank.ledger.blocked == {CARD}
    assert len(bank.asked) == 2


@pytest.mark.parametrize("fault", sorted(set(FAULTS) - {"ok", "slow", "401", "wrong_transfer"}))
def test_a_verification_is_never_asked_twice(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))

    with pytest.raises(BankUnavailableError):
        client_of(bank).verify(NUMBER, PIN, turn(bank))

    assert len(bank.asked) == 1


def test_ids_are_quoted() -> None:
    bank = MemoryBank()
    client = client_of(bank)
    for call in (client.accounts, client.balance, client.block_card):
        with pytest.raises(BankUnavailableError):
            call("a/../b?c#d\r\n%2F\N{SNOWMAN}", turn(bank))

    quoted = "a%2F..%2Fb%3Fc%23d%0D%0A%252F%E2%98%83"
    assert bank.asked == [
        f"GET /customers/{quoted}/accounts",
        f"GET /accounts/{quoted}/balance",
        f"POST /cards/{quoted}/block",
    ]


@pytest.mark.parametrize("wrong", ["", ".", ".."])
def test_an_id_that_leads_elsewhere_is_never_sent(wrong: str) -> None:
    bank = MemoryBank()

    with pytest.raises(ValueError, match="path"):
        client_of(bank).balance(wrong, turn(bank))

    assert bank.asked == []


@pytest.mark.parametrize("fault", ["not_json", "list", "nan", "empty", "404_html", "302_after"])
def test_an_answer_that_does_not_help(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    bank = MemoryBank(faults=deque([fault] * 4))
    client = client_of(bank)
    calls: list[Callable[[], Any]] = [
        lambda: client.accounts(CUSTOMER, turn(bank)),
        lambda: client.balance(CHECKING, turn(bank)),
        lambda: client.block_card(CARD, turn(bank)),
        lambda: client.verify(NUMBER, PIN, turn(bank)),
    ]
    for call in calls:
        with pytest.raises(BankUnavailableError) as caught:
            call()
        assert caught.value.failure == "unusable"

    assert_silent(capsys)


# Transfers


def test_a_transfer() -> None:
    bank = MemoryBank()

    assert transfer(bank) == COMPLETED
    assert transfer(bank) == COMPLETED
    assert bank.ledger.balances == {CHECKING: Decimal("954.50"), SAVINGS: Decimal("15550.00")}


@pytest.mark.parametrize(
    ("target", "amount", "code"),
    [
        (SAVINGS, "1204.51", "insufficient_funds"),
        (SAVINGS, "10000.01", "limit_exceeded"),
        (CHECKING, "1", "same_account"),
        (OTHERS, "1", "not_found"),
    ],
)
def test_a_refusal_says_why(target: str, amount: str, code: str) -> None:
    bank = MemoryBank()

    outcome = client_of(bank).transfer("t-1", CHECKING, target, Decimal(amount), turn(bank))

    assert outcome == TransferOutcome("refused", code)


def test_a_key_that_was_used_for_another_transfer() -> None:
    bank = MemoryBank()
    transfer(bank)

    outcome = client_of(bank).transfer("t-1", CHECKING, SAVINGS, Decimal(1), turn(bank))

    assert outcome == TransferOutcome("refused", "idempotency_conflict")
    assert bank.ledger.balances[CHECKING] == Decimal("954.50")


DOUBTFUL = (
    "drop_after",
    "late_after",
    "503_after",
    "500_after",
    "302_after",
    "499_after",
    "not_json",
    "wrong_transfer",
)


@pytest.mark.parametrize("fault", DOUBTFUL)
def test_a_doubt_is_ended_by_asking(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))

    assert transfer(bank) == COMPLETED
    assert bank.asked == ["POST /transfers", "GET /transfers/t-1"]


@pytest.mark.parametrize("fault", ["drop_before", "503", "502_html", "404_html"])
def test_what_did_not_arrive_is_posted_again(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))

    assert transfer(bank) == COMPLETED
    assert bank.asked == ["POST /transfers", "GET /transfers/t-1", "POST /transfers"]
    assert bank.ledger.balances[CHECKING] == Decimal("954.50")


@pytest.mark.parametrize("fault", ["unreachable", "429"])
def test_what_was_not_done_is_posted_again_without_asking(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))

    assert transfer(bank) == COMPLETED
    assert bank.asked == ["POST /transfers", "POST /transfers"]


def test_a_timeout_leaves_time_to_ask() -> None:
    bank = MemoryBank(faults=deque(["late_after"]))

    assert transfer(bank, seconds=3.0) == COMPLETED
    assert bank.granted[0] == pytest.approx(2.0)


def test_what_may_be_on_its_way_is_pending() -> None:
    bank = MemoryBank(faults=deque(["late_acting_later", "late_acting_later", "late_before"]))

    assert transfer(bank) == PENDING
    bank.arrive()
    assert bank.ledger.is_made("t-1")


def test_a_bank_that_keeps_it_pending_says_so() -> None:
    bank = MemoryBank()
    transfer(bank)
    bank.ledger.transfers["t-1"]["status"] = "pending"

    assert transfer(bank) == PENDING


@pytest.mark.parametrize("fault", ["unreachable", "late_unsent", "429", "429_later"])
def test_what_has_certainly_not_been_made_is_unavailable(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault] * 4))

    with pytest.raises(BankUnavailableError):
        transfer(bank)


def test_without_a_key_no_transfer_is_made() -> None:
    bank = MemoryBank()

    with pytest.raises(BankUnavailableError):
        transfer(bank, client_of(bank, FakeKeys("wrong", "wrong")))

    assert bank.asked == ["POST /transfers", "POST /transfers"]
    assert bank.ledger.transfers == {}


def test_without_time_no_transfer_is_begun() -> None:
    bank = MemoryBank()

    with pytest.raises(BankUnavailableError):
        transfer(bank, seconds=0.05)

    assert bank.asked == []


def test_a_breaker_that_opens_meanwhile_leaves_it_pending() -> None:
    breaker_clock = MemoryBank().clock
    bank = MemoryBank(clock=breaker_clock, faults=deque(["drop_after"]))
    breaker = Breaker(breaker_clock)
    for _ in range(FAILURES - 1):
        breaker.leave(breaker.enter() or 0, is_alive=False)

    assert transfer(bank, client_of(bank, breaker=breaker)) == PENDING

    assert bank.asked == ["POST /transfers"]
    with pytest.raises(BankUnavailableError) as caught:
        transfer(bank, client_of(bank, breaker=breaker))
    assert not caught.value.is_sent
    breaker_clock.now += OPEN_SECONDS
    assert transfer(bank, client_of(bank, breaker=breaker)) == COMPLETED
    assert bank.ledger.balances[CHECKING] == Decimal("954.50")


AMOUNTS = st.sampled_from(["250", "1204.50", "5000", "10000.01"])
TARGETS = st.sampled_from([SAVINGS, SAVINGS, SAVINGS, CHECKING, OTHERS])


@settings(max_examples=600)
@given(
    st.lists(st.sampled_from(FAULTS), max_size=8),
    st.lists(st.tuples(AMOUNTS, TARGETS, st.floats(0, 7), st.floats(0, 40)), min_size=1, max_size=4),
    st.integers(0, 3),
)
def test_an_outcome_never_contradicts_the_ledger(
    faults: list[str], orders: list[tuple[str, str, float, float]], arriving: int
) -> None:
    """Several transfers through one client, whose breaker may open; what is on its way arrives sooner or later."""
    bank = MemoryBank(faults=deque(faults))
    client = client_of(bank)
    outcomes: list[TransferOutcome | None] = []
    for number, (amount, target, seconds, pause) in enumerate(orders):
        deadline = turn(bank, seconds)
        order = (f"t-{number}", CHECKING, target, Decimal(amount), deadline)
        outcomes.append(attempt(partial(client.transfer, *order)))
        assert bank.clock.now <= deadline.at + 0.02
        bank.clock.now += pause
        if number == arriving:
            bank.arrive()
    bank.arrive()

    check(bank.ledger, outcomes)


def attempt(make: Callable[[], TransferOutcome]) -> TransferOutcome | None:
    """The outcome, None for what is unavailable."""
    try:
        return make()
    except BankUnavailableError:
        return None


def check(ledger: Ledger, outcomes: list[TransferOutcome | None]) -> None:
    """``outcomes`` are those of t-0, t-1 and so on, as told, once all that was on its way has arrived."""
    for number, outcome in enumerate(outcomes):
        is_made = ledger.is_made(f"t-{number}")
        if outcome == COMPLETED:
            assert is_made
        elif outcome != PENDING:
            assert not is_made
    made = sum(Decimal(t["amount"]) for t in ledger.transfers.values() if t["status"] == "completed")
    assert ledger.balances == {CHECKING: Decimal("1204.50") - made, SAVINGS: Decimal("15300.00") + made}


# Over sockets


@contextmanager
def connected(bank: FaultyBank) -> Iterator[BankClient]:
    transport = BankTransport(bank.url)
    chance = random.Random(0).random
    gateway = BankGateway(transport, FakeKeys(), PARAMETER, Breaker(time.monotonic), time.monotonic, time.sleep, chance)
    try:
        yield BankClient(lambda: gateway)
    finally:
        transport._session.close()


def soon(seconds: float = 0.3) -> Deadline:
    return Deadline(time.monotonic, time.monotonic() + seconds)


def test_everything_works_over_sockets() -> None:
    with faulty_bank() as bank, connected(bank) as client:
        assert client.verify(NUMBER, PIN, soon(30)) == Verdict(CUSTOMER, locked=False)
        assert len(client.accounts(CUSTOMER, soon(30))) == 2
        assert client.balance(CHECKING, soon(30)).amount == Decimal("1204.50")
        assert client.transfer("t-1", CHECKING, SAVINGS, Decimal(250), soon(30)) == COMPLETED
        client.block_card(CARD, soon(30))
        with pytest.raises(BankUnavailableError):
            client.accounts("a/../b?c#d\r\n", soon(30))

    assert bank.requests[-1] == "GET /customers/a%2F..%2Fb%3Fc%23d%0D%0A/accounts"
    assert bank.ledger.blocked == {CARD}
    assert bank.ledger.balances[CHECKING] == Decimal("954.50")


@pytest.mark.parametrize("fault", sorted({*ACTING_FAULTS, *OTHER_FAULTS} - {"ok"}))
def test_no_call_outlasts_its_deadline(fault: str, capsys: pytest.CaptureFixture[str]) -> None:
    with faulty_bank(*[fault] * 50) as bank, connected(bank) as client:
        calls: list[Callable[[], Any]] = [
            lambda: client.verify(NUMBER, PIN, soon()),
            lambda: client.accounts(CUSTOMER, soon()),
            lambda: client.balance(CHECKING, soon()),
            lambda: client.block_card(CARD, soon()),
            lambda: client.transfer("t-0", CHECKING, SAVINGS, Decimal(250), soon()),
        ]
        outcomes: list[TransferOutcome | None] = []
        for call in calls:
            started_at = time.monotonic()
            outcomes.append(attempt(call))
            assert time.monotonic() - started_at < 0.3 + SLACK

    check(bank.ledger, outcomes[-1:])
    assert_silent(capsys)


def assert_silent(capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing that was written quotes what was sent or answered; times and durations are not looked at."""
    captured = capsys.readouterr()
    lines = [json.loads(line) for line in captured.out.splitlines()]
    texts = [text for line in lines for name, text in line.items() if isinstance(text, str) and name != "timestamp"]
    secrets = (NUMBER, PIN, KEY, "4321", "8765", "9876", "1204", "250", "Welcome", "rubbish", CHECKING)
    assert lines
    assert [text for text in texts for secret in secrets if secret in text] == []
    assert captured.err == ""


@settings(max_examples=30)
@given(st.lists(st.sampled_from((*ACTING_FAULTS, *OTHER_FAULTS)), max_size=6), st.integers(1, 3))
def test_over_sockets_no_outcome_contradicts_the_ledger_either(faults: list[str], transfers: int) -> None:
    with faulty_bank(*faults) as bank, connected(bank) as client:
        outcomes = []
        for number in range(transfers):
            started_at = time.monotonic()
            order = (f"t-{number}", CHECKING, SAVINGS, Decimal("700.00"), soon())
            outcomes.append(attempt(partial(client.transfer, *order)))
            assert time.monotonic() - started_at < 0.3 + SLACK

    check(bank.ledger, outcomes)
