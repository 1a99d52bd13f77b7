"""Handing over on the local cloud: customers, agents at the desk, and what stands between them."""

import json
import time
from collections.abc import Iterator
from typing import Any

import jwt
import pytest

from chalicelib.aws.tables import Item, Table
from chalicelib.chat.handoff import GONE, IN_LINE
from tests.builders import load_event
from tests.integration.cloud import STAGE_PREFIX, Cloud, eventually
from tests.integration.talk import TABLE, Chat, Socket, at_once

KEY = "a key of an attacker's that has thirty-two bytes"


def ask(cloud: Cloud, function: str, request: dict[str, Any]) -> Any:
    answer = cloud.client("lambda").invoke(FunctionName=STAGE_PREFIX + function, Payload=json.dumps(request).encode())
    assert "FunctionError" not in answer
    return json.loads(answer["Payload"].read())


def on_duty(chat: Chat, name: str) -> Socket:
    """An agent at the desk, who has seen the queue."""
    socket = chat.connect(chat.open(token=chat.agent_token(name)))
    socket.send(action="hello")
    socket.wait("queue")
    return socket


@pytest.fixture
def ana(chat: Chat) -> Iterator[Socket]:
    socket = on_duty(chat, "Ana")
    yield socket
    socket.close()


@pytest.fixture
def bo(chat: Chat) -> Iterator[Socket]:
    socket = on_duty(chat, "Bo")
    yield socket
    socket.close()


def waits(chat: Chat, agent: Socket, **document: Any) -> tuple[str, Socket]:
    """A customer who asked for a person, as an agent sees them."""
    session_id, customer = chat.begin(**document)
    customer.send(action="request_human", reason="Wants a refund.")
    customer.wait("handoff", status="waiting")
    eventually(lambda: session_id in shown(agent, "waiting"))
    return session_id, customer


def shown(agent: Socket, which: str) -> list[str]:
    """The sessions of the newest queue."""
    return [entry["session_id"] for entry in agent.heard("queue")[-1][which]]


def claim(agent: Socket, session_id: str) -> dict[str, Any]:
    agent.send(action="claim", session_id=session_id)
    return agent.wait("conversation", session_id=session_id)


def meta(table: Table, session_id: str) -> Item:
    return table.get({"PK": f"SESSION#{session_id}", "SK": "META"}) or {}


def test_a_customer_and_an_agent_talk_both_ways_and_the_assistant_comes_back(chat: Chat, ana: Socket) -> None:
    session_id, customer = waits(chat, ana)
    customer.say("I was charged twice.", "m1")
    customer.wait("ack", message_id="m1")

    opened = claim(ana, session_id)
    assert (opened["status"], opened["agent"], opened["connected"]) == ("handoff", "Ana", True)
    assert [(turn["author"], turn["content"]) for turn in opened["history"][:2]] == [
        ("system", IN_LINE),
        ("customer", "I was charged twice."),
    ]
    assert customer.wait("handoff", status="handoff")

    ana.send(action="message", session_id=session_id, message_id="a1", content="Let me see.")
    assert ana.wait("ack", message_id="a1")["delivered"] is True
    assert customer.wait("message", author="agent")["content"] == "Let me see."
    customer.say("Thank you!", "m2")
    assert ana.wait("message", session_id=session_id, author="customer")["content"] == "Thank you!"

    ana.send(action="return", session_id=session_id)
    customer.wait("handoff", status="active")
    ana.wait("handoff", session_id=session_id, status="active")
    before = len(chat.said(session_id))
    assert customer.ask("Hello again!")
    assert [author for author, _ in chat.said(session_id)[before:]] == ["customer", "bot"]
    assert customer.heard("error") == ana.heard("error") == []


def test_two_agents_race_and_one_wins(chat: Chat, ana: Socket, bo: Socket) -> None:
    session_id, _ = waits(chat, ana)
    eventually(lambda: session_id in shown(bo, "waiting"))
    agents = [ana, bo]

    at_once(lambda number: agents[number].send(action="claim", session_id=session_id), 2)

    eventually(lambda: all(agent.heard("conversation") or agent.heard("error") for agent in agents), seconds=20)
    (winner,) = [agent for agent in agents if agent.heard("conversation", session_id=session_id)]
    (loser,) = [agent for agent in agents if agent is not winner]
    (error,) = loser.heard("error")
    assert error["code"] == "bad_request"
    assert "already" in error["message"]
    eventually(lambda: session_id in shown(winner, "mine"))
    eventually(lambda: session_id not in shown(loser, "waiting") + shown(loser, "mine"))
    winner.send(action="close", session_id=session_id)
    winner.wait("handoff", status="closed")


