from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.aws.tables import Table
from chalicelib.errors import UnavailableError
from ops.history import History, HistoryError, Importing, read_history
from tests.builders import NOW
from tests.unit.chat.place import Place, open_place
from tests.unit.chat.test_expiry import Reluctant


@pytest.fixture
def place() -> Iterator[Place]:
    with open_place() as place:
        yield place


def lines(turns: int, session_id: str = "s1") -> list[dict[str, Any]]:
    return [
        {
            "session_id": session_id,
            "author": ("customer", "bot")[number % 2],
            "content": f"Turn {number}",
            "at": f"2026-11-01T{number // 60:02}:{number % 60:02}:00Z",
        }
        for number in range(turns)
    ]


def history(turns: int) -> History:
    (read,) = read_history(enumerate(lines(turns), 1))
    return read


class Counting:
    """A DynamoDB client that counts its requests by name, and refuses those of one from some number on."""

    def __init__(self, client: Any, refuses: str = "", after: int = 0) -> None:
        self._client, self._refuses, self._left = client, refuses, after
        self.calls: list[str] = []

    def __getattr__(self, name: str) -> Any:
        def call(**arguments: Any) -> Any:
            self.calls.append(name)
            if name == self._refuses:
                self._left -= 1
                if self._left < 0:
                    raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, name)
            return getattr(self._client, name)(**arguments)

        return call


def importing(place: Place, client: Any) -> Importing:
    return Importing(Table(client, "sessions", lambda _: None), lambda: NOW)


def test_lines_of_several_sessions_may_be_mixed() -> None:
    one, other = lines(3), lines(2, "s2")

    first, second = read_history(enumerate([one[0], other[0], one[1], other[1], one[2]], 1))

    assert [turn.content for turn in first.turns] == ["Turn 0", "Turn 1", "Turn 2"]
    assert [turn.seq for turn in second.turns] == [1, 2]
    assert first.turns[1].response_id == "s1:2"


def test_a_line_that_is_no_object_is_named() -> None:
    with pytest.raises(HistoryError, match="line 2"):
        read_history(enumerate([*lines(1), ["s1"]], 1))


@pytest.mark.parametrize(("turns", "kind"), [(99, "transact_write_items"), (100, "batch_write_item")])
def test_up_to_a_hundred_items_are_one_transaction(place: Place, turns: int, kind: str) -> None:
    client = Counting(place.table.client)

    assert importing(place, client).store(history(turns))

    assert (kind in client.calls, client.calls.count("transact_write_items") <= 1) == (True, True)
    session = place.session()
    assert (session.seq, session.answered, session.unsummarised) == (turns, turns, turns)
    assert len(place.items("TURN#")) == turns


def test_what_was_left_unprocessed_is_sent_again(place: Place) -> None:
    client = Reluctant(place.table.client, take=20)

    assert importing(place, client).store(history(120))

    assert max(client.sizes) == 25
    assert len(place.items("TURN#")) == 120


@pytest.mark.parametrize(("refuses", "after"), [("batch_write_item", 3), ("put_item", 0)])
def test_what_cannot_be_finished_is_removed_again(place: Place, refuses: str, after: int) -> None:
    client = Failing(place.table.client, refuses, after)

    with pytest.raises(UnavailableError):
        importing(place, client).store(history(240))

    assert client.put > 0
    assert place.items("") == []


class Failing:
    """A DynamoDB client that puts no more after some batches, but still deletes."""

    def __init__(self, client: Any, refuses: str, after: int) -> None:
        self._client, self._refuses, self._after = client, refuses, after
        self.put = 0

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def put_item(self, **arguments: Any) -> Any:
        raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "PutItem")

    def batch_write_item(self, RequestItems: dict[str, Any]) -> Any:  # noqa: N803
        is_put = any("PutRequest" in one for requests in RequestItems.values() for one in requests)
        if is_put and self._refuses == "batch_write_item" and self.put >= self._after:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": ""}}, "BatchWriteItem")
        self.put += is_put
        return self._client.batch_write_item(RequestItems=RequestItems)


@pytest.mark.parametrize("turns", [3, 150])
def test_what_is_there_stays_as_it_is(place: Place, turns: int) -> None:
    place.open()
    before = place.items("")

    assert not importing(place, place.table.client).store(history(turns))

    assert place.items("") == before
