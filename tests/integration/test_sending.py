"""What ``send`` tells of the shop's orders arrives as it is told."""

import random
import uuid
from typing import Any

import pytest

from localcloud.model.orders import ASK_FOR_EMAIL
from localcloud.samples import SOURCES, make_event
from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import Chat


def orders(cloud: Cloud) -> list[tuple[Any, ...]]:
    return cloud.query("select number, status from orders where number < 1005 order by number")


def test_every_order_reaches_the_end_of_its_story(cloud: Cloud) -> None:
    cloud.command("send", "shopify", "--count", "18")

    delivered, cancelled = "delivered", "cancelled"
    states = [(1001, delivered), (1002, delivered), (1003, cancelled), (1004, delivered)]
    # A batch that meets its time limit while the functions are cold is delivered again after 12 seconds.
    eventually(lambda: orders(cloud) == states, seconds=40)


def test_an_order_is_asked_for_in_the_chat_with_what_was_printed(cloud: Cloud, chat: Chat) -> None:
    (line,) = cloud.command("send", "shopify").stdout.splitlines()
    number, email = line.rpartition("order ")[2].split(", ")
    assert (number, email) == ("1001", "aiko@example.com")
    eventually(lambda: 1001 in [number for number, _ in orders(cloud)], seconds=40)

    _, customer = chat.begin()
    assert customer.ask(f"Where is my order {number}?") == ASK_FOR_EMAIL
    assert customer.ask(email).startswith("Your order 1001 is")


@pytest.mark.parametrize("source", SOURCES)
def test_every_kind_of_sample_is_stored(cloud: Cloud, source: str) -> None:
    chance = random.Random(uuid.uuid4().int)
    events = [make_event(source, chance, number) for number in range(20)]

    assert [cloud.deliver(source, event).status_code for event in events] == [202] * 20

    ids = [event.event_id for event in events]
    states = "select event_type, state from webhook_events where source = %s and external_id = any(%s)"
    eventually(lambda: len(cloud.query(states, source, ids)) == 20, seconds=40)
    assert sorted(cloud.query(states, source, ids)) == sorted((event.event_type, "stored") for event in events)


def test_a_type_without_samples_is_told(cloud: Cloud) -> None:
    result = cloud.command("send", "meta", "--type", "group", check=False)

    assert result.returncode == 1
    assert result.stderr == "Error: There is no sample of group; meta has page, whatsapp_business_account.\n"
