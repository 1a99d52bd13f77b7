import random
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from chalicelib.errors import SignatureError
from chalicelib.webhooks.signatures import verify
from chalicelib.webhooks.sources import SOURCES
from localcloud import samples
from localcloud.sending import NoSampleError, Order, send

SECRET = "whsec_c2VjcmV0"


class Receiver(ThreadingHTTPServer):
    """Verifies what it gets as Frontdesk does, and answers 202 or 401."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        source = SOURCES[self.path.partition("?")[0].removeprefix("/webhooks/")]
        try:
            verify(
                source.scheme,
                body=body,
                headers=dict(self.headers),
                secrets=[SECRET],
                now=time.time(),
                url=self.server.address + self.path,
                options=source.options,
            )
        except SignatureError:
            self.send_response(401)
        else:
            self.send_response(202)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("source", samples.SOURCES)
def test_every_source_is_sent_as_its_provider_would(receiver: Receiver, source: str) -> None:
    sent = list(send(receiver.address, SECRET, Order(source, 12), random.Random(7)))

    assert [delivery.status for delivery in sent] == [202] * 12


@pytest.mark.parametrize("source", samples.SOURCES)
def test_a_bad_signature_is_bad_for_every_source(receiver: Receiver, source: str) -> None:
    sent = list(send(receiver.address, SECRET, Order(source, 12, bad_signature=True), random.Random(7)))

    assert [delivery.status for delivery in sent] == [401] * 12


@pytest.mark.parametrize("source", samples.SOURCES)
def test_any_body_can_be_sent(receiver: Receiver, source: str) -> None:
    (sent,) = send(receiver.address, SECRET, Order(source, 1, body=b"\x00\xff"), random.Random(7))

    assert (sent.status, sent.event.body) == (202, b"\x00\xff")


def test_the_same_event_is_sent_again(receiver: Receiver) -> None:
    sent = list(send(receiver.address, SECRET, Order("slack", 5, same_event=True), random.Random(7)))

    assert len({delivery.event.event_id for delivery in sent}) == 1


def test_only_one_type_is_sent(receiver: Receiver) -> None:
    order = Order("shopify", 3, event_type="orders/cancelled")

    sent = list(send(receiver.address, SECRET, order, random.Random(7)))

    assert [delivery.event.event_type for delivery in sent] == ["orders/cancelled"] * 3


def test_a_type_without_samples_is_told(receiver: Receiver) -> None:
    with pytest.raises(NoSampleError, match="github has issues, pull_request, push"):
        list(send(receiver.address, SECRET, Order("github", 1, event_type="star"), random.Random(7)))


def test_a_source_without_samples_is_told(receiver: Receiver) -> None:
    with pytest.raises(NoSampleError) as refused:
        list(send(receiver.address, SECRET, Order("warehouse", 1), random.Random(7)))

    assert str(refused.value) == (
        "warehouse has no sample: add one in localcloud/samples.py and a signer in localcloud/signing.py."
    )
