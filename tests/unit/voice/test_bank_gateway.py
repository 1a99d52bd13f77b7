import json
import threading
from collections import deque
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from chalicelib.errors import UnavailableError
from chalicelib.voice.bank_gateway import CALL_SECONDS, LEAST_SECONDS, PAUSE_SECONDS, BankGateway, Pauses
from chalicelib.voice.breaker import FAILURES, OPEN_SECONDS, Breaker
from chalicelib.voice.deadline import Deadline
from chalicelib.voice.exchange import BankUnavailableError, Request
from tests.fakes import FakeClock
from tests.unit.voice.ledger import CARD, CHECKING, KEY
from tests.unit.voice.memory_bank import FakeKeys, MemoryBank, gateway_to, turn

BALANCE = Request("read_balance", "GET", f"/accounts/{CHECKING}/balance")


def test_a_request_gets_five_seconds_at_most_and_never_more_than_is_left() -> None:
    bank = MemoryBank()
    gateway = gateway_to(bank)

    gateway.ask(BALANCE, turn(bank, 60))
    gateway.ask(BALANCE, turn(bank, 2.0))

    assert bank.granted == [CALL_SECONDS, pytest.approx(2.0)]


@pytest.mark.parametrize("left", [0.0, LEAST_SECONDS / 2, -1.0])
def test_without_time_nothing_is_sent(left: float) -> None:
    bank = MemoryBank()

    with pytest.raises(BankUnavailableError) as caught:
        gateway_to(bank).ask(BALANCE, turn(bank, left))

    assert (caught.value.failure, caught.value.is_sent) == ("late", False)
    assert bank.asked == []


@pytest.mark.parametrize("fault", ["unreachable", "drop_before", "503", "429"])
def test_what_is_safe_is_tried_again(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))
    started_at = bank.clock.now

    assert gateway_to(bank).ask_repeatedly(BALANCE, turn(bank)).status == 200

    assert bank.clock.now - started_at >= PAUSE_SECONDS
    assert len(bank.asked) == 2


@pytest.mark.parametrize("fault", ["late_before", "late_unsent", "500_after", "404_html", "502_html"])
def test_what_another_try_would_not_mend_is_not(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault]))

    with suppress(BankUnavailableError):
        gateway_to(bank).ask_repeatedly(BALANCE, turn(bank))

    assert len(bank.asked) == 1


def test_there_are_two_tries() -> None:
    bank = MemoryBank(faults=deque(["503"] * 9))

    assert gateway_to(bank).ask_repeatedly(BALANCE, turn(bank)).status == 503

    assert len(bank.asked) == 2


def test_a_pause_that_the_bank_asks_for_is_kept_if_it_fits() -> None:
    bank = MemoryBank(faults=deque(["503_later"]))
    started_at = bank.clock.now

    assert gateway_to(bank).ask_repeatedly(BALANCE, turn(bank)).status == 200
    assert bank.clock.now - started_at >= 2.0

    bank.faults.extend(["429_later"])
    assert gateway_to(bank).ask_repeatedly(BALANCE, turn(bank)).status == 429
    assert len(bank.asked) == 3


def test_pauses_grow_and_chance_halves_them_at_most() -> None:
    slept: list[float] = []
    clock = FakeClock()
    for chance in (0.0, 1.0):
        pauses = Pauses(Deadline(clock, 6.0), slept.append, lambda chance=chance: chance)  # type: ignore[misc]
        assert pauses.take()
        assert pauses.take()

    assert slept == pytest.approx([PAUSE_SECONDS, 2 * PAUSE_SECONDS, PAUSE_SECONDS / 2, PAUSE_SECONDS])


def test_a_pause_after_which_no_time_is_left_is_not_slept() -> None:
    clock = FakeClock()
    pauses = Pauses(Deadline(clock, PAUSE_SECONDS), lambda _: pytest.fail("slept"), lambda: 0.0)

    assert not pauses.take()


def test_a_key_that_the_bank_refuses_is_read_anew() -> None:
    keys = FakeKeys("old", KEY)
    bank = MemoryBank()

    assert gateway_to(bank, keys).ask(BALANCE, turn(bank)).status == 200
    assert gateway_to(bank, keys).ask(BALANCE, turn(bank)).status == 200

    assert keys.refreshes == 1
    assert len(bank.asked) == 3


def test_it_is_read_anew_once() -> None:
    keys = FakeKeys("old", "older")
    bank = MemoryBank()

    assert gateway_to(bank, keys).ask(BALANCE, turn(bank)).status == 401

    assert keys.refreshes == 1
    assert len(bank.asked) == 2


def test_the_end_of_a_line_is_no_part_of_a_key() -> None:
    bank = MemoryBank()

    assert gateway_to(bank, FakeKeys(f" {KEY}\n")).ask(BALANCE, turn(bank)).status == 200


