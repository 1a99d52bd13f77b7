"""Sessions on the local cloud: who gets in, who never does, and what becomes of the connection before."""

import base64
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest
import requests

from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import Chat, at_once, ticket_of

KEY = "a key of an attacker's that has thirty-two bytes"
REFUSED = 401


class TestPagesOfOthers:
    def test_a_browser_is_let_ask_and_the_origin_decides(self, chat: Chat) -> None:
        address = f"{chat.cloud.endpoints.http}/chat/sessions"
        foreign = {"Origin": "https://elsewhere.example"}

        asked = requests.options(
            address,
            headers={
                **foreign,
                "Access-Control-Request-Method": "POST",
                "Access-Control-Request-Headers": "content-type",
            },
            timeout=30,
        )
        refused = requests.post(address, json={}, headers=foreign, timeout=30)

        assert asked.ok
        assert "POST" in asked.headers["Access-Control-Allow-Methods"]
        assert "content-type" in asked.headers["Access-Control-Allow-Headers"].lower()
        assert (refused.status_code, refused.json()["code"]) == (REFUSED, "unauthorized")
        assert asked.headers["Access-Control-Allow-Origin"] == refused.headers["Access-Control-Allow-Origin"] == "*"


class TestAttacksOnTickets:
    def test_one_opens_a_single_socket(self, chat: Chat) -> None:
        opened = chat.open()
        assert chat.refusal(opened["websocket_url"]) == 101
        assert chat.refusal(opened["websocket_url"]) == REFUSED

    def test_one_opens_a_single_socket_even_at_once(self, chat: Chat) -> None:
        opened = chat.open()
        statuses: list[int] = []

        at_once(lambda _: statuses.append(chat.refusal(opened["websocket_url"])), 4)

        assert sorted(statuses) == [101] + [REFUSED] * 3

    @pytest.mark.parametrize(
        "forge",
        [
            lambda chat, sub: "",
            lambda chat, sub: "rubbish",
            lambda chat, sub: sub,
            lambda chat, sub: chat.sign(use="ticket", sub=sub, jti="guessed"),
            lambda chat, sub: chat.sign(use="ticket", sub=sub, jti="x", exp=int(time.time()) - 1),
            lambda chat, sub: chat.sign(use="ticket", sub=sub, jti="x", key=KEY),
            lambda chat, sub: chat.sign(use="ticket", sub=sub, jti="x", algorithm="HS512"),
            lambda chat, sub: unsigned(use="ticket", sub=sub, iat=0, exp=2**40, jti="x"),
            lambda chat, sub: chat.sign(use="session", sub=sub),
            lambda chat, sub: chat.sign(use="agent", sub="Ann"),
            lambda chat, sub: "x" * 5_000,
        ],
    )
    def test_others_open_none(self, chat: Chat, forge: Callable[[Chat, str], str]) -> None:
        session_id = chat.open()["session_id"]

        assert chat.refusal(chat.with_ticket(forge(chat, session_id))) == REFUSED

    def test_a_newer_one_takes_the_place_of_an_older(self, chat: Chat) -> None:
        opened = chat.open()
        renewed = chat.open(token=opened["token"])

        assert chat.refusal(opened["websocket_url"]) == REFUSED
        assert chat.refusal(renewed["websocket_url"]) == 101


class TestAttacksOnTokens:
    @pytest.mark.parametrize(
        "forge",
        [
            lambda chat, opened: {"token": opened["session_id"]},
            lambda chat, opened: {"token": ticket_of(opened)},
            lambda chat, opened: {"token": chat.sign(use="session", sub=opened["session_id"], key=KEY)},
            lambda chat, opened: {"token": chat.sign(use="session", sub="guessed")},
            lambda chat, opened: {"token": chat.sign(use="session", sub=opened["session_id"], exp=1)},
            lambda chat, opened: {"token": opened["token"][:-2]},
            lambda chat, opened: {"token": chat.identity("7001")},
            lambda chat, opened: {"identity": chat.identity("7001", seconds=301)},
            lambda chat, opened: {"identity": chat.identity("7001", iat=int(time.time()) + 60)},
            lambda chat, opened: {"identity": chat.identity("anonymous")},
            lambda chat, opened: {"identity": chat.identity("7001")[:-2]},
            lambda chat, opened: {"identity": opened["token"]},
            lambda chat, opened: {"identity": jwt.encode({"sub": "7001"}, KEY, algorithm="HS256")},
            lambda chat, opened: {"token": opened["token"], "identity": "rubbish"},
        ],
    )
    def test_none_opens_a_session(self, chat: Chat, forge: Callable[..., dict[str, str]]) -> None:
        answer = chat.post(**forge(chat, chat.open()))

        assert (answer.status_code, answer.json()) == (
            401,
            {"code": "unauthorized", "message": "The token is not valid."},
        )

    def test_nobody_becomes_somebody_else(self, chat: Chat) -> None:
        opened = chat.open(identity=chat.identity("7001"))

        assert chat.post(token=opened["token"], identity=chat.identity("7002")).status_code == 401
        assert chat.open(token=opened["token"], identity=chat.identity("7001"))["resumed"]
        assert chat.open(token=opened["token"])["session_id"] == opened["session_id"]

    def test_an_anonymous_customer_may_say_who_they_are_once(self, chat: Chat) -> None:
        opened = chat.open()

        assert chat.open(token=opened["token"], identity=chat.identity("7001"))["session_id"] == opened["session_id"]
        assert chat.post(token=opened["token"], identity=chat.identity("7002")).status_code == 401

    def test_an_agent_s_token_is_no_customer_s(self, chat: Chat) -> None:
        token = chat.sign(use="agent", sub="Ann", exp=int(time.time()) + 600)
        socket = chat.connect(chat.open(token=token))

        socket.say("I am a customer")

        assert socket.wait("error")["code"] == "bad_request"
        socket.send(action="request_human")
        eventually(lambda: len(socket.heard("error")) == 2)
        assert socket.heard("ack") == []


