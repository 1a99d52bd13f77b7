"""What happens to messages that fail: retried, then dead-lettered; and nothing lost when the database dies."""

import json
import random
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from localcloud.samples import make_event
from tests.builders import make_envelope
from tests.integration.cloud import Cloud, eventually


def receive_all(cloud: Cloud, queue: str) -> list[dict[str, Any]]:
    """Take every message out of a queue."""
    client, url = cloud.client("sqs"), cloud.queue_url(queue)
    taken = []
    while messages := client.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"], VisibilityTimeout=60
    ).get("Messages"):
        for message in messages:
            taken.append(message)
            client.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return taken


def depth(cloud: Cloud, queue: str) -> int:
    """Messages in a queue, those under way included."""
    attributes = cloud.client("sqs").get_queue_attributes(QueueUrl=cloud.queue_url(queue), AttributeNames=["All"])
    counts = attributes["Attributes"]
    return int(counts["ApproximateNumberOfMessages"]) + int(counts["ApproximateNumberOfMessagesNotVisible"])


def send_batch(cloud: Cloud, bodies: list[str]) -> None:
    entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies)]
    cloud.client("sqs").send_message_batch(QueueUrl=cloud.queue_url("webhook-events"), Entries=entries)


@dataclass(frozen=True)
class Sent:
    """What the tests of the dead-letter queue send, all at once since three receives take half a minute."""

    refused: str
    good: tuple[str, ...]
    rubbish: str


@pytest.fixture(scope="module")
def sent(cloud: Cloud) -> Iterator[Sent]:
    """A batch of ten of which the database refuses one each time, and a message that is no envelope."""
    unique = uuid.uuid4().hex
    sent = Sent(f"refused-{unique}", tuple(f"good-{unique}-{number}" for number in range(9)), f"rubbish {unique}")
    cloud.query("create function refuse() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$")
    cloud.query(
        "create trigger refuse before insert on webhook_events for each row"
        " when (new.external_id like 'refused-%%') execute function refuse()"
    )
    ids = [*sent.good[:4], sent.refused, *sent.good[4:]]
    send_batch(cloud, [make_envelope(external_id=external_id).to_message() for external_id in ids])
    send_batch(cloud, [sent.rubbish])
    yield sent
    cloud.query("drop function refuse cascade")


@pytest.fixture(scope="module")
def dead(cloud: Cloud, sent: Sent) -> list[str]:
    """The dead-letter queue after the last receive."""
    eventually(lambda: depth(cloud, "webhook-events") == 0, seconds=60)
    return [message["Body"] for message in receive_all(cloud, "webhook-events-dlq")]


def test_nine_of_ten_are_stored_at_once(cloud: Cloud, sent: Sent) -> None:
    eventually(lambda: all(cloud.arrived(external_id) for external_id in sent.good), seconds=10)
    assert cloud.arrived(sent.refused) == []


def test_only_what_cannot_be_stored_is_dead_lettered(sent: Sent, dead: list[str]) -> None:
    assert sent.rubbish in dead
    (envelope,) = [json.loads(body) for body in dead if body != sent.rubbish]
    assert envelope["external_id"] == sent.refused


def test_it_takes_three_receives(cloud: Cloud, sent: Sent, dead: list[str]) -> None:
    lines = cloud.logs().splitlines()
    assert sum(sent.refused in line and "webhooks failed" in line for line in lines) == 3


def test_nothing_is_lost_when_postgresql_is_killed(cloud: Cloud) -> None:
    """500 events are sent while PostgreSQL is killed with SIGKILL and comes back ten seconds later."""
    chance = random.Random(11)
    accepted = set()
    for number in range(500):
        event = make_event("github", chance)
        if number == 100:
            cloud.command("kill", "postgres", "--seconds", "10")
            killed = time.monotonic()
        answer = cloud.deliver("github", event)
        assert answer.status_code == 202, answer.text
        accepted.add(answer.json()["event_id"])
        time.sleep(0.005)

    eventually(lambda: depth(cloud, "webhook-events") == 0, seconds=90)
    assert time.monotonic() - killed > 10
    dead = receive_all(cloud, "webhook-events-dlq")
    for message in dead:
        send_batch(cloud, [message["Body"]])
    eventually(lambda: depth(cloud, "webhook-events") == 0, seconds=60)

    stored = [row[0] for row in cloud.query("select external_id from webhook_events where source = 'github'")]
    assert accepted <= set(stored)
    assert len(stored) == len(set(stored))
