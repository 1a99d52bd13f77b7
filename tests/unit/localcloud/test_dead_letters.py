from dataclasses import dataclass
from typing import Any

from localcloud.dead_letters import DeadLetters


@dataclass
class FakeSqs:
    """Knows how many messages each queue holds; one of them is under way."""

    depths: dict[str, int]

    def list_queues(self, QueueNamePrefix: str) -> dict[str, Any]:  # noqa: N803 - as AWS names it
        return {"QueueUrls": [f"http://127.0.0.1/0/{QueueNamePrefix}{name}" for name in self.depths]}

    def get_queue_attributes(self, QueueUrl: str, AttributeNames: list[str]) -> dict[str, Any]:  # noqa: N803
        depth = self.depths[QueueUrl.rpartition("/frontdesk-local-")[2]]
        visible, hidden = AttributeNames
        return {"Attributes": {visible: str(max(0, depth - 1)), hidden: str(min(1, depth))}}


def test_what_arrives_is_said_once() -> None:
    sqs = FakeSqs({"webhook-events": 7, "webhook-events-dlq": 0})
    letters = DeadLetters(sqs)

    def news_with(depth: int) -> list[str]:
        sqs.depths["webhook-events-dlq"] = depth
        return list(letters.news())

    assert news_with(0) == []
    assert news_with(1) == ["1 message is in webhook-events-dlq: python -m ops dlq list"]
    assert news_with(1) == []
    assert news_with(3) == ["3 messages are in webhook-events-dlq: python -m ops dlq list"]
    assert news_with(2) == []
    assert news_with(3) == ["3 messages are in webhook-events-dlq: python -m ops dlq list"]


def test_there_may_be_no_queues() -> None:
    assert list(DeadLetters(FakeSqs({})).news()) == []
