import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from ops.dead_letters import DeadLetter, DeadLetterQueue, LetterFilter
from tests.builders import NOW, make_envelope

SENT_AT = datetime.fromtimestamp(NOW, UTC) + timedelta(minutes=9)
LATER = SENT_AT + timedelta(minutes=1)


@dataclass
class FakeSqs:
    """Two queues. Messages that are taken are hidden until they are given back; ``fail_sends`` refuses from then on."""

    dead: dict[str, str]
    sent_at: datetime = SENT_AT
    hidden: set[str] = field(default_factory=set)
    alive: list[tuple[str, str]] = field(default_factory=list)
    sends: list[int] = field(default_factory=list)
    broken: bool = False

    def get_queue_attributes(self, **_: Any) -> dict[str, Any]:
        hidden = len(self.hidden)
        numbers = {
            "ApproximateNumberOfMessages": str(len(self.dead) - hidden),
            "ApproximateNumberOfMessagesNotVisible": str(hidden),
        }
        return {"Attributes": numbers}

    def receive_message(self, **arguments: Any) -> dict[str, Any]:
        taken = [name for name in self.dead if name not in self.hidden][: arguments["MaxNumberOfMessages"]]
        self.hidden |= set(taken)
        attributes = {"SentTimestamp": str(int(self.sent_at.timestamp() * 1000))}
        return {
            "Messages": [
                {"MessageId": name, "ReceiptHandle": name, "Body": self.dead[name], "Attributes": attributes}
                for name in taken
            ]
        }

    def send_message_batch(self, *, QueueUrl: str, Entries: Sequence[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "alive"
        if self.broken:
            return {"Failed": [{"Id": "0", "Code": "InternalError"}]}
        self.sends.append(sum(len(entry["MessageBody"]) for entry in Entries))
        self.alive += [(entry["MessageGroupId"], entry["MessageBody"]) for entry in Entries]
        return {"Successful": []}

    def delete_message_batch(self, *, QueueUrl: str, Entries: Sequence[dict[str, str]]) -> dict[str, Any]:  # noqa: N803
        assert QueueUrl == "dead"
        for entry in Entries:
            assert self.dead[entry["ReceiptHandle"]] in {body for _, body in self.alive} or not self.alive
            self.hidden.discard(entry["ReceiptHandle"])
            del self.dead[entry["ReceiptHandle"]]
        return {"Successful": []}

    def change_message_visibility_batch(
        self,
        *,
        QueueUrl: str,  # noqa: N803
        Entries: Sequence[dict[str, str]],  # noqa: N803
    ) -> dict[str, Any]:
        assert len(Entries) <= 10
        self.hidden -= {entry["ReceiptHandle"] for entry in Entries}
        return {}


def queue(client: FakeSqs) -> DeadLetterQueue:
    return DeadLetterQueue(client, "alive", "dead")


def envelopes(number: int, source: str = "github", body: bytes = b"{}") -> dict[str, str]:
    return {
        f"{source}-{index}": make_envelope(body, source=source, external_id=f"{source}-{index}").to_message()
        for index in range(number)
    }


def letter(body: str) -> DeadLetter:
    (found,) = queue(FakeSqs({"message": body})).look()
    return found


def test_an_envelope_tells_what_it_holds() -> None:
    found = letter(make_envelope(b'{"a": 1}').to_message())

    assert (found.source, found.event_type) == ("github", "issues")
    assert found.received_at == datetime.fromtimestamp(NOW, UTC)
    assert found.payload() == b'{"a": 1}'


@pytest.mark.parametrize("body", ["rubbish", "[]", "{}", '"a"', '{"version": 1, "source": 7, "received_at": "x"}'])
def test_what_is_no_envelope_is_a_letter_too(body: str) -> None:
    found = letter(body)

    assert (found.source, found.external_id, found.payload()) == (None, None, None)
    assert found.received_at == SENT_AT
    assert LetterFilter(source="unknown", external_id="message").matches(found)


def test_a_source_that_is_not_ours_is_unknown() -> None:
    found = letter(make_envelope(source="nobody\x1b[31m").to_message())

    assert (found.source, found.external_id) == (None, make_envelope().external_id)
    assert LetterFilter(source="unknown").matches(found)


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+05:00", "9999-12-31T23:59:59-05:00"])
def test_a_time_before_or_after_all_years_is_none(time: str) -> None:
    assert letter(json.dumps({"version": 1, "received_at": time})).received_at == SENT_AT


def test_a_body_that_lies_elsewhere_has_no_payload() -> None:
    assert letter('{"version": 1, "source": "github", "body_key": "k"}').payload() is None


@pytest.mark.parametrize(
    ("which", "matches"),
    [
        (LetterFilter(), True),
        (LetterFilter(source="github", event_type="issues"), True),
        (LetterFilter(source="stripe"), False),
        (LetterFilter(event_type="push"), False),
        (LetterFilter(external_id="other"), False),
        (LetterFilter(since=datetime.fromtimestamp(NOW, UTC)), True),
        (LetterFilter(since=datetime.fromtimestamp(NOW + 1, UTC)), False),
        (LetterFilter(until=datetime.fromtimestamp(NOW, UTC)), False),
        (LetterFilter(until=datetime.fromtimestamp(NOW + 1, UTC)), True),
    ],
)
def test_a_filter_looks_at_what_the_envelope_says(which: LetterFilter, matches: bool) -> None:
    assert which.matches(letter(make_envelope().to_message())) is matches


def test_looking_shows_each_message_once_and_gives_all_back() -> None:
    client = FakeSqs(envelopes(25))

    assert len({found.message_id for found in queue(client).look()}) == 25
    assert client.hidden == set()


def test_looking_at_a_few_gives_all_back() -> None:
    client = FakeSqs(envelopes(25))
    walk = queue(client).look()

    next(walk)
    walk.close()

    assert client.hidden == set()


def test_a_redrive_moves_what_matches_and_gives_back_the_rest() -> None:
    client = FakeSqs(envelopes(12) | envelopes(12, "stripe") | {"rubbish": "rubbish"})

    moved = sum(queue(client).redrive(LetterFilter(source="stripe"), LATER))

    assert moved == 12
    assert sorted(client.alive) == sorted(("stripe", body) for body in envelopes(12, "stripe").values())
    assert client.dead == envelopes(12) | {"rubbish": "rubbish"}
    assert client.hidden == set()


def test_what_came_after_the_beginning_stays() -> None:
    client = FakeSqs(envelopes(3))

    assert sum(queue(client).redrive(LetterFilter(), SENT_AT - timedelta(seconds=1))) == 0
    assert len(client.dead) == 3


def test_what_cannot_be_sent_is_neither_deleted_nor_hidden() -> None:
    client = FakeSqs(envelopes(3), broken=True)

    with pytest.raises(Exception, match="Nothing is lost"):
        list(queue(client).redrive(LetterFilter(), LATER))

    assert len(client.dead) == 3
    assert client.hidden == set()


def test_large_messages_are_sent_in_several_requests() -> None:
    client = FakeSqs(envelopes(10, body=b"x" * 300_000))

    list(queue(client).redrive(LetterFilter(), LATER))

    assert len(client.alive) == 10
    assert max(client.sends) <= 1_048_576


def test_discarding_deletes_what_matches() -> None:
    client = FakeSqs(envelopes(3) | {"rubbish": "rubbish"})

    assert sum(queue(client).discard(LetterFilter(source="unknown"), LATER)) == 1
    assert client.dead == envelopes(3)
    assert client.alive == []
