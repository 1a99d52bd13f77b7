from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest

from chalicelib.aws.streams import Change
from chalicelib.aws.tables import put, update
from chalicelib.chat import handoff
from chalicelib.chat.budget import SESSION_TOKENS, Budget
from chalicelib.chat.model import ModelError, ModelEvent, Stop, Text
from chalicelib.chat.prompt import Message
from chalicelib.chat.sessions import session_key
from chalicelib.chat.summaries import CLAIM_SECONDS, MAX_TOKENS, Summaries, Summarizing, count_answer
from chalicelib.chat.turns import Turn, decompress
from chalicelib.errors import UnavailableError
from tests.unit.chat.place import Place, open_place

FLAGGED = Change("1", "MODIFY", {"PK": "SESSION#s1", "SK": "META"}, {"summarise": True})


@dataclass
class FakeModel:
    """Answers with the number of the request; ``meanwhile`` happens while it thinks, ``fails`` ends each attempt."""

    meanwhile: Callable[[], Any] = lambda: None
    fails: str = ""
    told: list[str] = field(default_factory=list)

    def stream(
        self, system: str, messages: Sequence[Message], tools: Sequence[Mapping[str, Any]] = ()
    ) -> Iterator[ModelEvent]:
        self.told.append(messages[0]["content"][0]["text"])
        self.meanwhile()
        if self.fails == "breaks":
            raise ModelError("It broke.", retryable=True)
        yield Text("" if self.fails == "is empty" else f"Summary {len(self.told)}")
        if self.fails == "ends early":
            raise ModelError("It broke.", retryable=True)
        yield Stop("guardrail_intervened" if self.fails == "is filtered" else "end_turn", 700)


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        place.open()
        yield place


def talk(place: Place, times: int) -> None:
    """Questions and their answers, as ``answer_messages`` stores them."""
    for _ in range(times):
        turn = place.say(f"Question {place.session().seq}")
        answer(place, turn)


def answer(place: Place, turn: Turn) -> None:
    changes = {"answered": turn.seq, **count_answer(place.session())}
    expression = "SET " + ", ".join(f"{name} = :{name}" for name in changes)
    reply = Turn(turn.seq + 1, "bot", f"Answer to {turn.content}", int(place.clock()))
    place.table.transact(put(reply.to_item("s1")), update(session_key("s1"), expression, **changes))


def summarise(place: Place, model: FakeModel, budget: Budget | None = None) -> None:
    budget = budget or Budget(place.table, place.clock, daily=1_000_000)
    Summarizing(place.sessions, Summaries(place.table), model, budget, place.clock).handle(FLAGGED)


def summaries(place: Place) -> list[tuple[int, int, str]]:
    return [(item["from"], item["to"], decompress(item)) for item in place.items("SUMMARY#")]


def is_flagged(place: Place) -> bool:
    return bool((place.table.get(session_key("s1")) or {}).get("summarise"))


def test_ten_turns_make_a_summary_and_the_next_one_goes_on_from_it(place: Place) -> None:
    model = FakeModel()
    talk(place, 5)
    assert is_flagged(place)

    summarise(place, model)
    assert not is_flagged(place)
    talk(place, 5)
    summarise(place, model)

    assert summaries(place) == [(1, 10, "Summary 1"), (11, 20, "Summary 2")]
    assert "Summary so far:\nSummary 1" in model.told[1]
    assert "Customer: Question 10" in model.told[1]
    assert "Question 8" not in model.told[1]
    session = place.session()
    assert (session.summary_upto, session.unsummarised) == (20, 0)
    assert Summaries(place.table).latest(session.session_id) == "Summary 2"


def test_the_same_record_again_makes_no_second_summary(place: Place) -> None:
    model = FakeModel()
    talk(place, 5)

    for _ in range(3):
        summarise(place, model)

    assert len(model.told) == 1
    assert len(summaries(place)) == 1


def test_two_at_once_ask_the_model_once(place: Place) -> None:
    second = FakeModel()
    talk(place, 5)

    summarise(place, FakeModel(meanwhile=lambda: summarise(place, second)))

    assert second.told == []
    assert len(summaries(place)) == 1


def test_who_comes_after_the_claim_has_run_out_wins_and_the_slow_one_stores_nothing(place: Place) -> None:
    talk(place, 5)

    def overtake() -> None:
        place.clock.now += CLAIM_SECONDS + 1
        talk(place, 1)
        summarise(place, FakeModel())

    began = place.clock.now  # a clock that stands still hides from the slow one how slow it is
    model = FakeModel(meanwhile=overtake)
    budget = Budget(place.table, place.clock, daily=1_000_000)
    Summarizing(place.sessions, Summaries(place.table), model, budget, lambda: began).handle(FLAGGED)

    assert [one[:2] for one in summaries(place)] == [(1, 12)]
    assert (place.session().summary_upto, place.session().unsummarised) == (12, 0)


