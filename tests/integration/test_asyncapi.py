"""docs/asyncapi.yaml and the running sockets say the same."""

import asyncio
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
from jsonschema import Draft202012Validator, ValidationError  # type: ignore[import-untyped]

from chalicelib import __version__
from chalicelib.chat import frames
from chalicelib.chat.frames import FrameError
from tests.asyncapi import DOCUMENT, Operation, messages, references, require_described, resolve
from tests.integration.conftest import Cloud
from tests.integration.talking import Frame, Talker, agent_token, open_session, talking


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

    cloud: Cloud
    customer_heard: list[Frame] = field(default_factory=list)
    agent_heard: list[Frame] = field(default_factory=list)

    async def tell(self) -> None:
        opened = open_session(self.cloud)
        desk = open_session(self.cloud, token=agent_token(self.cloud, "aiko", time.time))
        async with talking(opened["websocket_url"]) as customer, talking(desk["websocket_url"]) as agent:
            self.customer_heard, self.agent_heard = customer.heard, agent.heard
            await self._ask(customer)
            await self._be_helped(customer, agent, opened["session_id"])
            await self._be_closed(customer, agent, opened["session_id"])

    async def _ask(self, customer: Talker) -> None:
        await customer.send("hello")
        await customer.hear("session", history=[])
        await customer.send("ping")
        await customer.hear("pong")
        await customer.send("dance")
        await customer.hear("error", code="bad_request")
        message_id = await customer.say("What are your shipping costs?")
        await customer.hear("ack", message_id=message_id)
        await customer.hear("delta", message_id=message_id, index=0)
        await customer.hear("message", message_id=message_id, author="bot")

    async def _be_helped(self, customer: Talker, agent: Talker, session_id: str) -> None:
        await agent.send("hello")
        await agent.hear("queue")
        await agent.send("ping")
        await agent.hear("pong")
        await agent.send("close", session_id=session_id)
        await agent.hear("error", code="bad_request")
        await customer.send("request_human", reason="My parcel is wet.")
        await customer.hear("message", author="system")
        await customer.hear("handoff", status="waiting")
        await agent.hear("queue")
        await agent.send("claim", session_id=session_id)
        await agent.hear("conversation", session_id=session_id)
        await customer.hear("handoff", status="handoff")
        said = await agent.say("I am here.", session_id=session_id)
        await agent.hear("ack", message_id=said, session_id=session_id)
        await customer.hear("message", author="agent", content="I am here.")
        await customer.say("Thank you!")
        await agent.hear("message", author="customer", content="Thank you!", session_id=session_id)

    async def _be_closed(self, customer: Talker, agent: Talker, session_id: str) -> None:
        await agent.send("return", session_id=session_id)
        await agent.hear("handoff", status="active", session_id=session_id)
        await customer.hear("handoff", status="active")
        await customer.send("hello")
        await customer.hear("session", status="active")
        await customer.send("request_human")
        await customer.hear("handoff", status="waiting")
        await agent.send("claim", session_id=session_id)
        await agent.hear("conversation", session_id=session_id)
        await agent.send("close", session_id=session_id)
        await customer.hear("handoff", status="closed")
        await customer.say("Are you there?")
        await customer.hear("error", code="session_closed")


@pytest.fixture(scope="module")
def story(cloud: Cloud) -> Story:
    told = Story(cloud)
    asyncio.run(told.tell())
    return told


def test_what_a_customer_hears_is_described(story: Story) -> None:
    heard = {require_described("customerHears", frame) for frame in story.customer_heard}

    assert heard == set(messages("customerHears"))


def test_what_an_agent_hears_is_described(story: Story) -> None:
    heard = {require_described("agentHears", frame) for frame in story.agent_heard}

    assert heard == set(messages("agentHears"))


def test_every_status_and_author_was_seen(story: Story) -> None:
    schemas = DOCUMENT["components"]["schemas"]
    (*_, history) = [frame["history"] for frame in story.customer_heard if frame["type"] == "session"]

    assert {frame["status"] for frame in story.customer_heard if "status" in frame} == set(schemas["Status"]["enum"])
    assert {turn["author"] for turn in history} == set(schemas["Author"]["enum"])


def test_turns_are_numbered_in_their_order(story: Story) -> None:
    numbers = [frame["seq"] for frame in story.customer_heard if frame["type"] == "message"]

    assert numbers == sorted(set(numbers))


def test_a_forged_ticket_is_refused_at_the_handshake(cloud: Cloud) -> None:
    async def connect() -> int:
        url = open_session(cloud)["websocket_url"].partition("?")[0]
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            async with talking(f"{url}?ticket=forged"):
                pass
        return refused.value.status

    assert asyncio.run(connect()) in (401, 403)  # the emulator makes every refusal a 403
