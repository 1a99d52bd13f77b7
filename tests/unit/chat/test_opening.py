"""Opening: who gets a session, and whose."""

import jwt
import pytest

from chalicelib.aws.rest import HttpRequest
from chalicelib.chat.opening import MAX_BODY_BYTES
from chalicelib.chat.sessions import LONGEST_SECONDS
from chalicelib.errors import InvalidBodyError, TooLargeError, UnauthorizedError
from tests.builders import NOW
from tests.unit.chat.world import IDENTITY, World


def identity(customer_id: str, **claims: str) -> str:
    times = {"iat": int(NOW), "exp": int(NOW) + 300}
    return str(jwt.encode({"sub": customer_id, **times, **claims}, IDENTITY, algorithm="HS256"))


def test_a_new_session(world: World) -> None:
    opened = world.post()

    assert opened["websocket_url"].startswith("wss://chat.example.com?ticket=")
    assert (opened["resumed"], opened["expires_at"]) == (False, "2026-11-21T12:00:00Z")
    session = world.session(opened["session_id"])
    assert (session.customer_id, session.status, session.seq) == ("anonymous", "active", 0)
    assert opened["token"] not in opened["websocket_url"]


def test_a_customer_whom_the_shop_knows(world: World) -> None:
    opened = world.post(identity=identity("7001", name="Aiko", email="aiko@example.com"))

    session = world.session(opened["session_id"])
    assert (session.customer_id, session.name, session.email) == ("7001", "Aiko", "aiko@example.com")


def test_a_session_goes_on(world: World) -> None:
    opened = world.post()
    world.clock.now += 3_600

    resumed = world.post(token=opened["token"])

    assert (resumed["session_id"], resumed["resumed"]) == (opened["session_id"], True)
    assert resumed["expires_at"] == "2026-11-21T13:00:00Z"
    assert world.session(opened["session_id"]).ttl == int(NOW) + 3_600 + 86_400


def test_an_anonymous_customer_says_who_they_are(world: World) -> None:
    opened = world.post()

    world.post(token=opened["token"], identity=identity("7001", name="Aiko"))

    assert world.session(opened["session_id"]).name == "Aiko"
    with pytest.raises(UnauthorizedError):
        world.post(token=opened["token"], identity=identity("7002"))
    assert world.session(opened["session_id"]).customer_id == "7001"


@pytest.mark.parametrize("meta", [{"ttl": int(NOW)}, {"status": "closed"}])
def test_a_session_that_is_over_does_not(world: World, meta: dict[str, int | str]) -> None:
    opened = world.post()
    world.set_meta(opened["session_id"], **meta)

    with pytest.raises(UnauthorizedError):
        world.post(token=opened["token"])


def test_no_session_goes_on_for_longer_than_a_week(world: World) -> None:
    opened = world.post()
    for _ in range(7):
        world.clock.now += 80_000
        opened = world.post(token=opened["token"])

    assert world.session(opened["session_id"]).ttl == int(NOW) + LONGEST_SECONDS
    assert opened["expires_at"] == "2026-11-27T12:00:00Z"
    world.clock.now += 80_000
    with pytest.raises(UnauthorizedError):
        world.post(token=opened["token"])


def test_an_agent_gets_a_ticket_for_the_desk(world: World) -> None:
    token, _ = world.tokens.agent_token("Ann", 600)

    opened = world.post(token=token)

    assert opened["session_id"] is None
    assert world.connect(opened, "a1") == 200
    assert [(agent.connection_id, agent.name) for agent in world.desk.agents()] == [("a1", "Ann")]
    assert world.connect(opened, "a2") == 401


@pytest.mark.parametrize("body", [b"x", b"[]", b'{"token": 1}', b'{"identity": ["x"]}', b"\xff", b"[" * 9_000])
def test_bodies_that_cannot_be_used(world: World, body: bytes) -> None:
    with pytest.raises(InvalidBodyError):
        world.opening.open(HttpRequest(body, {}, None, "r"))


def test_a_body_that_is_too_large(world: World) -> None:
    with pytest.raises(TooLargeError):
        world.opening.open(HttpRequest(b" " * (MAX_BODY_BYTES + 1), {}, None, "r"))


@pytest.mark.parametrize("body", [b"", b"{}", b'{"token": null, "identity": ""}'])
def test_nothing_needs_to_be_said(world: World, body: bytes) -> None:
    assert world.opening.open(HttpRequest(body, {}, None, "r")).status == 201


def test_an_answer_that_was_lost_is_no_conflict(world: World) -> None:
    """The table stored the session, and its client, which heard nothing, stores it again."""
    first = world.sessions.open("s", None, "ticket")
    assert world.sessions.open("s", None, "ticket") == first
