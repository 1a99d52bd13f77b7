"""Many transfers at once: repeated, with faults, and with the bank killed in the middle of them."""

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from localcloud.bank.faults import FAULTS
from localcloud.bank.part import bank_server
from localcloud.bank.samples import CUSTOMERS
from localcloud.stand_in import StandIn
from tests.unit.localcloud.bank.asking import KEY, TOTAL_CENTS, Client

START = {account.id: account.cents for customer in CUSTOMERS for account in customer.accounts}

wishes = st.tuples(
    st.integers(0, 5), st.sampled_from(list(START)), st.sampled_from(list(START)), st.integers(1, 90_000)
)
"""A key's number, from, to, and cents."""


def assert_the_books_balance(books: dict[str, Any]) -> None:
    """The sum is what it was, and each account holds what the completed transfers, each counted once, say."""
    expected = dict(START)
    for transfer in books["transfers"]:
        if transfer["status"] == "completed":
            expected[transfer["from"]] -= transfer["cents"]
            expected[transfer["to"]] += transfer["cents"]
    assert books["total_cents"] == TOTAL_CENTS
    assert {account["id"]: account["cents"] for account in books["accounts"]} == expected
    keys = [transfer["key"] for transfer in books["transfers"]]
    assert len(keys) == len(set(keys))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(wishes, min_size=1, max_size=12))
def test_the_same_key_has_the_same_answer_also_at_once(bank: Client, wanted: list[tuple[int, str, str, int]]) -> None:
    requests.post(f"{bank.url}/control/reset", json={}, timeout=60).raise_for_status()
    orders = {number: (source, target, cents) for number, source, target, cents in wanted}

    def ask(number: int) -> tuple[int, int, str]:
        source, target, cents = orders[number]
        answer = bank.transfer(f"{cents // 100}.{cents % 100:02}", source, target, key=f"key-{number}")
        return number, answer.status_code, answer.json().get("code", "completed")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(ask, [number for number, *_ in wanted] * 2))

    for number in orders:
        mine = [(status, outcome) for asked, status, outcome in answers if asked == number]
        assert len({outcome for _, outcome in mine}) == 1
        assert [status for status, _ in mine].count(201) == (1 if mine[0][1] == "completed" else 0)
    books = bank.books()
    assert len(books["transfers"]) == len(orders)
    assert_the_books_balance(books)


def test_random_faults_lose_and_double_nothing(bank: Client) -> None:
    faults = [name for name in FAULTS if name not in ("normal", "stall", "drip")]
    bank.fault(*faults, probability=0.6, seed=7, seconds=0.05)
    draw = random.Random(7)
    orders = {f"key-{n}": (draw.choice(list(START)), draw.choice(list(START)), draw.randint(1, 500)) for n in range(60)}

    def ask(key: str) -> dict[str, Any]:
        """Ask until there is an answer that counts."""
        source, target, cents = orders[key]
        for _ in range(200):
            try:
                answer = bank.transfer(f"{cents // 100}.{cents % 100:02}", source, target, key)
                shown = answer.json()
            except requests.RequestException:
                continue
            if answer.status_code in (404, 422) or (answer.ok and isinstance(shown, dict) and shown.get("key") == key):
                return dict(shown)
        raise AssertionError("there was no answer")

    with ThreadPoolExecutor(8) as pool:
        answers = dict(zip(orders, pool.map(ask, orders), strict=True))

    bank.fault("normal")
    kept = {transfer["key"]: transfer for transfer in bank.books()["transfers"]}
    assert kept.keys() == orders.keys()
    for key, answer in answers.items():
        assert answer.get("code") == kept[key].get("code") or answer.get("status") == "pending"
    assert_the_books_balance(bank.books())


@pytest.fixture
def program(tmp_path: Path) -> Iterator[StandIn]:
    program = bank_server(tmp_path / "bank.log", tmp_path, tmp_path / "bank.sqlite", KEY)
    program.launch()
    program.wait()
    yield program
    program.stop()


def test_killed_in_the_middle_it_has_each_transfer_whole_and_once(program: StandIn) -> None:
    client, acknowledged = Client(program.url), dict[str, int]()
    enough = threading.Event()

    def send(sender: int) -> None:
        """Transfer until the bank is gone."""
        draw, number = random.Random(sender), 0
        while True:
            key, source, target = f"key-{sender}-{number}", draw.choice(list(START)), draw.choice(list(START))
            try:
                acknowledged[key] = client.transfer("0.01", source, target, key).status_code
            except requests.RequestException:
                return
            number += 1
            if number == 25:
                enough.set()

    for _ in range(3):
        enough.clear()
        with ThreadPoolExecutor(4) as pool:
            senders = [pool.submit(send, random.randrange(10**9)) for _ in range(4)]
            assert enough.wait(120)
            assert program.process
            program.process.kill()
        for sender in senders:
            sender.result()
        program.process.wait()
        program.launch()
        program.wait()

        client.url = program.url
        books = client.books()
        assert_the_books_balance(books)
        kept = {transfer["key"]: transfer["status"] for transfer in books["transfers"]}
        assert {key: kept.get(key) for key in acknowledged} == {
            key: "completed" if status == 201 else "refused" for key, status in acknowledged.items()
        }
    assert program.log.read_bytes() == b""
