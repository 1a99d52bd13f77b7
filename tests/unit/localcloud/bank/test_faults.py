"""What goes wrong with the bank when it is told to."""

import json
import socket
import time
from collections import Counter
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from localcloud.bank.faults import FAULTS, Control, Setting
from tests.unit.localcloud.bank.asking import CHECKING, KEY, SAVINGS, TOTAL_CENTS, Client, Clock
from tests.unit.localcloud.strangers import STRANGERS

BALANCE = f"/accounts/{CHECKING}/balance"


def hang_up(bank: Client, key: str) -> None:
    """Ask for a transfer, and go once the bank has heard it."""
    body = f'{{"from": "{CHECKING}", "to": "{SAVINGS}", "amount": "250.00", "currency": "USD"}}'
    head = f"POST /transfers HTTP/1.1\r\nHost: localhost\r\nx-api-key: {KEY}\r\nIdempotency-Key: {key}\r\n"
    address, before = urlsplit(bank.url), bank.books()["requests"]
    with socket.create_connection((address.hostname, address.port)) as connection:
        connection.sendall(f"{head}Content-Length: {len(body)}\r\n\r\n{body}".encode())
        assert becomes(lambda: bank.books()["requests"], before + 1)


def becomes(what: Callable[[], object], expected: object) -> bool:
    deadline = time.monotonic() + 60
    while what() != expected and time.monotonic() < deadline:
        time.sleep(0.02)
    return what() == expected


class TestBeforeActing:
    @pytest.mark.parametrize(
        ("fault", "status", "code"),
        [("fail", 503, "unavailable"), ("error", 500, "internal"), ("throttle", 429, "throttled")],
    )
    def test_refusals(self, bank: Client, fault: str, status: int, code: str) -> None:
        bank.fault(fault, times=1)

        answer = bank.transfer("250.00")

        assert (answer.status_code, answer.json()["code"]) == (status, code)
        assert bank.balance() == "1204.50"

    def test_throttling_says_how_long(self, bank: Client) -> None:
        bank.fault("throttle", seconds=2.5)

        assert bank.transfer("250.00").headers["Retry-After"] == "3"

    def test_a_dropped_connection(self, bank: Client) -> None:
        bank.fault("drop", times=1)

        with pytest.raises(requests.ConnectionError):
            bank.transfer("250.00")
        assert bank.balance() == "1204.50"

    def test_a_stall(self, bank: Client) -> None:
        bank.fault("stall", times=1)

        with pytest.raises(requests.ReadTimeout):
            Client(bank.url, timeout=0.3).transfer("250.00")
        assert bank.balance() == "1204.50"


class TestAfterActing:
    def test_a_dropped_connection(self, bank: Client) -> None:
        bank.fault("drop-after", times=1)

        with pytest.raises(requests.ConnectionError):
            bank.transfer("250.00", key="a-key")
        assert bank.call("GET", "/transfers/a-key").json()["status"] == "completed"
        assert bank.balance() == "954.50"

    def test_an_error(self, bank: Client) -> None:
        bank.fault("error-after", times=1)

        assert bank.transfer("250.00").status_code == 500
        assert bank.balance() == "954.50"

    def test_rubbish(self, bank: Client) -> None:
        bank.fault("rubbish", times=6)

        answers = [bank.transfer("1.00") for _ in range(6)]

        assert {one.status_code for one in answers} == {200}
        assert len({one.content for one in answers}) == 6
        assert bank.balance() == "1198.50"

    def test_a_late_answer(self, bank: Client) -> None:
        bank.fault("slow", seconds=0.5, times=1)
        started = time.monotonic()

        assert bank.transfer("250.00").status_code == 201
        assert time.monotonic() - started >= 0.5

    def test_a_late_transfer_happens_though_nobody_waits(self, bank: Client) -> None:
        bank.fault("slow", seconds=0.5, times=1)

        hang_up(bank, "a-key")

        assert becomes(lambda: bank.call("GET", "/transfers/a-key").status_code, 200)
        assert bank.balance() == "954.50"

    def test_a_byte_at_a_time(self, bank: Client) -> None:
        bank.fault("drip", seconds=0.01, times=1)
        started = time.monotonic()

        answer = bank.transfer("250.00")

        assert (answer.status_code, answer.json()["status"]) == (201, "completed")
        assert time.monotonic() - started >= 0.01 * len(answer.content)

    def test_who_hangs_up_meanwhile_does_no_harm(self, bank: Client) -> None:
        bank.fault("drip", seconds=0.05, times=1)

        hang_up(bank, "a-key")

        assert becomes(bank.balance, "954.50")