def test_a_closed_conversation_takes_no_more(chat: Chat, ana: Socket) -> None:
    session_id, customer = waits(chat, ana)
    claim(ana, session_id)

    ana.send(action="close", session_id=session_id)

    customer.wait("handoff", status="closed")
    customer.say("One more thing.")
    assert customer.wait("error")["code"] == "session_closed"
    eventually(lambda: session_id not in shown(ana, "mine"))


def test_asking_again_is_no_error(chat: Chat, ana: Socket) -> None:
    session_id, customer = waits(chat, ana)

    customer.send(action="request_human", reason="Really!")

    eventually(lambda: len(customer.heard("handoff", status="waiting")) == 2)
    assert customer.heard("error") == []
    assert len(chat.turns(session_id)) == 1
    claim(ana, session_id)
    ana.send(action="close", session_id=session_id)
    customer.wait("handoff", status="closed")


def test_an_agent_comes_back_to_what_is_theirs(chat: Chat, bo: Socket) -> None:
    ana = on_duty(chat, "Ana")
    session_id, customer = waits(chat, ana)
    claim(ana, session_id)
    ana.close()
    customer.say("Are you still there?", "m1")
    customer.wait("ack", message_id="m1")
    bo.send(action="claim", session_id=session_id)
    assert "taken by Ana" in bo.wait("error")["message"]

    again = on_duty(chat, "Ana")

    assert session_id in shown(again, "mine")
    assert claim(again, session_id)["history"][-1]["content"] == "Are you still there?"
    again.send(action="close", session_id=session_id)
    customer.wait("handoff", status="closed")
    again.close()


def test_another_agent_goes_on_after_two_minutes(chat: Chat, table: Table, bo: Socket) -> None:
    ana = on_duty(chat, "Ada")
    session_id, customer = waits(chat, ana)
    claim(ana, session_id)
    ana.close()
    gone = eventually(
        lambda: [item for item in table.query("DESK", "AGENT#") if item["agent"] == "Ada" and "gone_at" in item]
    )
    table.write_batch([{**item, "gone_at": item["gone_at"] - 120} for item in gone])

    opened = claim(bo, session_id)

    assert opened["agent"] == "Bo"
    eventually(lambda: [turn.content for turn in chat.turns(session_id)][-1] == "Bo has joined the conversation.")
    bo.send(action="close", session_id=session_id)
    customer.wait("handoff", status="closed")


def test_whose_agent_is_gone_waits_again(cloud: Cloud, chat: Chat, table: Table, ana: Socket) -> None:
    eve = on_duty(chat, "Eve")
    session_id, customer = waits(chat, eve)
    claim(eve, session_id)
    customer.wait("handoff", status="handoff")
    eve.close()
    gone = eventually(
        lambda: [item for item in table.query("DESK", "AGENT#") if item["agent"] == "Eve" and "gone_at" in item]
    )
    table.write_batch([{**item, "gone_at": item["gone_at"] - 120} for item in gone])

    ask(cloud, "check_waiting", load_event("schedule"))

    told = customer.wait("message", author="system", content=GONE.format(agent="Eve"))
    eventually(lambda: customer.heard("handoff")[-1]["status"] == "waiting")
    (entry,) = eventually(lambda: [one for one in in_queue(ana, session_id) if "agent" not in one])
    assert entry["reason"] == "Wants a refund."
    assert [turn["seq"] for turn in claim(ana, session_id)["history"]][-2] == told["seq"]
    ana.send(action="close", session_id=session_id)
    customer.wait("handoff", status="closed")


def test_an_agent_hears_that_the_customer_is_gone(chat: Chat, ana: Socket) -> None:
    session_id, customer = waits(chat, ana)
    claim(ana, session_id)
    customer.close()

    def is_told() -> bool:
        message_id = f"a{time.monotonic_ns()}"
        ana.send(action="message", session_id=session_id, message_id=message_id, content="Hello?")
        return ana.wait("ack", message_id=message_id)["delivered"] is False

    eventually(is_told)
    assert chat.said(session_id)[-1] == ("agent", "Hello?")
    ana.send(action="close", session_id=session_id)
    ana.wait("handoff", status="closed")


