"""DynamoDB streams: records of changes, and the answer that has a shard go on from the first that failed."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from chalicelib import telemetry
from chalicelib.aws.tables import Item, unmarshal

THREADS = 10


@dataclass(frozen=True)
class Change:
    """One change of an item. ``kind`` is INSERT, MODIFY or REMOVE; an image may be missing."""

    sequence_number: str
    kind: str
    key: Item
    new: Item | None


def read_changes(event: Mapping[str, Any]) -> list[Change]:
    """The changes of a Lambda event that a stream sent."""
    return [_read_record(record) for record in event["Records"]]


def answer_changes(failed: Iterable[str]) -> dict[str, Sequence[dict[str, str]]]:
    """The partial batch response; the shard goes on from the lowest of the failed sequence numbers."""
    return {"batchItemFailures": [{"itemIdentifier": number} for number in sorted(failed, key=int)[:1]]}


def for_each(changes: Sequence[Change], handle: Callable[[Change], None]) -> list[str]:
    """Handle changes side by side; returns the sequence numbers of those that failed."""

    def run(change: Change) -> str | None:
        try:
            handle(change)
        except Exception:  # noqa: BLE001 - the boundary of one record
            number = change.sequence_number
            telemetry.logger.exception("change not handled", sequence_number=number, key=change.key)
            return change.sequence_number
        return None

    with ThreadPoolExecutor(THREADS) as pool:
        return [number for number in pool.map(run, changes) if number is not None]


def _read_record(record: Mapping[str, Any]) -> Change:
    change = record["dynamodb"]
    new = unmarshal(change["NewImage"]) if "NewImage" in change else None
    return Change(change["SequenceNumber"], record["eventName"], unmarshal(change["Keys"]), new)
