"""Messages: stored once, in order, and no faster than anybody can read."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.chat.messages import (
    MESSAGE_BURST_MS,
    MESSAGE_INTERVAL_MS,
    Messages,
    RateLimitedError,
    next_allowed,
)
from chalicelib.chat.sessions import IDLE_SECONDS, LONGEST_SECONDS, Connection, SessionClosedError
from chalicelib.errors import UnauthorizedError, UnavailableError
from tests.builders import NOW
from tests.unit.chat.world import World

BURST = MESSAGE_BURST_MS // MESSAGE_INTERVAL_MS


@pytest.fixture
def session_id(world: World) -> str:
    return world.begin()


@pytest.fixture
def messages(world: World) -> Messages:
    return Messages(world.table, world.clock)


@pytest.fixture
def mine(session_id: str) -> Connection:
    return Connection("c1", session_id)


def test_one_claims_two_numbers(world: World, messages: Messages, mine: Connection, session_id: str) -> None:
    first, second = messages.add(mine, "m1", "One"), messages.add(mine, "m2", "Two")

    assert (first.turn.seq, second.turn.seq, world.session(session_id).seq) == (1, 3, 4)
    assert first.is_new
    assert [turn.content for turn in world.turns(session_id)] == ["One", "Two"]


def test_a_repeated_one_changes_nothing(world: World, messages: Messages, mine: Connection, session_id: str) -> None:
    messages.add(mine, "m1", "One")
    before = world.session(session_id)

    again = messages.add(mine, "m1", "Other words")

    assert (again.turn.seq, again.is_new) == (1, False)
    assert world.session(session_id) == before
    assert [turn.content for turn in world.turns(session_id)] == ["One"]


def test_one_that_another_overtakes_takes_the_next_number(
    world: World, messages: Messages, mine: Connection, session_id: str
) -> None:
    transact = world.table.client.client.transact_write_items

    class Overtaken:
        """Another message is stored between the look at META and the transaction."""

        done = False

        def __getattr__(self, name: str) -> Any:
            return getattr(world.client, name)

        def transact_write_items(self, **request: Any) -> Any:
            if not self.done:
                self.done = True
                messages.add(mine, "other", "First")
            return transact(**request)

    world.requests.client = Overtaken()

    added = messages.add(mine, "m1", "Second")

    assert added.turn.seq == 3
    assert [turn.content for turn in world.turns(session_id)] == ["First", "Second"]


def test_a_number_that_is_taken_is_not_overwritten(
    world: World, messages: Messages, mine: Connection, session_id: str
) -> None:
    messages.add(mine, "m1", "One")
    world.set_meta(session_id, seq=0)

    with pytest.raises(UnavailableError):
        messages.add(mine, "m2", "Two")

    assert [turn.content for turn in world.turns(session_id)] == ["One"]


class TestRefusals:
    @pytest.mark.parametrize(
        ("meta", "error"),
        [
            ({"ttl": int(NOW)}, SessionClosedError),
            ({"status": "closed"}, SessionClosedError),
            ({"connection_id": "c2"}, UnauthorizedError),
            ({"allowed_at": int(NOW * 1000) + MESSAGE_BURST_MS}, RateLimitedError),
        ],
    )
    def test_nothing_is_stored(
        self,
        world: World,
        messages: Messages,
        mine: Connection,
        session_id: str,
        meta: dict[str, Any],
        error: type[Exception],
    ) -> None:
        world.set_meta(session_id, **meta)

        with pytest.raises(error):
            messages.add(mine, "m1", "One")

        assert world.turns(session_id) == []

    def test_nothing_is_stored_without_meta(self, world: World, messages: Messages, mine: Connection) -> None:
        world.forget(str(mine.session_id))
        with pytest.raises(SessionClosedError):
            messages.add(mine, "m1", "One")

    @pytest.mark.parametrize("meta", [{"status": "closed"}, {"allowed_at": int(NOW * 1000) + MESSAGE_BURST_MS}])
    def test_a_repeated_one_is_known_all_the_same(
        self, world: World, messages: Messages, mine: Connection, session_id: str, meta: dict[str, Any]
    ) -> None:
        messages.add(mine, "m1", "One")
        world.set_meta(session_id, **meta)

        assert not messages.add(mine, "m1", "One").is_new


class TestTheRate:
    def test_a_burst_and_then_one_after_the_other(self, world: World, messages: Messages, mine: Connection) -> None:
        for number in range(BURST):
            messages.add(mine, f"m{number}", "x")
        with pytest.raises(RateLimitedError):
            messages.add(mine, "more", "x")

        world.clock.now += MESSAGE_INTERVAL_MS / 1000
        messages.add(mine, "more", "x")
        with pytest.raises(RateLimitedError):
            messages.add(mine, "still more", "x")

    @given(st.lists(st.integers(0, 10_000), min_size=1, max_size=80))
    def test_no_minute_has_more_than_it_may(self, pauses: list[int]) -> None:
        now, allowed_at, taken = 0, 0, list[int]()
        for pause in pauses:
            now += pause
            if (following := next_allowed(allowed_at, now)) is not None:
                allowed_at = following
                taken.append(now)

        for since in taken:
            assert sum(since <= at <= since + 60_000 for at in taken) <= BURST + 60_000 / MESSAGE_INTERVAL_MS
        assert len(taken) == len(pauses) or len(taken) >= BURST


def test_a_session_lives_on_for_a_day_and_no_longer_than_a_week(
    world: World, messages: Messages, mine: Connection, session_id: str
) -> None:
    world.clock.now += 1_000
    messages.add(mine, "m1", "x")
    assert world.session(session_id).ttl == int(NOW) + 1_000 + IDLE_SECONDS

    world.set_meta(session_id, ttl=int(NOW) + LONGEST_SECONDS)
    world.clock.now = NOW + LONGEST_SECONDS - 60
    messages.add(mine, "m2", "x")
    assert world.session(session_id).ttl == int(NOW) + LONGEST_SECONDS
