"""Deltas: few, in order, and whole for whoever comes back."""

import pytest

from chalicelib.chat.deltas import LOOK_SECONDS, DeltaSender, Pace
from tests.unit.chat.world import World

WORDS = "It takes two to four working days. "


@pytest.fixture
def session_id(world: World) -> str:
    return world.begin()


def sender_of(world: World, session_id: str, run: int = 0) -> DeltaSender:
    sender = DeltaSender(world.sockets, world.sessions, world.session(session_id), "m1", world.clock, run=run)
    sender.begin()
    return sender


def say(world: World, sender: DeltaSender, text: str, seconds: float = 0.0) -> None:
    """Say a text, word by word, in so many seconds."""
    words = text.split(" ")
    for word in words:
        sender.add(word + " ")
        world.clock.now += seconds / len(words)
    sender.flush()


def shown(world: World, connection_id: str = "c1") -> dict[int, str]:
    """The text of each attempt, whose indexes must be without a gap."""
    texts: dict[int, str] = {}
    for attempt in {frame["attempt"]: 0 for frame in world.sockets.to(connection_id, "delta")}:
        frames = [frame for frame in world.sockets.to(connection_id, "delta") if frame["attempt"] == attempt]
        assert [frame["index"] for frame in frames] == list(range(len(frames)))
        texts[attempt] = "".join(frame["text"] for frame in frames)
    return texts


@pytest.mark.parametrize(("length", "seconds", "least", "most"), [(600, 1, 8, 16), (600, 5, 8, 18), (4_000, 6, 12, 28)])
def test_about_fifteen_an_answer(
    world: World, session_id: str, length: int, seconds: float, least: int, most: int
) -> None:
    text = (WORDS * 200)[:length]

    say(world, sender_of(world, session_id), text, seconds)

    assert least <= len(world.sockets.to("c1", "delta")) <= most
    assert shown(world) == {1: text + " "}


def test_an_answer_that_comes_at_once_is_not_cut_up(world: World, session_id: str) -> None:
    say(world, sender_of(world, session_id), WORDS * 20)
    assert len(world.sockets.to("c1", "delta")) == 2
    assert shown(world) == {1: WORDS * 20 + " "}


def test_the_first_word_is_shown_at_once(world: World, session_id: str) -> None:
    sender_of(world, session_id).add("It")
    assert shown(world) == {1: "It"}


def test_nothing_is_held_back_for_long(world: World, session_id: str) -> None:
    sender = sender_of(world, session_id)
    sender.add("It ")
    sender.add("takes ")
    assert shown(world) == {1: "It "}

    world.clock.now += Pace().seconds
    sender.add("two ")

    assert shown(world) == {1: "It takes two "}


def test_the_pace_can_be_chosen(world: World, session_id: str) -> None:
    session = world.session(session_id)
    sender = DeltaSender(world.sockets, world.sessions, session, "m1", world.clock, pace=Pace(characters=10_000))
    sender.begin()

    say(world, sender, WORDS * 20, 0.5)

    assert len(world.sockets.to("c1", "delta")) == 2


def test_a_new_attempt_begins_anew(world: World, session_id: str) -> None:
    sender = sender_of(world, session_id)
    say(world, sender, WORDS)
    sender.begin()
    say(world, sender, "Sorry.")

    assert shown(world) == {1: WORDS + " ", 2: "Sorry. "}


def test_a_later_run_counts_on(world: World, session_id: str) -> None:
    sender_of(world, session_id, run=2).add("It")
    assert shown(world) == {201: "It"}


def test_one_who_took_over_gets_all_of_it(world: World, session_id: str) -> None:
    sender = sender_of(world, session_id)
    say(world, sender, WORDS)
    world.sockets.gone.add("c1")
    world.set_meta(session_id, connection_id="c2")

    say(world, sender, "And more.")

    assert shown(world, "c2") == {2: WORDS + " And more. "}


def test_one_who_comes_back_later_gets_all_of_it(world: World, session_id: str) -> None:
    sender = sender_of(world, session_id)
    say(world, sender, WORDS)
    world.sockets.gone.add("c1")
    say(world, sender, WORDS * 5)
    looked = world.requests.made.count("get_item")
    say(world, sender, WORDS * 5)
    assert world.requests.made.count("get_item") == looked, "not at every word"

    world.set_meta(session_id, connection_id="c2")
    world.clock.now += LOOK_SECONDS
    say(world, sender, "The end.")

    (text,) = shown(world, "c2").values()
    assert text.startswith(WORDS)
    assert text.endswith("The end. ")


def test_one_who_is_gone_stops_nothing(world: World, session_id: str) -> None:
    world.forget(session_id)
    sender = DeltaSender(world.sockets, world.sessions, world.sessions.open("x", None, "t"), "m1", world.clock)
    sender.begin()

    say(world, sender, WORDS)

    assert world.sockets.frames == []


def test_a_delta_that_is_lost_leaves_a_gap_and_stops_nothing(world: World, session_id: str) -> None:
    sender = sender_of(world, session_id)
    world.sockets.broken.add("c1")
    say(world, sender, WORDS)
    world.sockets.broken.clear()

    say(world, sender, "More.")

    assert world.sockets.to("c1", "delta")[0]["index"] > 0
