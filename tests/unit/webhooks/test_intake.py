import hashlib
import hmac
import json
import random
from dataclasses import replace
from http import HTTPStatus
from typing import ClassVar

import pytest

from chalicelib.aws.rest import Answer, HttpRequest
from chalicelib.errors import (
    NotFoundError,
    RequestError,
    SignatureError,
    TooLargeError,
    UnavailableError,
)
from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES, Envelope
from chalicelib.webhooks.intake import Intake
from chalicelib.webhooks.sources import MAX_BODY_BYTES
from localcloud.samples import make_event, sign
from tests.builders import NOW, no_object
from tests.fakes import FakeBucket, FakeClock, FakeQueue, FakeSecrets
from tests.metric_lines import values_of

SECRET = "whsec_" + "c2VjcmV0"


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def secrets() -> FakeSecrets:
    return FakeSecrets(
        {name: [SECRET] for name in ("github", "standard-webhooks", "hmac-sha256", "slack")},
        tokens={"meta": ["agreed"]},
    )


@pytest.fixture
def bucket() -> FakeBucket:
    return FakeBucket()


@pytest.fixture
def intake(queue: FakeQueue, secrets: FakeSecrets, bucket: FakeBucket) -> Intake:
    return Intake(secrets, queue, bucket, FakeClock(NOW))


def request(source: str, body: bytes | None = None, *, secret: str = SECRET, **headers: str) -> HttpRequest:
    event = make_event(source, random.Random(3), body=body)
    signed = dict(sign(source, event, secret, NOW, "https://shop.example.com/webhooks/" + source))
    return HttpRequest(event.body, signed | headers, url=None, request_id="request-1")


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_genuine_webhook_is_queued_with_every_byte(intake: Intake, queue: FakeQueue) -> None:
    body = b'{"a": "\xc3\xa9"}\r\n\x00\xff'

    answer = intake.receive("github", request("github", body))

    ((group, message),) = queue.sent
    envelope = Envelope.from_message(message, no_object)
    assert group == "github"
    assert envelope.body == body
    assert answer == Answer({"status": "accepted", "event_id": envelope.external_id}, HTTPStatus.ACCEPTED)
    assert envelope.correlation_id == "request-1"
    assert envelope.received_at.timestamp() == NOW


def test_only_headers_worth_keeping_are_kept(intake: Intake, queue: FakeQueue) -> None:
    intake.receive("github", request("github", Authorization="Bearer token", Cookie="a=b"))

    envelope = Envelope.from_message(queue.sent[0][1], no_object)
    assert set(envelope.headers) == {"user-agent", "x-github-hook-id"}


def test_without_an_id_the_hash_of_the_body_identifies_an_event(intake: Intake, queue: FakeQueue) -> None:
    unnamed = request("github", b"{}")
    headers = {name: value for name, value in unnamed.headers.items() if name != "X-GitHub-Delivery"}

    answer = intake.receive("github", HttpRequest(unnamed.body, headers, None, "request-1"))

    assert answer.body["event_id"] == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_long_headers_are_cut_so_that_the_message_still_fits(intake: Intake, queue: FakeQueue) -> None:
    odd = {"User-Agent": "é" * 7000, "Content-Type": "表" * 7000}

    intake.receive("github", request("github", b"x" * MAX_INLINE_BODY_BYTES, **odd))

    assert len(queue.sent[0][1]) < 1024 * 1024


def test_an_unknown_source_is_not_found(intake: Intake, queue: FakeQueue, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFoundError):
        intake.receive("nobody\n", request("github"))

    assert queue.sent == []
    (metric,) = metrics(capsys)
    assert (metric["source"], metric["reason"]) == ("unknown", "not_found")


def test_a_source_without_secrets_does_not_exist_here(queue: FakeQueue) -> None:
    with pytest.raises(NotFoundError):
        Intake(FakeSecrets({}), queue, FakeBucket(), FakeClock(NOW)).receive("github", request("github"))


def test_a_forged_signature_is_refused_and_counted(
    intake: Intake, queue: FakeQueue, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SignatureError):
        intake.receive("github", request("github", secret="another"))

    assert queue.sent == []
    (metric,) = metrics(capsys)
    assert (metric["source"], metric["reason"]) == ("github", "invalid_signature")


def test_a_rotated_secret_is_found_at_once(queue: FakeQueue) -> None:
    secrets = FakeSecrets(cached={"github": ["old"]}, stored={"github": ["new", "old"]})

    Intake(secrets, queue, FakeBucket(), FakeClock(NOW)).receive("github", request("github", secret="new"))

    assert len(queue.sent) == 1
    assert secrets.refreshes == 1


def test_a_good_signature_needs_no_refresh(intake: Intake, secrets: FakeSecrets) -> None:
    intake.receive("github", request("github"))

    assert secrets.refreshes == 0


def test_what_is_malformed_is_refused_without_a_look_at_the_secrets(queue: FakeQueue) -> None:
    unreadable = FakeSecrets({}, broken=True)
    intake = Intake(unreadable, queue, FakeBucket(), FakeClock(NOW))

    for headers in ({}, {"X-Hub-Signature-256": "rubbish"}, {"X-Hub-Signature-256": "sha256=é"}):
        with pytest.raises(SignatureError):
            intake.receive("github", HttpRequest(b"{}", headers, None, "request-1"))
    with pytest.raises(UnavailableError):
        intake.receive("github", request("github"))


def test_a_body_over_the_limit_is_refused_before_anything_is_read(intake: Intake, secrets: FakeSecrets) -> None:
    with pytest.raises(TooLargeError, match=str(MAX_BODY_BYTES)):
        intake.receive("github", request("github", b"x" * (MAX_BODY_BYTES + 1)))