class TestPending:
    def test_the_money_moves_later(self, bank: Client, clock: Clock) -> None:
        bank.fault("pending", seconds=30, times=1)
        answers = [bank.transfer("250.00", key="a-key") for _ in range(2)]
        assert [(one.status_code, one.json()["status"]) for one in answers] == [(201, "pending"), (200, "pending")]

        clock.now += 29
        assert (bank.call("GET", "/transfers/a-key").json()["status"], bank.balance()) == ("pending", "1204.50")

        clock.now += 1
        assert (bank.call("GET", "/transfers/a-key").json()["status"], bank.balance()) == ("completed", "954.50")
        assert bank.transfer("250.00", key="a-key").json()["status"] == "completed"
        assert bank.balance() == "954.50"

    def test_it_is_refused_when_the_money_has_gone(self, bank: Client, clock: Clock) -> None:
        bank.fault("pending", seconds=30, times=1)
        bank.transfer("1000.00", key="a-key")
        bank.transfer("1000.00")

        clock.now += 31

        shown = bank.call("GET", "/transfers/a-key").json()
        assert (shown["status"], shown["code"]) == ("refused", "insufficient_funds")
        assert bank.books()["total_cents"] == TOTAL_CENTS

    def test_only_new_transfers_count(self, bank: Client) -> None:
        bank.fault("pending", times=1)
        bank.balance()

        assert bank.transfer("1.00").json()["status"] == "pending"
        assert bank.transfer("1.00").json()["status"] == "completed"


class TestWhich:
    def test_so_many_times(self, bank: Client) -> None:
        bank.fault("fail", times=2)

        assert [bank.call("GET", BALANCE).status_code for _ in range(3)] == [503, 503, 200]

    def test_until_normal(self, bank: Client) -> None:
        bank.fault("fail")
        assert [bank.call("GET", BALANCE).status_code for _ in range(3)] == [503] * 3

        bank.fault("normal")
        assert bank.call("GET", BALANCE).status_code == 200

    def test_paths_and_methods(self, bank: Client) -> None:
        bank.fault("fail", path="/transfers", method="POST")

        assert bank.transfer("1.00", key="a-key").status_code == 503
        assert bank.call("GET", "/transfers/a-key").status_code == 404
        assert bank.call("GET", BALANCE).status_code == 200

    def test_health_control_and_strangers_meet_none(self, bank: Client) -> None:
        bank.fault("fail", times=1)
        requests.get(f"{bank.url}/health", timeout=60).raise_for_status()
        assert Client(bank.url, "wrong").call("GET", BALANCE).status_code == 401

        assert (bank.books()["faults"], bank.books()["times"]) == (["fail"], 1)

    def test_a_mix_is_the_same_for_the_same_seed(self) -> None:
        def met(seed: int) -> list[str | None]:
            control = Control()
            control.set(Setting(("fail", "drop-after"), probability=0.3, seed=seed))
            taken = (control.take("POST", "/transfers") for _ in range(1000))
            return [one.fault if one else None for one in taken]

        assert met(7) == met(7) != met(8)
        counts = Counter(met(7))
        assert 600 < counts[None] < 800
        assert counts["fail"] > 100
        assert counts["drop-after"] > 100

    @pytest.mark.parametrize(
        "wanted",
        [
            {},
            {"fault": "sleep"},
            {"faults": []},
            {"faults": "fail"},
            {"faults": [["fail"]]},
            {"fault": "fail", "times": 0},
            {"fault": "fail", "times": True},
            {"fault": "fail", "times": "2"},
            {"fault": "fail", "seconds": -1},
            {"fault": "fail", "probability": 2},
            {"fault": "fail", "probability": float("nan")},
            {"fault": "slow", "seconds": float("nan")},
            {"fault": "slow", "seconds": float("inf")},
            {"fault": "fail", "when": "now"},
            {"fault": "fail", "path": 7},
            [],
        ],
    )
    def test_what_is_not_understood_changes_nothing(self, bank: Client, wanted: Any) -> None:
        headers = {"Content-Type": "application/json"}
        answer = requests.post(f"{bank.url}/control", data=json.dumps(wanted), headers=headers, timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (400, "bad_request")
        assert bank.books()["faults"] == []

    @pytest.mark.parametrize("path", ["/control", "/control/unlock", "/control/reset"])
    @pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
    def test_another_sites_form_commands_nothing(self, bank: Client, path: str, kind: str | None) -> None:
        bank.fault("fail")

        for body in (b"", b'{"fault": "slow"}'):
            answer = requests.post(bank.url + path, data=body, headers={"Content-Type": kind}, timeout=60)
            assert (answer.status_code, answer.json()["code"]) == (415, "bad_request")
        assert bank.books()["faults"] == ["fail"]

    @pytest.mark.parametrize("headers", STRANGERS)
    @pytest.mark.parametrize(("method", "path"), [("GET", "/control"), ("POST", "/control/reset")])
    def test_another_sites_page_commands_nothing(
        self, bank: Client, method: str, path: str, headers: dict[str, str]
    ) -> None:
        bank.fault("fail")

        answer = requests.request(method, bank.url + path, json={}, headers=headers, timeout=60)

        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")
        assert bank.books()["faults"] == ["fail"]

    def test_every_fault_is_understood(self, bank: Client) -> None:
        for fault in FAULTS:
            answer = requests.post(f"{bank.url}/control", json={"fault": fault, "times": None}, timeout=60)
            assert answer.json()["faults"] == ([] if fault == "normal" else [fault])
