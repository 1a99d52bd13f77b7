import json
import random

import pytest

from chalicelib.aws.rest import HttpRequest
from chalicelib.errors import InvalidBodyError, NotFoundError, SignatureError, TooLargeError, UnavailableError
from chalicelib.webhooks.envelope import Envelope
from chalicelib.webhooks.intake import Intake
from chalicelib.webhooks.sources import MAX_BODY_BYTES
from localcloud.samples import make_event, sign
from tests.builders import NOW
from tests.fakes import FakeClock, FakeQueue, FakeSecrets

SECRET = "whsec_" + "c2VjcmV0"


@pytest.fixture
def queue() -> FakeQueue:
    return FakeQueue()


@pytest.fixture
def secrets() -> FakeSecrets:
    return FakeSecrets({"github": [SECRET], "standard-webhooks": [SECRET], "hmac-sha256": [SECRET]})


@pytest.fixture
def intake(queue: FakeQueue, secrets: FakeSecrets) -> Intake:
    return Intake(secrets, queue, FakeClock(NOW))


def request(source: str, body: bytes | None = None, *, secret: str = SECRET, **headers: str) -> HttpRequest:
    event = make_event(source, random.Random(3), body=body)
    signed = dict(sign(source, event, secret, NOW, "https://shop.example.com/webhooks/" + source))
    return HttpRequest(event.body, signed | headers, url=None, request_id="request-1")


def metrics(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines() if '"_aws"' in line]


def test_a_genuine_webhook_is_queued_with_every_byte(intake: Intake, queue: FakeQueue) -> None:
    body = b'{"a": "\xc3\xa9"}\r\n\x00\xff'

    event_id = intake.receive("github", request("github", body))

    ((group, message),) = queue.sent
    envelope = Envelope.from_message(message)
    assert group == "github"
    assert envelope.body == body
    assert envelope.external_id == event_id
    assert envelope.correlation_id == "request-1"
    assert envelope.received_at.timestamp() == NOW


def test_only_headers_worth_keeping_are_kept(intake: Intake, queue: FakeQueue) -> None:
    intake.receive("github", request("github", Authorization="Bearer token", Cookie="a=b"))

    envelope = Envelope.from_message(queue.sent[0][1])
    assert set(envelope.headers) == {"user-agent", "x-github-hook-id"}


def test_without_an_id_the_hash_of_the_body_identifies_an_event(intake: Intake, queue: FakeQueue) -> None:
    unnamed = request("github", b"{}")
    headers = {name: value for name, value in unnamed.headers.items() if name != "X-GitHub-Delivery"}

    event_id = intake.receive("github", HttpRequest(unnamed.body, headers, None, "request-1"))

    assert event_id == "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"


def test_long_headers_are_cut_so_that_the_message_still_fits(intake: Intake, queue: FakeQueue) -> None:
    odd = {"User-Agent": "é" * 7000, "Content-Type": "表" * 7000}

    intake.receive("github", request("github", b"x" * MAX_BODY_BYTES, **odd))

    assert len(queue.sent[0][1]) < 1024 * 1024


def test_an_unknown_source_is_not_found(intake: Intake, queue: FakeQueue, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(NotFoundError):
        intake.receive("nobody\n", request("github"))

    assert queue.sent == []
    (metric,) = metrics(capsys)
    assert (metric["source"], metric["reason"]) == ("unknown", "not_found")


def test_a_source_without_secrets_does_not_exist_here(queue: FakeQueue) -> None:
    with pytest.raises(NotFoundError):
        Intake(FakeSecrets({}), queue, FakeClock(NOW)).receive("github", request("github"))


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

    Intake(secrets, queue, FakeClock(NOW)).receive("github", request("github", secret="new"))

    assert len(queue.sent) == 1
    assert secrets.refreshes == 1


def test_a_good_signature_needs_no_refresh(intake: Intake, secrets: FakeSecrets) -> None:
    intake.receive("github", request("github"))

    assert secrets.refreshes == 0


def test_what_is_malformed_is_refused_without_a_look_at_the_secrets(queue: FakeQueue) -> None:
    unreadable = FakeSecrets({}, broken=True)
    intake = Intake(unreadable, queue, FakeClock(NOW))

    for headers in ({}, {"X-Hub-Signature-256": "rubbish"}, {"X-Hub-Signature-256": "sha256=é"}):
        with pytest.raises(SignatureError):
            intake.receive("github", HttpRequest(b"{}", headers, None, "request-1"))
    with pytest.raises(UnavailableError):
        intake.receive("github", request("github"))


def test_a_body_over_the_limit_is_refused_before_anything_is_read(intake: Intake, secrets: FakeSecrets) -> None:
    with pytest.raises(TooLargeError, match=str(MAX_BODY_BYTES)):
        intake.receive("github", request("github", b"x" * (MAX_BODY_BYTES + 1)))


def test_a_body_at_the_limit_fits_a_message(intake: Intake, queue: FakeQueue) -> None:
    intake.receive("github", request("github", b"x" * MAX_BODY_BYTES))

    assert len(queue.sent[0][1]) < 1024 * 1024


def test_a_sender_that_can_correct_itself_is_told_what_is_wrong(intake: Intake, queue: FakeQueue) -> None:
    with pytest.raises(InvalidBodyError) as refused:
        intake.receive("standard-webhooks", request("standard-webhooks", b'{"type": "invoice.paid"}'))

    assert [reason.split()[0] for reason in refused.value.reasons] == ["`timestamp`", "`data`"]
    assert queue.sent == []


def test_a_sender_that_never_redelivers_is_never_refused_for_its_body(intake: Intake, queue: FakeQueue) -> None:
    intake.receive("github", request("github", b"payload=%7B%7D"))

    assert len(queue.sent) == 1


def test_an_invalid_body_is_not_examined_before_its_signature(intake: Intake) -> None:
    with pytest.raises(SignatureError):
        intake.receive("standard-webhooks", request("standard-webhooks", b"{}", secret="whsec_b3RoZXI="))


def test_without_the_queue_nothing_is_acknowledged(intake: Intake, queue: FakeQueue) -> None:
    queue.broken = True

    with pytest.raises(UnavailableError):
        intake.receive("github", request("github"))


def test_neither_payload_nor_secret_is_logged(intake: Intake, capsys: pytest.CaptureFixture[str]) -> None:
    intake.receive("github", request("github", b'{"card": "4111 1111 1111 1111"}'))
    with pytest.raises(SignatureError):
        intake.receive("github", request("github", b'{"card": "4111 1111 1111 1111"}', secret="another"))

    written = capsys.readouterr().out
    assert "4111" not in written
    assert SECRET not in written
    assert "sha256=" not in written
