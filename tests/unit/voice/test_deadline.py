import subprocess
import sys
import threading

import pytest

from chalicelib.voice.deadline import BUDGET_SECONDS, RESERVE_SECONDS, Deadline, run_within
from tests.fakes import FakeClock


def test_a_turn_has_its_budget() -> None:
    deadline = Deadline.of_turn(FakeClock(100.0), 30_000)

    assert deadline.left() == pytest.approx(BUDGET_SECONDS)


def test_a_function_that_ends_soon_leaves_less() -> None:
    deadline = Deadline.of_turn(FakeClock(100.0), 3_000)

    assert deadline.left() == pytest.approx(3.0 - RESERVE_SECONDS)


def test_what_is_left_shrinks_and_is_never_negative() -> None:
    clock = FakeClock(100.0)
    deadline = Deadline(clock, 102.0)

    clock.now = 101.5
    assert deadline.left() == pytest.approx(0.5)
    assert deadline.earlier(0.2).left() == pytest.approx(0.3)
    assert deadline.earlier(1.0).left() == 0
    clock.now = 200.0
    assert deadline.left() == 0


def test_a_function_without_time_leaves_none() -> None:
    assert Deadline.of_turn(FakeClock(100.0), 100).left() == 0


def test_work_in_time_returns_or_raises() -> None:
    def fail() -> None:
        raise LookupError("no")

    assert run_within(10, lambda: 7) == 7
    with pytest.raises(LookupError, match="no"):
        run_within(10, fail)


def test_late_work_is_not_waited_for() -> None:
    end = threading.Event()

    with pytest.raises(TimeoutError):
        run_within(0.01, end.wait)

    end.set()


def test_late_work_does_not_keep_the_process_alive() -> None:
    script = """
import time
from chalicelib.voice.deadline import run_within
try:
    run_within(0.01, lambda: time.sleep(600))
except TimeoutError:
    print("late")
"""

    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)

    assert ended.stdout == "late\n"
