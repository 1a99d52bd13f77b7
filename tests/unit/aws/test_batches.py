from datetime import UTC, datetime

from chalicelib.aws.batches import answer_batch, read_batch
from tests.builders import sqs_event


def test_a_batch_is_read_in_its_order() -> None:
    first, second = read_batch(sqs_event(["a", "b"]))

    assert (first.message_id, first.body) == ("message-0", "a")
    assert (second.message_id, second.body) == ("message-1", "b")
    assert first.sent_at == datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
    assert first.receives == 1


def test_only_failures_are_named_in_the_answer() -> None:
    assert answer_batch([]) == {"batchItemFailures": []}
    assert answer_batch(["message-1"]) == {"batchItemFailures": [{"itemIdentifier": "message-1"}]}