def test_a_body_at_the_limit_of_a_message_fits_it(intake: Intake, queue: FakeQueue, bucket: FakeBucket) -> None:
    intake.receive("github", request("github", b"x" * MAX_INLINE_BODY_BYTES))

    assert len(queue.sent[0][1]) < 1024 * 1024
    assert bucket.objects == {}


@pytest.mark.parametrize("size", [MAX_INLINE_BODY_BYTES + 1, MAX_BODY_BYTES])
def test_a_larger_body_travels_through_the_bucket(
    intake: Intake, queue: FakeQueue, bucket: FakeBucket, size: int
) -> None:
    body = b"x" * size

    intake.receive("github", request("github", body))

    ((_, message),) = queue.sent
    assert len(message) < 2000
    assert list(bucket.objects.values()) == [body]
    assert Envelope.from_message(message, bucket.get).body == body


def test_two_deliveries_of_one_large_event_have_an_object_each(intake: Intake, bucket: FakeBucket) -> None:
    delivery = request("github", b"x" * MAX_BODY_BYTES)

    intake.receive("github", delivery)
    intake.receive("github", replace(delivery, request_id="request-2"))

    assert len(bucket.objects) == 2


def test_without_the_bucket_a_large_body_is_not_accepted(intake: Intake, queue: FakeQueue, bucket: FakeBucket) -> None:
    bucket.broken = True

    with pytest.raises(UnavailableError):
        intake.receive("github", request("github", b"x" * MAX_BODY_BYTES))

    assert queue.sent == []


class TestSlacksHandshake:
    BODY = b'{"type":"url_verification","token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV"}'

    def request(self, body: bytes, secret: str = SECRET) -> HttpRequest:
        signed = f"v0:{int(NOW)}:".encode() + body
        signature = "v0=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()
        headers = {"X-Slack-Signature": signature, "X-Slack-Request-Timestamp": str(int(NOW))}
        return HttpRequest(body, headers, None, "request-1")

    def test_the_challenge_is_echoed_and_nothing_queued(self, intake: Intake, queue: FakeQueue) -> None:
        assert intake.receive("slack", self.request(self.BODY)) == Answer({"challenge": "3eZbrw1aBm2rZgRNFdxV"})
        assert queue.sent == []

    def test_a_stranger_hears_nothing(self, intake: Intake) -> None:
        with pytest.raises(SignatureError):
            intake.receive("slack", self.request(self.BODY, secret="another"))

    @pytest.mark.parametrize("challenge", ["null", "7", '""', '"<b> </b>"', '"\\u00e9"', f'"{"x" * 256}"'])
    def test_an_odd_challenge_is_refused(self, intake: Intake, challenge: str) -> None:
        body = b'{"type":"url_verification","challenge":' + challenge.encode() + b"}"

        with pytest.raises(RequestError):
            intake.receive("slack", self.request(body))

    def test_another_event_is_queued(self, intake: Intake, queue: FakeQueue) -> None:
        intake.receive("slack", self.request(b'{"type":"event_callback","event_id":"Ev1","event":{"type":"message"}}'))

        envelope = Envelope.from_message(queue.sent[0][1], no_object)
        assert (envelope.external_id, envelope.event_type) == ("Ev1", "message")


class TestMetasHandshake:
    QUERY: ClassVar = {"hub.mode": "subscribe", "hub.verify_token": "agreed", "hub.challenge": "1158201444"}

    def get(self, **changes: str) -> HttpRequest:
        return HttpRequest(b"", {}, None, "request-1", self.QUERY | {f"hub.{key}": changes[key] for key in changes})

    def test_the_challenge_is_echoed_as_text(self, intake: Intake) -> None:
        answer = intake.answer_handshake("meta", self.get())

        assert answer == Answer("1158201444", content_type="text/plain")

    @pytest.mark.parametrize("token", ["", "Agreed", "agreed ", "é", "\ud800", SECRET])
    def test_a_wrong_token_is_refused(self, intake: Intake, token: str) -> None:
        with pytest.raises(SignatureError):
            intake.answer_handshake("meta", self.get(verify_token=token))

    def test_without_an_agreed_token_all_are_refused(self, intake: Intake, secrets: FakeSecrets) -> None:
        secrets.tokens = {}

        with pytest.raises(SignatureError):
            intake.answer_handshake("meta", self.get(verify_token=""))

    @pytest.mark.parametrize("changes", [{"mode": "unsubscribe"}, {"challenge": ""}, {"challenge": "<script>\n"}])
    def test_an_odd_request_is_refused(self, intake: Intake, changes: dict[str, str]) -> None:
        with pytest.raises(RequestError):
            intake.answer_handshake("meta", self.get(**changes))

    @pytest.mark.parametrize("source", ["github", "slack", "nobody"])
    def test_other_sources_have_none(self, intake: Intake, source: str) -> None:
        with pytest.raises(NotFoundError):
            intake.answer_handshake(source, self.get())


def test_an_acknowledgement_is_timed_from_when_the_gateway_had_the_request(
    secrets: FakeSecrets, queue: FakeQueue, bucket: FakeBucket, capsys: pytest.CaptureFixture[str]
) -> None:
    """What comes before the handler, a cold start above all, is part of what the sender waits for."""
    intake = Intake(secrets, queue, bucket, FakeClock(NOW))

    intake.receive("github", replace(request("github"), arrived_at=NOW - 0.75))
    intake.receive("github", replace(request("github"), arrived_at=NOW + 0.002))  # clocks differ
    intake.receive("github", request("github"))

    assert values_of(capsys.readouterr().out, "WebhookAckTime") == [750.0, 0.0, 0.0]
