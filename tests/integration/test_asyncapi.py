"""docs/asyncapi.yaml and the running sockets say the same."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]

from chalicelib import __version__
from chalicelib.chat import frames
from chalicelib.chat.frames import FrameError
from tests.asyncapi import DOCUMENT, Operation, messages, references, require_described, resolve
from tests.integration.talk import Chat, Socket


def test_the_document_holds_together() -> None:
    assert DOCUMENT["info"]["version"] == __version__
    assert all(resolve(reference) for reference in references())
    for channel in DOCUMENT["channels"].values():
        used = {reference["$ref"].split("/")[-1] for reference in _used(channel)}
        assert used == set(channel["messages"])
    for message in DOCUMENT["components"]["messages"].values():
        Draft202012Validator.check_schema(message["payload"])
        assert message["payload"]["additionalProperties"] is False


def _used(channel: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    operations = DOCUMENT["operations"].values()
    mine = [operation for operation in operations if resolve(operation["channel"]) is channel]
    return [reference for operation in mine for reference in operation["messages"]]


def test_a_field_that_is_not_described_is_noticed() -> None:
    assert require_described("customerHears", {"type": "pong"}) == "Pong"
    with pytest.raises(ValidationError):
        require_described("customerHears", {"type": "pong", "extra": 1})
    with pytest.raises(AssertionError):
        require_described("customerHears", {"type": "queue", "waiting": [], "mine": []})


@pytest.mark.parametrize("operation", ["customerSends", "agentSends"])
def test_actions_are_those_that_are_read(operation: Operation) -> None:
    described = {message["payload"]["properties"]["action"]["const"] for message in messages(operation).values()}

    with pytest.raises(FrameError) as refused:
        frames.read_frame(json.dumps({"action": "dance"}), agent=operation == "agentSends")

    assert set(str(refused.value).removeprefix("`action` must be one of ").rstrip(".").split(", ")) == described


@pytest.mark.parametrize("operation", ["customerSends", "agentSends"])
def test_what_a_described_frame_needs_is_needed(operation: Operation) -> None:
    values = {"message_id": "m-1", "session_id": "s-1", "content": "Hello", "reason": "It is late."}
    for message in messages(operation).values():
        payload = message["payload"]
        fields = {name: values[name] for name in payload["properties"] if name != "action"}
        whole = {"action": payload["properties"]["action"]["const"], **fields}
        require_described(operation, whole)
        read = frames.read_frame(json.dumps(whole), agent=operation == "agentSends")
        assert all(getattr(read, name) == value for name, value in fields.items())
        for name in payload["required"]:
            with pytest.raises(FrameError):
                frames.read_frame(
                    json.dumps({key: value for key, value in whole.items() if key != name}),
                    agent=operation == "agentSends",
                )


@dataclass
class Story:
    """A customer asks, waits for a person, talks to one, is given back, and is closed in the end."""

    customer: Socket
    agent: Socket
    session_id: str

    def tell(self) -> None:
        self._ask()
        self._be_helped()
        self._be_closed()

    def _ask(self) -> None:
        customer = self.customer
        customer.send(action="hello")
        customer.wait("session", history=[])
        customer.send(action="ping")
        customer.wait("pong")
        customer.send(action="dance")
        customer.wait("error", code="bad_request")
        message_id = customer.say("What are your shipping costs?")
        customer.wait("ack", message_id=message_id)
        customer.wait("delta", message_id=message_id, index=0)
        customer.wait("message", message_id=message_id, author="bot")

    def _be_helped(self) -> None:
        customer, agent = self.customer, self.agent
        agent.send(action="hello")
        agent.wait("queue")
        agent.send(action="ping")
        agent.wait("pong")
        self._do("close")
        agent.wait("error", code="bad_request")
        customer.send(action="request_human", reason="My parcel is wet.")
        customer.wait("message", author="system")
        customer.wait("handoff", status="waiting")
        agent.wait("queue", times=2)
        self._do("claim")
        agent.wait("conversation", session_id=self.session_id)
        customer.wait("handoff", status="handoff")
        self._do("message", message_id="a1", content="I am here.")
        agent.wait("ack", message_id="a1", session_id=self.session_id)
        customer.wait("message", author="agent", content="I am here.")
        customer.say("Thank you!")
        agent.wait("message", author="customer", content="Thank you!", session_id=self.session_id)

    def _be_closed(self) -> None:
        customer, agent = self.customer, self.agent
        self._do("return")
        agent.wait("handoff", status="active", session_id=self.session_id)
        customer.wait("handoff", status="active")
        customer.send(action="hello")
        customer.wait("session", times=2, status="active")
        customer.send(action="request_human")
        customer.wait("handoff", times=2, status="waiting")
        self._do("claim")
        agent.wait("conversation", times=2, session_id=self.session_id)
        self._do("close")
        customer.wait("handoff", status="closed")
        customer.say("Are you there?")
        customer.wait("error", code="session_closed")

    def _do(self, action: str, **fields: str) -> None:
        self.agent.send(action=action, session_id=self.session_id, **fields)


@pytest.fixture(scope="module")
def story(chat: Chat) -> Story:
    session_id, customer = chat.begin()
    told = Story(customer, chat.connect(chat.open(token=chat.agent_token("aiko"))), session_id)
    told.tell()
    return told


def test_what_a_customer_hears_is_described(story: Story) -> None:
    heard = {require_described("customerHears", frame) for frame in story.customer.frames}

    assert heard == set(messages("customerHears"))


def test_what_an_agent_hears_is_described(story: Story) -> None:
    heard = {require_described("agentHears", frame) for frame in story.agent.frames}

    assert heard == set(messages("agentHears"))


def test_every_status_and_author_was_seen(story: Story) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    (*_, history) = [frame["history"] for frame in story.customer.frames if frame["type"] == "session"]

    assert {frame["status"] for frame in story.customer.frames if "status" in frame} == set(schemas["Status"]["enum"])
    assert {turn["author"] for turn in history} == set(schemas["Author"]["enum"])


def test_turns_are_numbered_in_their_order(story: Story) -> None:
    numbers = [frame["seq"] for frame in story.customer.frames if frame["type"] == "message"]

    assert numbers == sorted(set(numbers))


def test_a_forged_ticket_is_refused_at_the_handshake(chat: Chat) -> None:
    assert chat.refusal(chat.with_ticket("forged")) in (401, 403)  # the emulator makes every refusal a 403
