"""The bank's wire format."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.unit.localcloud.bank.asking import (
    AIKO,
    CHECKING,
    CREDIT,
    ELENA,
    RICH,
    SAVINGS,
    TOTAL_CENTS,
    Client,
    Clock,
    serving,
)

RICH_CHECKING, RICH_SAVINGS = (account.id for account in RICH.accounts)


class TestKey:
    @pytest.mark.parametrize("key", ["", "wrong", "gr\u00fcn"])
    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("POST", "/callers/verify"),
            ("GET", "/customers/cus_x/accounts"),
            ("GET", f"/accounts/{CHECKING}/balance"),
            ("POST", "/transfers"),
            ("GET", "/transfers/x"),
            ("POST", "/cards/card_x/block"),
            ("GET", "/nothing"),
        ],
    )
    def test_nothing_without_it(self, bank: Client, key: str, method: str, path: str) -> None:
        answer = Client(bank.url, key).call(method, path)

        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    def test_the_bank_s_health_needs_none(self, bank: Client) -> None:
        assert requests.get(f"{bank.url}/health", timeout=60).json() == {"status": "ok"}


class TestCallers:
    def test_the_right_pin(self, bank: Client) -> None:
        assert bank.verify(AIKO.number, "1234") == {"verified": True, "customer_id": AIKO.id}
        assert bank.verify(ELENA.number, "0042") == {"verified": True, "customer_id": ELENA.id}

    @pytest.mark.parametrize("number", [AIKO.number, "99999999"])
    def test_three_wrong_ones_lock_a_number_that_exists_or_not(self, bank: Client, number: str) -> None:
        answers = [bank.verify(number, "0000") for _ in range(4)]

        assert answers == [
            {"verified": False, "locked": False, "attempts_left": 2},
            {"verified": False, "locked": False, "attempts_left": 1},
            {"verified": False, "locked": True, "attempts_left": 0},
            {"verified": False, "locked": True, "attempts_left": 0},
        ]

    def test_a_locked_number_stays_locked_for_the_right_pin(self, bank: Client) -> None:
        for _ in range(3):
            bank.verify(AIKO.number, "0000")

        assert bank.verify(AIKO.number, AIKO.pin)["locked"]
        assert bank.verify(ELENA.number, ELENA.pin)["verified"]

    def test_a_right_one_ends_the_count(self, bank: Client) -> None:
        for _ in range(2):
            bank.verify(AIKO.number, "0000")
        bank.verify(AIKO.number, AIKO.pin)

        assert bank.verify(AIKO.number, "0000")["attempts_left"] == 2

    def test_many_guesses_at_once_are_worth_three(self, bank: Client) -> None:
        with ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda pin: bank.verify(AIKO.number, f"{pin:04}"), range(20)))

        assert sorted(answer["attempts_left"] for answer in answers) == [0] * 18 + [1, 2]
        assert bank.verify(AIKO.number, AIKO.pin)["locked"]

    @pytest.mark.parametrize("body", [{}, {"customer_number": AIKO.number}, {"customer_number": 10020030, "pin": "1"}])
    def test_a_malformed_question_counts_nothing(self, bank: Client, body: object) -> None:
        answer = bank.call("POST", "/callers/verify", body)

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert AIKO.number not in answer.text

    def test_unlocking(self, bank: Client) -> None:
        for customer in (AIKO, ELENA):
            for _ in range(3):
                bank.verify(customer.number, "xxxx")
        assert [one["locked"] for one in bank.books()["customers"]] == [True, True, False]

        requests.post(f"{bank.url}/control/unlock", json={"customer_number": AIKO.number}, timeout=60)
        assert [one["locked"] for one in bank.books()["customers"]] == [False, True, False]

        requests.post(f"{bank.url}/control/unlock", json={}, timeout=60)
        assert bank.verify(ELENA.number, ELENA.pin)["verified"]


class TestAccounts:
    def test_those_of_a_customer(self, bank: Client) -> None:
        accounts = bank.call("GET", f"/customers/{AIKO.id}/accounts").json()["accounts"]

        assert [(one["type"], one["last4"], one["currency"]) for one in accounts] == [
            ("checking", "4321", "USD"),
            ("savings", "8765", "USD"),
            ("credit", "5566", "USD"),
        ]
        assert [one["card"] and (one["card"]["last4"], one["card"]["status"]) for one in accounts] == [
            ("9876", "active"),
            None,
            ("7788", "active"),
        ]
        assert {tuple(one) for one in accounts} == {("id", "type", "last4", "currency", "card")}

    def test_balances(self, bank: Client) -> None:
        assert [bank.balance(account.id) for account in AIKO.accounts] == ["1204.50", "15300.00", "-230.10"]
        assert [bank.balance(account.id) for account in ELENA.accounts] == ["87.05", "640.00"]
        assert [bank.balance(account.id) for account in RICH.accounts] == ["50000.00", "50000.00"]

    def test_a_balance_has_its_time(self, bank: Client, clock: Clock) -> None:
        answer = bank.call("GET", f"/accounts/{CHECKING}/balance").json()

        assert (answer["account_id"], answer["currency"]) == (CHECKING, "USD")
        assert datetime.fromisoformat(answer["as_of"]).timestamp() == clock.now

    @pytest.mark.parametrize(
        ("method", "path"),
        [("GET", "/customers/cus_x/accounts"), ("GET", "/accounts/acc_x/balance"), ("POST", "/cards/card_x/block")],
    )
    def test_what_does_not_exist(self, bank: Client, method: str, path: str) -> None:
        answer = bank.call(method, path)

        assert (answer.status_code, answer.json()["code"]) == (404, "not_found")

    def test_a_card_is_blocked_once_or_more(self, bank: Client) -> None:
        card = AIKO.accounts[0].card
        assert card

        answers = [bank.call("POST", f"/cards/{card.id}/block") for _ in range(2)]

        assert [one.json() for one in answers] == [{"id": card.id, "status": "blocked"}] * 2
        first, *_ = bank.call("GET", f"/customers/{AIKO.id}/accounts").json()["accounts"]
        assert first["card"] == {"id": card.id, "last4": "9876", "status": "blocked"}


class TestTransfers:
    def test_money_moves(self, bank: Client, clock: Clock) -> None:
        answer = bank.transfer("250.00", key="a-key")

        assert answer.status_code == 201
        shown = answer.json()
        assert datetime.fromisoformat(shown.pop("created_at")).timestamp() == clock.now
        assert shown == {
            "key": "a-key",
            "status": "completed",
            "from": CHECKING,
            "to": SAVINGS,
            "amount": "250.00",
            "currency": "USD",
        }
        assert (bank.balance(CHECKING), bank.balance(SAVINGS)) == ("954.50", "15550.00")
        assert bank.call("GET", "/transfers/a-key").json() == answer.json()

    def test_a_repeated_one_moves_nothing(self, bank: Client) -> None:
        first, second = (bank.transfer("250.00", key="a-key") for _ in range(2))

        assert (first.status_code, second.status_code) == (201, 200)
        assert first.json() == second.json()
        assert bank.balance() == "954.50"

    def test_another_one_under_the_same_key(self, bank: Client) -> None:
        bank.transfer("250.00", key="a-key")

        answer = bank.transfer("250.01", key="a-key")

        assert (answer.status_code, answer.json()["code"]) == (409, "idempotency_conflict")
        assert bank.balance() == "954.50"

    @pytest.mark.parametrize(
        ("source", "target", "amount", "status", "code"),
        [
            (CHECKING, SAVINGS, "1204.51", 422, "insufficient_funds"),
            (CREDIT, CHECKING, "0.01", 422, "insufficient_funds"),
            (RICH_CHECKING, RICH_SAVINGS, "10000.01", 422, "limit_exceeded"),
            (CHECKING, CHECKING, "1.00", 422, "same_account"),
            (CHECKING, "acc_x", "1.00", 404, "not_found"),
            ("acc_x", CHECKING, "1.00", 404, "not_found"),
        ],
    )
    def test_refusals_are_kept(
        self, bank: Client, source: str, target: str, amount: str, status: int, code: str
    ) -> None:
        answers = [bank.transfer(amount, source, target, key="a-key") for _ in range(2)]

        assert [(one.status_code, one.json()["code"]) for one in answers] == [(status, code)] * 2
        kept = bank.call("GET", "/transfers/a-key")
        assert (kept.status_code, kept.json()["status"], kept.json()["code"]) == (200, "refused", code)
        assert bank.books()["total_cents"] == TOTAL_CENTS
        assert bank.balance() == "1204.50"

    def test_a_refusal_stays_when_there_is_money_later(self, bank: Client) -> None:
        assert bank.transfer("2000.00", key="a-key").status_code == 422
        bank.transfer("5000.00", SAVINGS, CHECKING)

        assert bank.transfer("2000.00", key="a-key").status_code == 422

    @pytest.mark.parametrize("amount", ["1204.50", "0.01"])
    def test_the_last_cent_can_go(self, bank: Client, amount: str) -> None:
        assert bank.transfer(amount).status_code == 201

    def test_as_much_as_the_limit(self, bank: Client) -> None:
        assert bank.transfer("10000.00", RICH_CHECKING, RICH_SAVINGS).status_code == 201

    @pytest.mark.parametrize(
        "change",
        [
            {"amount": 250},
            {"amount": "250"},
            {"amount": "-1.00"},
            {"amount": "0.00"},
            {"amount": "1e3"},
            {"amount": "\u0662.00"},
            {"amount": "9999999999.00"},
            {"amount": None},
            {"from": None},
            {"to": ["acc_x"]},
            {"to": "acc x"},
            {"currency": "dollars"},
        ],
    )
    def test_malformed_ones_are_not_kept(self, bank: Client, change: Mapping[str, Any]) -> None:
        body = {"from": CHECKING, "to": SAVINGS, "amount": "1.00", "currency": "USD", **change}

        answer = bank.call("POST", "/transfers", body, {"Idempotency-Key": "a-key"})

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert bank.call("GET", "/transfers/a-key").status_code == 404

    @pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}, {"Idempotency-Key": "k" * 256}])
    def test_none_without_a_key(self, bank: Client, headers: dict[str, str]) -> None:
        body = {"from": CHECKING, "to": SAVINGS, "amount": "1.00", "currency": "USD"}

        assert bank.call("POST", "/transfers", body, headers).status_code == 400

    @pytest.mark.parametrize("body", [b"", b"[]", b"rubbish", b"\xff", b"[" * 60_000])
    def test_bodies_that_are_no_object(self, bank: Client, body: bytes) -> None:
        headers = {"x-api-key": bank.key, "Idempotency-Key": "a-key"}

        answer = requests.post(f"{bank.url}/transfers", data=body, headers=headers, timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")

    def test_a_body_that_is_too_large(self, bank: Client) -> None:
        answer = bank.call("POST", "/transfers", {"from": "a" * 70_000}, {"Idempotency-Key": "a-key"})

        assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


def test_everything_survives_a_restart_and_no_number_lies_in_plain(tmp_path: Path) -> None:
    file = tmp_path / "bank.sqlite"
    with serving(file, Clock()) as first:
        first.transfer("250.00", key="a-key")
        for _ in range(3):
            first.verify(ELENA.number, "0000")
        card = AIKO.accounts[0].card
        assert card
        first.call("POST", f"/cards/{card.id}/block")
        before = first.books()

    contents = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert file.stat().st_mode & 0o777 == 0o600
    for secret in (AIKO.number, ELENA.number, AIKO.pin):
        assert secret.encode() not in contents

    with serving(file, Clock()) as second:
        assert {**second.books(), "requests": 0} == {**before, "requests": 0}
        assert second.transfer("250.00", key="a-key").status_code == 200
        assert second.verify(ELENA.number, ELENA.pin)["locked"]
