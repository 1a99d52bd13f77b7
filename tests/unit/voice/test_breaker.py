import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.voice.breaker import FAILURES, OPEN_SECONDS, Breaker
from tests.fakes import FakeClock


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock(1000.0)


@pytest.fixture
def breaker(clock: FakeClock) -> Breaker:
    return Breaker(clock)


def ask(breaker: Breaker, *, is_alive: bool) -> bool:
    """Make a request, if the breaker lets it; whether it did."""
    era = breaker.enter()
    if era is None:
        return False
    breaker.leave(era, is_alive=is_alive)
    return True


def open_it(breaker: Breaker) -> None:
    for _ in range(FAILURES):
        assert ask(breaker, is_alive=False)


def test_it_opens_after_failures_in_a_row(breaker: Breaker) -> None:
    open_it(breaker)

    assert not ask(breaker, is_alive=True)


def test_a_success_between_them_starts_the_count_anew(breaker: Breaker) -> None:
    for _ in range(5):
        for _ in range(FAILURES - 1):
            assert ask(breaker, is_alive=False)
        assert ask(breaker, is_alive=True)


def test_it_stays_open_for_its_time(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)

    clock.now += OPEN_SECONDS - 0.1
    assert not ask(breaker, is_alive=True)
    clock.now += 0.1
    assert ask(breaker, is_alive=True)


def test_one_probe_goes_first(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.now += OPEN_SECONDS

    probe = breaker.enter()

    assert probe is not None
    assert breaker.enter() is None
    breaker.leave(probe, is_alive=True)
    assert ask(breaker, is_alive=True)


def test_a_probe_that_fails_opens_it_again(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.now += OPEN_SECONDS
    assert ask(breaker, is_alive=False)

    clock.now += OPEN_SECONDS - 0.1
    assert not ask(breaker, is_alive=True)
    clock.now += 0.1
    assert ask(breaker, is_alive=True)


def test_after_a_good_probe_it_takes_as_many_failures_as_ever(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.now += OPEN_SECONDS
    assert ask(breaker, is_alive=True)

    open_it(breaker)
    assert not ask(breaker, is_alive=True)


def test_answers_to_what_was_asked_before_change_nothing(breaker: Breaker, clock: FakeClock) -> None:
    slow, dead = breaker.enter(), breaker.enter()
    assert slow is not None
    assert dead is not None
    open_it(breaker)

    breaker.leave(slow, is_alive=True)
    assert breaker.enter() is None

    clock.now += OPEN_SECONDS
    probe = breaker.enter()
    assert probe is not None
    breaker.leave(dead, is_alive=False)
    assert breaker.enter() is None
    breaker.leave(probe, is_alive=True)
    assert ask(breaker, is_alive=True)


def test_of_many_threads_one_probes(breaker: Breaker, clock: FakeClock) -> None:
    open_it(breaker)
    clock.now += OPEN_SECONDS
    together = threading.Barrier(16)

    def enter(_: int) -> int | None:
        together.wait(60)
        return breaker.enter()

    with ThreadPoolExecutor(16) as pool:
        admitted = [era for era in pool.map(enter, range(16)) if era is not None]

    assert len(admitted) == 1


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 60)), max_size=60))
def test_it_never_refuses_for_longer_than_its_time(steps: list[tuple[bool, int]]) -> None:
    clock = FakeClock()
    breaker = Breaker(clock)
    for is_alive, pause in steps:
        ask(breaker, is_alive=is_alive)
        clock.now += pause
    clock.now += OPEN_SECONDS

    assert ask(breaker, is_alive=True)
    assert ask(breaker, is_alive=True)