def test_a_key_that_comes_late_is_found() -> None:
    bank = MemoryBank()

    assert gateway_to(bank, FakeKeys(None, KEY)).ask(BALANCE, turn(bank)).status == 200


@pytest.mark.parametrize("key", [None, "", " \n", "two\nlines", "snow\N{SNOWMAN}"])
def test_without_a_usable_key_nothing_is_sent(key: str | None, capsys: pytest.CaptureFixture[str]) -> None:
    bank, breaker = MemoryBank(), Breaker(FakeClock())

    for _ in range(FAILURES):
        with pytest.raises(BankUnavailableError) as caught:
            gateway_to(bank, FakeKeys(key, key), breaker).ask(BALANCE, turn(bank))
        assert (caught.value.failure, caught.value.is_sent) == ("keyless", False)

    assert bank.asked == []
    assert breaker.enter() is not None
    assert "lines" not in capsys.readouterr().out


class BrokenKeys(FakeKeys):
    def get(self, name: str) -> str | None:
        raise UnavailableError("The secrets cannot be read at the moment.")


@dataclass
class StallingKeys(FakeKeys):
    end: threading.Event = field(default_factory=threading.Event)

    def get(self, name: str) -> str | None:
        self.end.wait(60)
        return KEY


def test_keys_that_cannot_be_read_are_as_good_as_none() -> None:
    bank = MemoryBank()

    with pytest.raises(BankUnavailableError) as caught:
        gateway_to(bank, BrokenKeys()).ask(BALANCE, turn(bank))

    assert caught.value.failure == "keyless"


def test_a_store_of_keys_that_stalls_is_not_waited_for() -> None:
    bank, keys = MemoryBank(), StallingKeys()

    with pytest.raises(BankUnavailableError) as caught:
        gateway_to(bank, keys).ask(BALANCE, turn(bank, 0.2))
    keys.end.set()

    assert caught.value.failure == "keyless"


def fail(gateway: BankGateway, bank: MemoryBank, fault: str) -> None:
    bank.faults.append(fault)
    with suppress(BankUnavailableError):
        assert gateway.ask(BALANCE, turn(bank)).status >= 500


@pytest.mark.parametrize("fault", ["unreachable", "drop_after", "late_before", "late_unsent", "503", "500_after"])
def test_a_bank_that_fails_thrice_in_a_row_is_left_alone(fault: str) -> None:
    bank = MemoryBank()
    gateway = gateway_to(bank)
    for _ in range(FAILURES):
        fail(gateway, bank, fault)
    asked, now = len(bank.asked), bank.clock.now

    with pytest.raises(BankUnavailableError) as caught:
        gateway.ask_repeatedly(BALANCE, turn(bank))

    assert (caught.value.failure, caught.value.is_sent) == ("open", False)
    assert (len(bank.asked), bank.clock.now) == (asked, now)
    bank.clock.now += OPEN_SECONDS
    assert gateway.ask(BALANCE, turn(bank)).status == 200
    assert gateway.ask(BALANCE, turn(bank)).status == 200


@pytest.mark.parametrize("fault", ["429", "404_html", "401"])
def test_a_bank_that_refuses_is_not_down(fault: str) -> None:
    bank = MemoryBank(faults=deque([fault] * 10))
    gateway = gateway_to(bank)
    for _ in range(5):
        gateway.ask(BALANCE, turn(bank))

    bank.faults.clear()
    assert gateway.ask(BALANCE, turn(bank)).status == 200


def test_calls_are_counted_and_timed(capsys: pytest.CaptureFixture[str]) -> None:
    bank = MemoryBank(faults=deque(["ok", "503", "429", "404_html", "late_before", "drop_after", "unreachable"]))
    gateway = gateway_to(bank)
    for _ in range(len(bank.faults)):
        try:
            gateway.ask(BALANCE, turn(bank))
        except BankUnavailableError:
            bank.clock.now += OPEN_SECONDS
        gateway.breaker.leave(gateway.breaker.enter() or 0, is_alive=True)

    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    calls = [line for line in lines if "BankCalls" in line]
    outcomes = ["ok", "failed", "limited", "refused", "late", "dropped", "unreachable"]
    assert [line["outcome"] for line in calls] == outcomes
    assert {line["operation"] for line in calls} == {"read_balance"}
    assert calls[0]["BankCallDuration"] == [pytest.approx(10.0)]


def test_a_breaker_that_is_open_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    bank = MemoryBank(faults=deque(["drop_before"] * FAILURES))
    gateway = gateway_to(bank)
    for _ in range(FAILURES + 1):
        with pytest.raises(BankUnavailableError):
            gateway.ask(Request("block_card", "POST", f"/cards/{CARD}/block"), turn(bank))

    assert json.loads(capsys.readouterr().out.splitlines()[-1])["outcome"] == "open"
