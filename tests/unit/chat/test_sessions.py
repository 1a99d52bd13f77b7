"""Sessions: bound, found and left, whatever is lost on the way."""

from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from chalicelib.chat.sessions import Connection
from chalicelib.chat.tokens import Identity
from chalicelib.errors import UnauthorizedError
from tests.builders import NOW
from tests.unit.chat.world import World


class LosesAnswers:
    """Carries out what it is asked for, and the first answer of each kind is lost."""

    def __init__(self, client: Any) -> None:
        self.client, self.lost = client, set[str]()

    def __getattr__(self, name: str) -> Any:
        def call(**request: Any) -> Any:
            answer = getattr(self.client, name)(**request)
            if name not in self.lost:
                self.lost.add(name)
                raise ReadTimeoutError(endpoint_url="http://dynamodb")
            return answer

        return call


def test_a_ticket_opens_a_socket_though_answers_are_lost(world: World) -> None:
    world.sessions.open("s", None, "ticket")
    world.requests.client = LosesAnswers(world.client)

    session, _ = world.sessions.connect("s", "ticket", "c1")

    assert session.connection_id == "c1"
    assert world.sessions.connection("c1") == Connection("c1", "s", ends_at=session.ends_at)
    with pytest.raises(UnauthorizedError):
        world.sessions.connect("s", "ticket", "c2")


def test_a_session_is_opened_and_resumed_though_answers_are_lost(world: World) -> None:
    world.requests.client = LosesAnswers(world.client)

    world.sessions.open("s", None, "first")
    resumed = world.sessions.resume("s", Identity("7001"), "second")

    assert resumed.customer_id == "7001"
    assert world.sessions.connect("s", "second", "c1")


def test_a_message_is_stored_once_though_answers_are_lost(world: World) -> None:
    session_id = world.begin()
    world.requests.client = LosesAnswers(world.client)

    world.say("Hi")

    assert world.said(session_id) == [("customer", "Hi")]
    assert [frame["type"] for frame in world.sockets.to("c1")] == ["ack"]


@pytest.mark.parametrize("ticket", ["", "other", "ticket "])
def test_only_the_last_ticket_counts(world: World, ticket: str) -> None:
    world.sessions.open("s", None, "ticket")
    with pytest.raises(UnauthorizedError):
        world.sessions.connect("s", ticket, "c1")


def test_who_took_over_stays_when_the_other_leaves(world: World) -> None:
    world.sessions.open("s", None, "t1")
    world.sessions.connect("s", "t1", "c1")
    world.sessions.resume("s", None, "t2")

    assert world.sessions.connect("s", "t2", "c2")[1] == "c1"
    world.sessions.disconnect(Connection("c1", "s"))

    assert world.session("s").connection_id == "c2"
    assert world.sessions.connection("c1") is None


def test_a_session_ends_when_its_time_is_over(world: World) -> None:
    world.sessions.open("s", None, "t")
    world.set_meta("s", ttl=int(NOW) + 1)
    assert world.sessions.find("s")
    world.clock.now += 1
    assert world.sessions.find("s") is None
    for attempt in (lambda: world.sessions.resume("s", None, "t2"), lambda: world.sessions.connect("s", "t", "c1")):
        with pytest.raises(UnauthorizedError):
            attempt()
