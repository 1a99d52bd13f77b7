from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.streams import Change
from chalicelib.aws.tables import Table
from chalicelib.chat import handoff
from chalicelib.chat.expiry import Expiry
from chalicelib.errors import UnavailableError
from tests.unit.chat.place import Place, open_place

GONE = Change("1", "REMOVE", {"PK": "SESSION#s1", "SK": "META"}, None)


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        yield place


def end(place: Place) -> None:
    place.table.write_batch(deletes=[{"PK": "SESSION#s1", "SK": "META"}])


def test_nothing_of_a_session_outlives_it(place: Place) -> None:
    place.open("other", connected=False)
    place.open()
    place.desk.take("s1", handoff.to_people("customer", ""))
    place.desk.take("other", handoff.to_people("customer", ""))
    for number in range(30):
        place.say(f"Message {number}")
    end(place)

    Expiry(place.table).handle(GONE)
    Expiry(place.table).handle(GONE)

    assert place.items("") == []
    assert [entry["session_id"] for entry in place.handoffs.entries()] == ["other"]
    assert place.told("other")


def test_a_live_session_stays(place: Place) -> None:
    place.open()
    place.say("Hello?")

    Expiry(place.table).handle(GONE)

    assert place.told() == [("customer", "Hello?")]


class Reluctant:
    """A DynamoDB client that leaves a part of each batch unprocessed, or refuses from some call on."""

    def __init__(self, client: Any, take: int, calls: int = 1_000) -> None:
        self._client, self._take, self._calls = client, take, calls
        self.sizes: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def batch_write_item(self, RequestItems: dict[str, Sequence[Any]]) -> dict[str, Any]:  # noqa: N803
        ((table, requests),) = RequestItems.items()
        self.sizes.append(len(requests))
        if len(self.sizes) > self._calls:
            error = {"Error": {"Code": "ThrottlingException", "Message": ""}}
            raise ClientError(error, "BatchWriteItem")
        self._client.batch_write_item(RequestItems={table: requests[: self._take]})
        return {"UnprocessedItems": {table: requests[self._take :]} if requests[self._take :] else {}}


def test_batches_hold_25_and_what_was_left_unprocessed_is_sent_again(place: Place) -> None:
    fill(place, 60)
    client = Reluctant(place.table.client, take=20)

    Expiry(Table(client, "sessions", lambda _: None)).handle(GONE)

    assert client.sizes == [25, 5, 25, 5, 10]
    assert place.items("") == []


def test_what_could_not_be_deleted_is_deleted_next_time(place: Place) -> None:
    fill(place, 60)
    client = Reluctant(place.table.client, take=25, calls=1)

    with pytest.raises(UnavailableError):
        Expiry(Table(client, "sessions", lambda _: None)).handle(GONE)
    assert len(place.items("")) == 35

    Expiry(place.table).handle(GONE)
    assert place.items("") == []


def fill(place: Place, items: int) -> None:
    place.table.write_batch({"PK": "SESSION#s1", "SK": f"TURN#{number:012}"} for number in range(items))


def test_a_partition_longer_than_one_answer_goes_as_a_whole(place: Place) -> None:
    big = [{"PK": "SESSION#s1", "SK": f"TURN#{number:012}", "content": b"x" * 300_000} for number in range(8)]
    place.table.write_batch(big)

    Expiry(place.table).handle(GONE)

    assert place.items("") == []