class TestAttacksOnTheDesk:
    @pytest.mark.parametrize("claims", [{"key": KEY}, {"exp": int(time.time()) - 1}, {"use": "agents"}, {"sub": None}])
    def test_a_token_that_is_forged_or_too_old_is_refused(self, chat: Chat, claims: dict[str, Any]) -> None:
        answer = chat.post(token=chat.agent_token("Mallory", **claims))

        assert (answer.status_code, answer.json()["code"]) == (401, "unauthorized")

    def test_a_token_without_a_signature_is_refused(self, chat: Chat) -> None:
        claims = {"use": "agent", "sub": "Mallory", "iat": 0, "exp": 2**40}

        assert chat.post(token=jwt.encode(claims, "", algorithm="none")).status_code == 401

    def test_the_shop_makes_no_agents(self, chat: Chat) -> None:
        token = chat.agent_token("Mallory", key=chat.secret("chat-identity"))

        assert chat.post(token=token).status_code == 401

    def test_a_customer_is_no_agent(self, chat: Chat, ana: Socket) -> None:
        session_id, customer = waits(chat, ana)
        for action in ("claim", "return", "close"):
            customer.send(action=action, session_id=session_id)

        eventually(lambda: len(customer.heard("error", code="bad_request")) == 3)
        assert meta_status(chat, session_id) == "waiting"
        opened = chat.open()
        assert chat.open(token=opened["token"])["session_id"] == opened["session_id"]

    @pytest.mark.parametrize("action", ["message", "return", "close"])
    def test_a_session_of_another_agent_s_is_of_no_use(self, chat: Chat, ana: Socket, bo: Socket, action: str) -> None:
        session_id, customer = waits(chat, ana)
        claim(ana, session_id)
        before = chat.said(session_id)

        bo.send(action=action, session_id=session_id, message_id="b1", content="I am Ana.")

        assert bo.wait("error")["code"] == "bad_request"
        assert chat.said(session_id) == before
        assert customer.heard("message", author="agent") == []

    def test_a_session_that_waits_for_nobody_is_not_shown(self, chat: Chat, ana: Socket) -> None:
        session_id, _ = chat.begin()

        ana.send(action="claim", session_id=session_id)

        assert ana.wait("error")["code"] == "bad_request"
        assert ana.heard("conversation") == []


def meta_status(chat: Chat, session_id: str) -> str:
    return str(meta(Table(chat.cloud.client("dynamodb"), TABLE), session_id)["status"])


def test_a_system_hands_off_by_a_function(cloud: Cloud, chat: Chat, ana: Socket) -> None:
    session_id, customer = chat.begin()

    request = {"session_id": session_id, "reason": "Payment failed three times."}
    assert ask(cloud, "hand_off_session", request) == {"status": "waiting"}
    assert ask(cloud, "hand_off_session", request) == {"status": "waiting"}

    customer.wait("handoff", status="waiting")
    (entry,) = eventually(lambda: in_queue(ana, session_id))
    assert entry["reason"] == "Payment failed three times."
    error = ask(cloud, "hand_off_session", {"session_id": "nobody's", "reason": "x"})["error"]
    assert error["code"] == "not_found"


def in_queue(agent: Socket, session_id: str) -> list[dict[str, Any]]:
    return [entry for entry in agent.heard("queue")[-1]["waiting"] if entry["session_id"] == session_id]


def test_the_model_s_wish_for_a_person_reaches_the_desk(chat: Chat, ana: Socket) -> None:
    session_id, customer = chat.begin()

    customer.say("I want to talk to a person")

    customer.wait("handoff", status="waiting")
    eventually(lambda: in_queue(ana, session_id))
    assert [turn.author for turn in chat.turns(session_id)] == ["customer", "bot", "system"]


def test_who_waits_too_long_goes_back_to_the_assistant_and_stays_on_the_desk(
    cloud: Cloud, chat: Chat, table: Table, ana: Socket
) -> None:
    session_id, customer = waits(chat, ana)
    customer.say("Write to aiko@example.com.", "m1")
    customer.wait("ack", message_id="m1")
    entry_key = meta(table, session_id)["waiting"]
    (entry,) = [item for item in table.query("DESK", "WAITING#") if item["SK"] == entry_key]
    table.write_batch([{**entry, "since": entry["since"] - 16 * 60}])

    assert ask(cloud, "check_waiting", load_event("schedule"))["left"] >= 1

    customer.wait("handoff", status="active")
    (shown_entry,) = eventually(lambda: [one for one in in_queue(ana, session_id) if one.get("left")])
    assert shown_entry["customer"] == "anonymous"
    assert customer.ask("Hello?")
    assert [turn["content"] for turn in claim(ana, session_id)["history"]][1] == "Write to aiko@example.com."
    ana.send(action="close", session_id=session_id)
    customer.wait("handoff", status="closed")


def test_without_an_agent_the_customer_hears_so_at_once(chat: Chat, table: Table) -> None:
    eventually(lambda: not [item for item in table.query("DESK", "AGENT#") if "gone_at" not in item])
    _, customer = chat.begin()

    customer.send(action="request_human", reason="")

    assert "e-mail" in customer.wait("message", author="system")["content"]