def test_turns_that_come_while_the_model_thinks_belong_to_the_next_one(place: Place) -> None:
    talk(place, 5)

    summarise(place, FakeModel(meanwhile=lambda: talk(place, 2)))

    assert [one[:2] for one in summaries(place)] == [(1, 10)]
    assert (place.session().unsummarised, is_flagged(place)) == (4, False)


def test_much_that_comes_meanwhile_keeps_the_flag(place: Place) -> None:
    talk(place, 5)

    summarise(place, FakeModel(meanwhile=lambda: talk(place, 5)))
    assert (place.session().unsummarised, is_flagged(place)) == (10, True)
    summarise(place, FakeModel())

    assert [one[:2] for one in summaries(place)] == [(1, 10), (11, 20)]
    assert not is_flagged(place)


@pytest.mark.parametrize("fails", ["breaks", "is empty", "is filtered"])
def test_a_model_that_fails_leaves_the_flag_for_the_next_answer(place: Place, fails: str) -> None:
    talk(place, 5)

    summarise(place, FakeModel(fails=fails))
    assert is_flagged(place)
    assert summaries(place) == []
    place.clock.now += CLAIM_SECONDS + 1
    talk(place, 1)
    summarise(place, FakeModel())

    assert [one[:2] for one in summaries(place)] == [(1, 12)]


def test_a_summary_adds_to_both_ceilings(place: Place) -> None:
    budget = Budget(place.table, place.clock, daily=700)
    talk(place, 5)

    summarise(place, FakeModel(), budget)

    assert place.session().tokens == 700
    assert budget.refusal(0), "the day is over"


@pytest.mark.parametrize(("fails", "least"), [("breaks", 0), ("ends early", 60), ("is filtered", 700)])
def test_one_that_fails_adds_what_it_cost(place: Place, fails: str, least: int) -> None:
    talk(place, 5)

    summarise(place, FakeModel(fails=fails))

    assert least <= place.session().tokens <= least * 10


@pytest.mark.parametrize("ceiling", ["day", "session"])
def test_beyond_the_ceilings_the_model_is_not_asked(place: Place, ceiling: str) -> None:
    budget, model = Budget(place.table, place.clock, daily=1000), FakeModel()
    talk(place, 5)
    if ceiling == "day":
        budget.add(1000)
    else:
        place.table.write(update(session_key("s1"), "SET tokens = :all", all=SESSION_TOKENS))

    summarise(place, model, budget)

    assert model.told == []
    assert is_flagged(place)


def test_whoever_dies_behind_the_claim_is_followed_by_another(place: Place) -> None:
    talk(place, 5)

    def die() -> None:
        raise UnavailableError("Killed.")

    with pytest.raises(UnavailableError):
        summarise(place, FakeModel(meanwhile=die))
    summarise(place, FakeModel())
    assert summaries(place) == []
    place.clock.now += CLAIM_SECONDS + 1
    summarise(place, FakeModel())

    assert [one[:2] for one in summaries(place)] == [(1, 10)]


def test_a_session_that_ended_meanwhile_gets_none(place: Place) -> None:
    talk(place, 5)
    gone = [{"PK": "SESSION#s1", "SK": "META"}]

    summarise(place, FakeModel(meanwhile=lambda: place.table.write_batch(deletes=gone)))
    summarise(place, FakeModel())

    assert summaries(place) == []


def test_what_people_said_is_summarised_too(place: Place) -> None:
    place.on_duty("ana")
    place.desk.take("s1", handoff.to_people("customer", ""))
    place.do("ana", "claim")
    for number in range(5):
        place.say(f"Question {number}")
        place.do("ana", "message", message_id=f"m{number}", content=f"Reply {number}")
    model = FakeModel()

    summarise(place, model)

    ((first, last, _),) = summaries(place)
    assert (first, last) == (1, place.session().seq)
    assert "Person of the team: Reply 4" in model.told[0]
    place.do("ana", "claim")
    assert place.socket.frames("ana", "conversation")[-1]["summary"] == "Summary 1"


def test_more_than_one_summary_can_hold_makes_two(place: Place) -> None:
    long = "x" * 4 * (MAX_TOKENS // 7)
    for _ in range(5):
        turn = place.say(long)
        answer(place, turn)

    summarise(place, FakeModel())
    assert (is_flagged(place), place.session().unsummarised) == (False, 4)
    answer(place, place.say("And?"))
    place.table.write(update(session_key("s1"), "SET summarise = :yes", yes=True))
    summarise(place, FakeModel())

    assert [one[:2] for one in summaries(place)] == [(1, 6), (7, 12)]
