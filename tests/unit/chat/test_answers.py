"""Answers: one for each of the customer's turns, whatever happens meanwhile."""

from dataclasses import replace

import pytest

from chalicelib.aws.tables import RefusedError
from chalicelib.chat import handoff, persona
from chalicelib.chat.answers import RUN_SECONDS, unanswered
from chalicelib.chat.budget import SESSION_TOKENS
from chalicelib.chat.failed_turns import FailedTurn, TurnWriter
from chalicelib.chat.model import ModelError, Stop, Text, ToolUse
from chalicelib.chat.sessions import Session, session_key
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError
from tests.metric_lines import values_of
from tests.unit.chat.world import World

WISH = [ToolUse("t1", "request_human", {"reason": "Speaks only Basque"}), Stop("tool_use", 5)]


def test_an_answer_is_stored_and_shown(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.model.scripts = [[Text("Hello "), Text("there."), Stop("end_turn", 30)]]

    assert world.answering.answer(session_id, receives=1)

    assert world.said(session_id) == [("customer", "Hi"), ("bot", "Hello there.")]
    (shown,) = world.sockets.to("c1", "message")
    assert shown["message_id"] == "m1"
    assert (shown["seq"], shown["author"], shown["response_id"]) == (2, "bot", f"{session_id}:2")
    after = world.session(session_id)
    assert (after.answered, after.unsummarised, after.tokens) == (1, 2, 30)


def test_all_that_is_unanswered_is_answered_in_order(world: World) -> None:
    session_id = world.begin()
    for number in range(3):
        world.say(f"Question {number}", f"m{number}")
    world.model.scripts = [[Text(f"Answer {number}"), Stop("end_turn")] for number in range(3)]

    assert world.answering.answer(session_id, receives=1)

    assert [text for _, text in world.said(session_id)] == [
        f"{kind} {number}" for number in range(3) for kind in ("Question", "Answer")
    ]
    assert [message["role"] for message in world.model.requests[-1][1]] == ["user", "assistant"] * 2 + ["user"]


def test_more_than_the_model_s_window_may_be_unanswered(world: World) -> None:
    session_id = world.begin()
    for number in range(24):
        world.say(f"Question {number}", f"m{number}")
        world.clock.now += 2

    assert world.answering.answer(session_id, receives=1)

    assert [turn.author for turn in world.turns(session_id)] == ["customer", "bot"] * 24


def test_what_there_is_no_time_for_is_left_for_another_run(world: World) -> None:
    session_id = world.begin()
    for number in range(3):
        world.say(f"Question {number}", f"m{number}")

    def slowly() -> None:
        world.clock.now += RUN_SECONDS - 30

    world.model.scripts = [[slowly, Text("At last."), Stop("end_turn")]]

    assert not world.answering.answer(session_id, receives=1)
    assert [author for author, _ in world.said(session_id)] == ["customer", "bot", "customer", "customer"]
    assert world.answering.answer(session_id, receives=1)
    assert [author for author, _ in world.said(session_id)] == ["customer", "bot"] * 3


def test_a_run_for_nothing_does_nothing(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.answering.answer(session_id, receives=1)
    world.sockets.frames.clear()

    assert world.answering.answer(session_id, receives=1)
    assert world.answering.answer("nobody", receives=1)

    assert len(world.model.requests) == 1
    assert world.sockets.frames == []


def test_whoever_comes_again_shows_what_is_stored(world: World) -> None:
    """The one before may have died between storing and showing."""
    session_id = world.begin()
    world.say("Hi")
    world.answering.answer(session_id, receives=1)
    world.sockets.frames.clear()

    world.answering.answer(session_id, receives=2)

    assert [frame["content"] for frame in world.sockets.to("c1", "message")] == ["Hello."]
    assert len(world.model.requests) == 1


def test_a_later_run_counts_its_attempts_on(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")

    world.answering.answer(session_id, receives=2)

    assert [frame["attempt"] for frame in world.sockets.to("c1", "delta")] == [101]


def test_the_bot_is_silent_when_a_person_took_over_meanwhile(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")

    def take_over() -> None:
        world.handoffs.take(session_id, handoff.to_people("customer", ""))

    world.model.scripts = [[Text("I "), take_over, Text("think…"), Stop("end_turn")]]

    assert world.answering.answer(session_id, receives=1)

    assert [author for author, _ in world.said(session_id)] == ["customer", "system"]
    assert world.sockets.to("c1", "message") == []


def test_nothing_is_stored_of_a_session_that_has_ended_meanwhile(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.model.scripts = [[lambda: world.forget(session_id), Text("Late."), Stop("end_turn")]]

    assert world.answering.answer(session_id, receives=1)

    assert [author for author, _ in world.said(session_id)] == ["customer"]


def test_a_message_that_comes_meanwhile_changes_nothing(world: World) -> None:
    session_id = world.begin()
    world.say("One", "m1")
    world.model.scripts = [[*WISH[:1], lambda: world.say("Two", "m2"), *WISH[1:]], [Text("Wait."), Stop("end_turn")]]

    world.answering.answer(session_id, receives=1)

    assert [text for _, text in world.said(session_id)][:3] == ["One", "Wait.", "Two"]
    assert [author for author, _ in world.said(session_id)] == ["customer", "bot", "customer", "system"]


def test_another_answer_that_was_first_counts(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    first = Turn(2, "bot", "First.", int(world.clock()), message_id="m1", response_id="r")

    def overtake() -> None:
        TurnWriter(world.table, world.clock)._write(FailedTurn(session_id, first))

    world.model.scripts = [[Text("Second."), overtake, Stop("end_turn")]]

    world.answering.answer(session_id, receives=1)

    assert world.said(session_id) == [("customer", "Hi"), ("bot", "First.")]
    assert [frame["content"] for frame in world.sockets.to("c1", "message")] == ["First."]


def test_the_model_s_wish_for_a_person_is_granted_with_its_answer(world: World) -> None:
    session_id = world.begin()
    world.say("A person, please")
    world.model.scripts = [WISH, [Text("Somebody comes."), Stop("end_turn", 7)]]

    world.answering.answer(session_id, receives=1)

    assert [author for author, _ in world.said(session_id)] == ["customer", "bot", "system"]
    after = world.session(session_id)
    assert (after.status, after.answered, after.tokens) == ("waiting", 1, 12)
    assert [entry["reason"] for entry in world.handoffs.entries()] == ["Speaks only Basque"]
    frames = world.sockets.to("c1", "message", "handoff")
    assert [frame.get("author", frame.get("status")) for frame in frames] == ["bot", "system", "waiting"]


def test_what_was_said_to_a_person_is_not_answered_when_they_leave(world: World) -> None:
    session_id = world.begin()
    world.send(action="request_human")
    world.say("Anybody there?", "m1")
    world.set_meta(session_id, status="handoff", agent="Ann")
    world.say("My parcel is wet.", "m2")
    world.clock.now += 1
    world.handoffs.take(session_id, handoff.give_back("Ann"))
    world.say("Thanks, bot.", "m3")

    world.answering.answer(session_id, receives=1)

    bot = [turn for turn in world.turns(session_id) if turn.author == "bot"]
    assert [turn.message_id for turn in bot] == ["m3"]


class TestTheTableRefuses:
    def test_the_answer_is_given_away_and_waited_for(self, world: World) -> None:
        session_id = world.begin()
        world.say("Hi")
        world.requests.errors["transact_write_items"] = [RefusedError("no leave")]
        writer = TurnWriter(world.table, world.clock)
        world.failed_turns.then = writer._write

        assert world.answering.answer(session_id, receives=1)

        assert world.said(session_id) == [("customer", "Hi"), ("bot", "Hello.")]
        assert [frame["content"] for frame in world.sockets.to("c1", "message")] == ["Hello."]

    def test_a_wish_for_a_person_is_not_forgotten(self, world: World) -> None:
        session_id = world.begin()
        world.say("A person!")
        world.model.scripts = [WISH, [Text("Somebody comes."), Stop("end_turn")]]
        world.requests.errors["transact_write_items"] = [RefusedError("no leave")]
        world.failed_turns.then = TurnWriter(world.table, world.clock)._write

        world.answering.answer(session_id, receives=1)

        assert world.session(session_id).status == "waiting"
        assert [author for author, _ in world.said(session_id)] == ["customer", "bot", "system"]

    def test_what_never_comes_is_tried_again(self, world: World) -> None:
        session_id = world.begin()
        world.say("Hi")
        world.requests.errors["transact_write_items"] = [RefusedError("no leave")]
        before = world.clock()

        with pytest.raises(UnavailableError):
            world.answering.answer(session_id, receives=1)

        assert world.failed_turns.kept[0].turn.seq == 2
        assert world.clock() - before < 10


class TestApologies:
    def test_the_first_unanswered_turn_gets_one(self, world: World) -> None:
        session_id = world.begin()
        world.say("One", "m1")
        world.say("Two", "m2")

        assert not world.answering.apologise(session_id)
        assert world.said(session_id) == [("customer", "One"), ("bot", persona.APOLOGY), ("customer", "Two")]
        assert world.answering.apologise(session_id)
        assert world.answering.apologise(session_id)
        assert [author for author, _ in world.said(session_id)] == ["customer", "bot"] * 2

    def test_none_for_a_session_that_is_no_longer_the_assistant_s(self, world: World) -> None:
        session_id = world.begin()
        world.say("One")
        world.send(action="request_human")

        assert world.answering.apologise(session_id)
        assert world.answering.apologise("nobody")

        assert [author for author, _ in world.said(session_id)] == ["customer", "system"]

    def test_a_model_that_fails_has_one_stored(self, world: World) -> None:
        session_id = world.begin()
        world.say("Hi")
        world.model.scripts = [[ModelError("ThrottlingException", retryable=True)]] * 3

        assert world.answering.answer(session_id, receives=1)

        assert world.said(session_id)[-1] == ("bot", persona.APOLOGY)


def test_a_session_that_has_cost_enough_asks_the_model_no_more(world: World) -> None:
    session_id = world.begin()
    world.set_meta(session_id, tokens=SESSION_TOKENS)
    world.say("Hi")

    world.answering.answer(session_id, receives=1)

    assert world.said(session_id)[-1] == ("bot", persona.TIRED)
    assert world.model.requests == []


def test_beyond_the_days_ceiling_nobody_is_asked(world: World) -> None:
    session_id = world.begin()
    world.budget.add(1_000_000)
    world.say("Hi")

    world.answering.answer(session_id, receives=1)

    assert world.said(session_id)[-1] == ("bot", persona.EXHAUSTED)
    assert world.model.requests == []


def test_refusals_ask_for_no_summary(world: World) -> None:
    session_id = world.begin()
    world.set_meta(session_id, tokens=SESSION_TOKENS, unsummarised=20)
    world.say("Hi")

    world.answering.answer(session_id, receives=1)

    meta = world.table.get(session_key(session_id)) or {}
    assert (meta["unsummarised"], "summarise" in meta) == (22, False)


def test_what_an_answer_cost_is_known_even_when_it_is_not_stored(world: World) -> None:
    world.begin()
    world.say("Hi")
    world.model.scripts = [[Text("Hello."), Stop("end_turn", 1_000_000)]]
    world.requests.errors["transact_write_items"] = [RefusedError("no leave")]

    with pytest.raises(UnavailableError):
        world.answering.answer("session-1", receives=1)

    assert world.budget.refusal(0) == persona.EXHAUSTED


def test_a_customer_who_is_gone_finds_the_answer_in_the_history(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.sockets.gone.add("c1")

    world.answering.answer(session_id, receives=1)

    assert world.said(session_id)[-1] == ("bot", "Hello.")


def test_a_customer_who_cannot_be_told_is_told_by_the_next_run(world: World) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.sockets.broken.add("c1")

    with pytest.raises(UnavailableError):
        world.answering.answer(session_id, receives=1)
    world.sockets.broken.clear()
    world.answering.answer(session_id, receives=2)

    assert [frame["content"] for frame in world.sockets.to("c1", "message")] == ["Hello."]
    assert len(world.model.requests) == 1


def test_orders_are_asked_for_with_what_is_proven(world: World) -> None:
    arguments = {"number": 1001, "email": ["no text"], "customer_id": "somebody else"}
    for customer_id, connection_id in (("7001", "c1"), ("anonymous", "c2")):
        session_id = world.begin(connection_id)
        world.set_meta(session_id, customer_id=customer_id)
        world.say("Where is it?", connection_id=connection_id)
        world.model.scripts = [
            [ToolUse("t", "look_up_order", arguments), Stop("tool_use")],
            [Text("."), Stop("end_turn")],
        ]
        world.answering.answer(session_id, receives=1)

    assert world.orders.asked == [
        {"number": "1001", "customer_id": "7001", "email": None},
        {"number": "1001", "customer_id": None, "email": None},
    ]


def test_unanswered_turns() -> None:
    turns = [
        Turn(1, "customer", "x", 0),
        Turn(2, "bot", "x", 0),
        Turn(3, "customer", "x", 0),
        Turn(5, "customer", "x", 0),
    ]
    base = Session("s", "anonymous", "active", 6, 1, 0, 0, 0, 0, 0)
    assert [turn.seq for turn in unanswered(base, turns)] == [3, 5]
    assert [turn.seq for turn in unanswered(base, [*turns[:3], Turn(4, "agent", "x", 0), turns[3]])] == [5]
    assert unanswered(replace(base, answered=5), turns) == []


class TestTheFirstDelta:
    def answer(self, world: World, *, waits: float, queued_after: float = 0.2) -> None:
        """A question and its answer, which begins after so many seconds; it was queued a moment after it was taken."""
        session_id = world.begin()
        world.say("Hi")
        queued_at = world.clock.now + queued_after
        world.model.scripts = [[lambda: world.sleep(waits), Text("Hello."), lambda: world.sleep(9), Stop("end_turn")]]

        world.answering.answer(session_id, receives=1, queued_at=queued_at)

    def test_is_timed_from_the_queue(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.answer(world, waits=1.7)

        assert values_of(capsys.readouterr().out, "FirstDeltaTime") == [pytest.approx(1_500)]

    def test_or_from_its_turn_when_that_came_later(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.answer(world, waits=1.7, queued_after=-60)

        assert values_of(capsys.readouterr().out, "FirstDeltaTime") == [pytest.approx(1_700)]

    def test_is_none_for_who_is_gone(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        world.sockets.gone.add("c1")
        self.answer(world, waits=1)

        assert values_of(capsys.readouterr().out, "FirstDeltaTime") == []


def test_apologies_are_counted(world: World, capsys: pytest.CaptureFixture[str]) -> None:
    session_id = world.begin()
    world.say("Hi")
    world.model.scripts = [[ModelError("ThrottlingException", retryable=True)]] * 3
    world.answering.answer(session_id, receives=1)
    world.say("Anybody?", "m2")
    world.answering.apologise(session_id)
    world.answering.apologise(session_id)

    assert values_of(capsys.readouterr().out, "Apologies") == [1, 1]
