import json

import pytest

from chalicelib.aws.batches import read_batch
from chalicelib.webhooks.event_store import Outcome, Written
from chalicelib.webhooks.processing import Processor, read_event
from tests.builders import NOW, make_envelope, sqs_event
from tests.fakes import FakeBucket, FakeClock, FakeStore


@pytest.fixture
def store() -> FakeStore:
    return FakeStore()


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def processor(store: FakeStore, bucket: FakeBucket) -> Processor:
    return Processor(store, bucket, FakeClock(NOW + 2))


def process(processor: Processor, bodies: list[str]) -> list[str]:
    return processor.process(read_batch(sqs_event(bodies)))


def message(external_id: str, body: bytes = b"{}") -> str:
    return make_envelope(body, external_id=external_id).to_message()


def test_a_good_batch_has_no_failures(processor: Processor, store: FakeStore) -> None:
    assert process(processor, [message("a"), message("b")]) == []

    assert [event.envelope.external_id for event in store.written] == ["a", "b"]


def test_only_failed_messages_come_back(processor: Processor, store: FakeStore) -> None:
    store.outcomes = {"b": Written(Outcome.FAILED, "refused"), "c": Written(Outcome.DUPLICATE)}

    assert process(processor, [message("a"), message("b"), message("c")]) == ["message-1"]


def test_a_message_that_is_no_envelope_comes_back_and_the_rest_is_stored(
    processor: Processor, store: FakeStore
) -> None:
    assert process(processor, ["rubbish", message("a"), "{}"]) == ["message-0", "message-2"]

    assert [event.envelope.external_id for event in store.written] == ["a"]


def test_without_the_database_all_come_back(
    processor: Processor, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.broken = True

    assert process(processor, [message("a"), message("b")]) == ["message-0", "message-1"]

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in written if "_aws" not in line]
    assert (line["level"], line["message"], line["count"]) == ("ERROR", "events not stored", 2)
    assert line["event_ids"] == ["a", "b"]
    assert [line["WebhooksFailed"] for line in written if "_aws" in line] == [[2.0]]


def test_an_event_that_failed_alone_has_its_line(
    processor: Processor, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.outcomes = {"b": Written(Outcome.FAILED, "refused")}

    process(processor, [message("a"), message("b")])

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    (line,) = [line for line in written if line.get("level") == "ERROR"]
    assert [(event["event_id"], event["detail"]) for event in line["events"]] == [("b", "refused")]


def test_outcomes_and_ages_are_counted_by_source(
    processor: Processor, store: FakeStore, capsys: pytest.CaptureFixture[str]
) -> None:
    store.outcomes = {"b": Written(Outcome.DUPLICATE)}

    process(processor, [message("a"), message("b")])

    written = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    metrics = {name: line[name] for line in written if "_aws" in line for name in line if name.startswith("Webhook")}
    assert metrics == {"WebhooksStored": [1.0], "WebhooksDuplicate": [1.0], "WebhookAgeAtStoring": [2000.0]}


def test_each_event_is_logged_under_the_id_of_its_request(
    processor: Processor, capsys: pytest.CaptureFixture[str]
) -> None:
    process(processor, [message("a", b'{"card": "4111 1111 1111 1111"}')])

    output = capsys.readouterr().out
    logs = [json.loads(line) for line in output.splitlines() if "_aws" not in line]
    known = {"source": "github", "event_id": "a", "correlation_id": "6c1f6f0e-2c5e-4a55-9d3a-0f1e2d3c4b5a"}
    assert [(log["message"], log["events"]) for log in logs] == [("webhooks stored", [known])]
    assert "4111" not in output


class TestBodiesInTheBucket:
    def large(self, bucket: FakeBucket, external_id: str, body: bytes = b"{}") -> str:
        envelope = make_envelope(body, external_id=external_id, correlation_id=f"request-{external_id}")
        return envelope.in_bucket(bucket.put).to_message()

    def test_a_body_is_fetched_and_deleted_once_it_is_stored(
        self, processor: Processor, store: FakeStore, bucket: FakeBucket
    ) -> None:
        assert process(processor, [self.large(bucket, "a"), message("b")]) == []

        assert [event.envelope.body for event in store.written] == [b"{}", b"{}"]
        assert bucket.objects == {}

    @pytest.mark.parametrize("outcome", [Outcome.PARKED, Outcome.DUPLICATE, Outcome.CONFLICT])
    def test_whatever_else_became_of_it_the_object_is_not_needed(
        self, processor: Processor, store: FakeStore, bucket: FakeBucket, outcome: Outcome
    ) -> None:
        store.outcomes = {"a": Written(outcome)}

        assert process(processor, [self.large(bucket, "a")]) == []

        assert bucket.objects == {}

    def test_as_long_as_it_may_come_back_the_object_stays(
        self, processor: Processor, store: FakeStore, bucket: FakeBucket
    ) -> None:
        store.outcomes = {"a": Written(Outcome.FAILED, "refused")}
        assert process(processor, [self.large(bucket, "a")]) == ["message-0"]
        store.broken = True
        assert process(processor, [self.large(bucket, "b")]) == ["message-0"]

        assert len(bucket.objects) == 2

    def test_an_object_that_is_gone_is_the_stores_business(
        self, processor: Processor, store: FakeStore, bucket: FakeBucket
    ) -> None:
        text = self.large(bucket, "a")
        bucket.objects.clear()

        assert process(processor, [text]) == []

        (event,) = store.written
        assert (event.envelope.external_id, event.envelope.body) == ("a", None)

    def test_without_the_bucket_only_its_messages_come_back(
        self, processor: Processor, store: FakeStore, bucket: FakeBucket
    ) -> None:
        text = self.large(bucket, "a")
        bucket.broken = True

        assert process(processor, [text, message("b")]) == ["message-0"]

        assert [event.envelope.external_id for event in store.written] == ["b"]

    def test_an_object_of_other_bytes_is_no_body(self, processor: Processor, bucket: FakeBucket) -> None:
        text = self.large(bucket, "a")
        bucket.objects = dict.fromkeys(bucket.objects, b"[]")

        assert process(processor, [text]) == ["message-0"]


class TestReading:
    def test_json_stands_beside_the_raw_body(self) -> None:
        event = read_event(make_envelope(b'{"a": 1}'))

        assert (event.payload, event.reason) == ('{"a": 1}', None)

    @pytest.mark.parametrize(
        ("body", "reason"),
        [(b"\xff", "UTF-8"), (b'"\\u0000"', "U+0000"), (b"a=b", "JSON")],
    )
    def test_what_cannot_be_used_is_parked_with_its_reason(self, body: bytes, reason: str) -> None:
        event = read_event(make_envelope(body))

        assert event.payload is None
        assert reason in (event.reason or "")
        assert event.envelope.body == body

    def test_json_of_another_shape_is_parked_with_its_payload(self) -> None:
        event = read_event(make_envelope(b"[]"))

        assert (event.payload, event.reason) == ("[]", "The body must be a JSON object.")

    def test_an_event_of_a_source_that_is_gone_is_parked(self) -> None:
        assert "no longer known" in (read_event(make_envelope(source="former")).reason or "")
