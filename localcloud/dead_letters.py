"""Noticing what arrives in the dead-letter queues, which nobody would see otherwise."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from localcloud.layout import STAGE

_PREFIX = f"frontdesk-{STAGE}-"
_COUNTS = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]


@dataclass
class DeadLetters:
    """The dead-letter queues. ``sqs`` is a client."""

    sqs: Any
    _before: dict[str, int] = field(default_factory=dict)

    def news(self) -> Iterator[str]:
        """A line for each queue that holds more messages than when it was last looked at."""
        for url in self.sqs.list_queues(QueueNamePrefix=_PREFIX).get("QueueUrls", []):
            name = url.rpartition("/")[2].removeprefix(_PREFIX)
            if not name.endswith("-dlq"):
                continue
            depth = self._depth(url)
            if depth > self._before.get(name, 0):
                are = "message is" if depth == 1 else "messages are"
                yield f"{depth} {are} in {name}: python -m ops dlq list"
            self._before[name] = depth

    def _depth(self, url: str) -> int:
        counts = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=_COUNTS)["Attributes"]
        return sum(int(counts[name]) for name in _COUNTS)
