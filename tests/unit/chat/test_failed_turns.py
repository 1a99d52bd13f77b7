import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest

from chalicelib.aws.batches import QueueMessage
from chalicelib.aws.tables import Item, Table, Write
from chalicelib.chat import handoff
from chalicelib.chat.failed_turns import FailedTurn, FailedTurnQueue, TurnWriter
from chalicelib.chat.sessions import session_key
from chalicelib.chat.turns import Turn
from chalicelib.errors import UnavailableError
from tests.builders import NOW
from tests.fakes import FakeQueue
from tests.unit.chat.place import Place, open_place


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        place.open()
        yield place


def failed(turn: Turn, session_id: str = "s1") -> FailedTurn:
    return FailedTurn(session_id, Turn(turn.seq + 1, "bot", "It ships today.", int(NOW), turn.message_id, "r1"))


def message(body: str, number: int = 0) -> QueueMessage:
    return QueueMessage(f"message-{number}", body, datetime.fromtimestamp(NOW, UTC), 1)


def write(place: Place, *bodies: str) -> list[str]:
    messages = [message(body, number) for number, body in enumerate(bodies)]
    return TurnWriter(place.table, place.clock).write(messages)


def outcomes(capsys: pytest.CaptureFixture[str]) -> list[str]:
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    return [line["outcome"] for line in lines if "FailedTurns" in line]


def test_a_turn_survives_its_way_through_the_queue() -> None:
    queue = FakeQueue()
    kept = failed(Turn(1, "customer", "x", 0, "m1"))

    FailedTurnQueue(queue).keep(kept)

    ((group, body),) = queue.sent
    assert group == "s1"
    assert FailedTurn.from_message(body) == kept


def test_a_failed_turn_is_stored_and_noted(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    turn = place.say("Where is it?")

    assert write(place, failed(turn).to_message()) == []

    assert place.told() == [("customer", "Where is it?"), ("bot", "It ships today.")]
    session = place.session()
    assert (session.answered, session.unsummarised) == (turn.seq, 2)
    assert outcomes(capsys) == ["stored"]


def test_a_duplicate_is_a_success(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    body = failed(place.say("Where is it?")).to_message()

    assert write(place, body, body) == []
    assert write(place, body) == []

    assert outcomes(capsys) == ["stored", "duplicate", "duplicate"]
    assert place.session().unsummarised == 2


def test_what_cannot_be_read_comes_back_alone(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    good = failed(place.say("Where is it?")).to_message()

    assert write(place, "rubbish", good, "{}", '{"session_id": "s1"}') == ["message-0", "message-2", "message-3"]

    assert outcomes(capsys) == ["failed", "stored", "failed", "failed"]
    assert len(place.told()) == 2


@pytest.mark.parametrize("is_deleted", [True, False])
def test_a_turn_of_a_session_that_is_gone_is_dropped(
    place: Place, capsys: pytest.CaptureFixture[str], is_deleted: bool
) -> None:
    body = failed(place.say("Where is it?")).to_message()
    if is_deleted:
        place.table.write_batch(deletes=[session_key("s1")])
    else:
        place.clock.now += 86_400

    assert write(place, body) == []

    assert outcomes(capsys) == ["dropped"]
    assert len(place.items("TURN#")) == 1


def test_the_fifth_answer_wants_a_summary(place: Place) -> None:
    for _ in range(5):
        assert "summarise" not in (place.table.get(session_key("s1")) or {})
        write(place, failed(place.say("And?")).to_message())

    assert (place.table.get(session_key("s1")) or {})["summarise"] is True


def test_nothing_is_lost_when_a_person_took_over_and_went_again(place: Place) -> None:
    turn = place.say("Where is it?")
    for step in (handoff.to_people("customer", ""), handoff.claim("ana"), handoff.give_back("ana")):
        place.handoffs.take("s1", step)
    answered = place.session().answered

    write(place, failed(turn).to_message())

    assert place.told()[1] == ("bot", "It ships today.")
    assert place.session().answered == answered


@dataclass(frozen=True)
class Busy(Table):
    """A table in which something else is written to META before each of the first transactions."""

    def transact(self, *writes: Write) -> None:
        busy = self.get(session_key("s1")) or {}
        if busy.get("meddled", 0) < 2:
            self.client.update_item(
                TableName=self.name,
                Key={"PK": {"S": "SESSION#s1"}, "SK": {"S": "META"}},
                UpdateExpression="ADD meddled :one, unsummarised :one",
                ExpressionAttributeValues={":one": {"N": "1"}},
            )
        super().transact(*writes)


def test_a_session_that_changes_meanwhile_is_read_again(place: Place) -> None:
    body = failed(place.say("Where is it?")).to_message()
    table = Busy(place.table.client, "sessions", lambda _: None)

    assert TurnWriter(table, place.clock).write([message(body)]) == []

    assert place.session().unsummarised == 4


class Refusing:
    """A table that cannot be reached."""

    def get(self, key: Item) -> Any:
        raise UnavailableError("The table does not answer at the moment.")


def test_what_cannot_be_stored_now_comes_back(place: Place, capsys: pytest.CaptureFixture[str]) -> None:
    body = failed(place.say("Where is it?")).to_message()

    assert TurnWriter(Refusing(), place.clock).write([message(body)]) == ["message-0"]  # type: ignore[arg-type]
    assert outcomes(capsys) == ["failed"]