def test_a_second_connection_takes_over(chat: Chat) -> None:
    opened = chat.open()
    first = chat.connect(opened)
    first.ask("Hello")

    second = chat.connect(chat.open(token=opened["token"]))

    assert first.wait("error")["code"] == "unauthorized"
    eventually(lambda: first.closed is not None)
    second.send(action="hello")
    greeting = second.wait("session")
    assert (greeting["session_id"], greeting["status"]) == (opened["session_id"], "active")
    assert [entry["author"] for entry in greeting["history"]] == ["customer", "bot"]
    assert second.ask("How do I pay?")


def test_a_late_disconnect_of_the_old_connection_changes_nothing(chat: Chat) -> None:
    opened = chat.open()
    first = chat.connect(opened)
    second = chat.connect(chat.open(token=opened["token"]))
    eventually(lambda: first.closed is not None)
    time.sleep(0.5)  # its $disconnect comes after the second connection took over

    assert second.ask("Hello")


def test_a_token_renews(chat: Chat) -> None:
    opened = chat.open()
    socket = chat.connect(opened)
    time.sleep(1.1)

    renewed = chat.open(token=opened["token"])

    assert renewed["resumed"]
    assert renewed["expires_at"] > opened["expires_at"]
    assert socket.ask("Hello"), "the open socket stays as it is"


def test_a_session_that_has_ended_is_gone(chat: Chat) -> None:
    """As soon as its time is over, whether the table has deleted it or not."""
    opened = chat.open()
    socket = chat.connect(opened)
    socket.ask("Hello")
    chat.set_meta(opened["session_id"], ttl=int(time.time()))

    socket.say("Still there?")

    assert socket.wait("error")["code"] == "session_closed"
    socket.send(action="hello")
    eventually(lambda: len(socket.heard("error", code="session_closed")) == 2)
    assert chat.post(token=opened["token"]).status_code == 401
    eventually(lambda: chat.turns(opened["session_id"]) == [])


def test_frames_that_cannot_be_used_are_answered(chat: Chat) -> None:
    _, socket = chat.begin()

    socket.send(action="dance")
    socket.send(action="message", message_id="m1", content="x" * 4_001)
    socket.send(action="ping")

    socket.wait("pong")
    assert [frame["code"] for frame in socket.heard("error")] == ["bad_request", "too_large"]
    assert socket.heard("error")[1]["message_id"] == "m1"


@pytest.fixture(scope="module")
def order(cloud: Cloud) -> tuple[str, str, str]:
    """Number, customer and address of an order that webhooks brought."""
    cloud.command("send", "shopify")
    select = "select number, customer_id, email from orders where customer_id is not null and email like '%%@%%'"
    number, customer_id, email = eventually(lambda: cloud.query(select), seconds=20)[0]
    return str(number), customer_id, email


class TestOrders:
    def test_an_identified_customer_sees_their_own(self, chat: Chat, order: tuple[str, str, str]) -> None:
        number, customer_id, email = order
        _, owner = chat.begin(identity=chat.identity(customer_id))
        _, other = chat.begin(identity=chat.identity("7999", email=email))

        assert found(owner.ask(f"Where is my order {number}?"))
        assert not found(other.ask(f"Where is my order {number}? My address is {email}"))

    def test_an_anonymous_customer_needs_number_and_address(self, chat: Chat, order: tuple[str, str, str]) -> None:
        number, _, email = order
        _, socket = chat.begin()

        assert not found(socket.ask(f"Where is my order {number}?"))
        assert not found(socket.ask(f"Where is my order {number}? My address is nobody@example.com"))
        assert found(socket.ask(f"Where is my order {number}? My address is {email.upper()}"))
        assert not found(socket.ask(f"Where is my order 999999? My address is {email}"))


def unsigned(**claims: Any) -> str:
    """A token that says of itself that it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    return ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts) + "."


def found(answer: str) -> bool:
    """Whether the stand-in tells of an order that the tool has found."""
    return answer.startswith("Your order")
