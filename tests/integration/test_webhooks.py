"""Webhooks through every layer of the local cloud: HTTP, function, queue, function, PostgreSQL."""

import gzip
import hashlib
import json
import random
import string
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any
from urllib.parse import quote, urlencode

import pytest
import requests
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.webhooks.envelope import MAX_INLINE_BODY_BYTES
from chalicelib.webhooks.sources import MAX_BODY_BYTES, SOURCES
from localcloud import samples
from localcloud.samples import Event, make_event
from tests.builders import make_envelope
from tests.integration.cloud import Cloud, eventually, read_json_lines
from tests.openapi import SIGNATURE_HEADERS, require_described

ODD_BODIES = {
    "json": b'{"a": "\xc3\xa9"}',
    "empty": b"",
    "crlf": b'{\r\n"a": 1\r\n}\r\n',
    "nul": b'{"a": "\x00"}',
    "escaped nul": b'{"a": "\\u0000"}',
    "invalid utf-8": b'{"a": "\xff\xfe\xc3"}',
    "every byte": bytes(range(256)) * 4,
    "form": b"payload=%7B%22a%22%3A1%7D",
    "bom": b"\xef\xbb\xbf{}",
    "deep": b"[" * 10_000,
    "large": bytes(random.Random(5).randbytes(MAX_BODY_BYTES)),
}


def new_event(body: bytes | None = None, source: str = "github") -> Event:
    return make_event(source, random.Random(uuid.uuid4().int), body=body)


@pytest.mark.parametrize("source", samples.SOURCES)
def test_a_signed_webhook_ends_in_postgresql(cloud: Cloud, source: str) -> None:
    event = new_event(source=source)

    answer = cloud.deliver(source, event)

    assert answer.status_code == 202
    assert answer.json() == {"status": "accepted", "event_id": event.event_id}
    ((body, state, _),) = eventually(lambda: cloud.arrived(event.event_id))
    assert (bytes(body), state) == (event.body, "stored")


@pytest.mark.parametrize("name", ODD_BODIES)
def test_every_byte_arrives(cloud: Cloud, name: str) -> None:
    event = new_event(ODD_BODIES[name])

    assert cloud.deliver("github", event).status_code == 202

    ((body, _, _),) = eventually(lambda: cloud.arrived(event.event_id))
    assert bytes(body) == ODD_BODIES[name]


def test_a_compressed_body_is_signed_and_kept_as_it_is(cloud: Cloud) -> None:
    event = new_event(gzip.compress(b"{}"))
    headers = cloud.sign("github", event) | {"Content-Encoding": "gzip"}

    assert cloud.post("github", event.body, headers).status_code == 202

    ((body, _, _),) = eventually(lambda: cloud.arrived(event.event_id))
    assert bytes(body) == event.body


def test_delivered_five_times_it_is_one_row(cloud: Cloud) -> None:
    event = new_event()
    with ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda _: cloud.deliver("github", event), range(5)))

    assert [answer.status_code for answer in answers] == [202] * 5
    eventually(lambda: cloud.arrived(event.event_id))
    eventually(lambda: cloud.logs().count(f'"event_id":"{event.event_id}"') >= 10)
    assert len(cloud.arrived(event.event_id)) == 1


def test_without_an_id_the_body_is_the_id(cloud: Cloud) -> None:
    event = new_event(uuid.uuid4().bytes)
    headers = cloud.sign("github", event)
    del headers["X-GitHub-Delivery"]

    answer = cloud.post("github", event.body, headers)

    assert answer.json()["event_id"] == "sha256:" + hashlib.sha256(event.body).hexdigest()
    eventually(lambda: cloud.arrived(answer.json()["event_id"]))


@pytest.mark.parametrize("source", samples.SOURCES)
def test_a_wrong_secret_is_401(cloud: Cloud, source: str) -> None:
    answer = cloud.deliver(source, new_event(source=source), secret="whsec_d3Jvbmc=")

    assert answer.status_code == 401
    assert answer.json()["code"] == "invalid_signature"


@pytest.mark.parametrize("name", ["nobody", "GitHub", "%00", "%0A", "..%2Fhealth", "github%20", "é" * 50])
def test_an_unknown_source_is_404(cloud: Cloud, name: str) -> None:
    answer = cloud.post(name, b"{}", {})

    assert answer.status_code == 404
    assert set(answer.json()) == {"code", "message"}


def test_an_invalid_body_is_400_with_every_reason(cloud: Cloud) -> None:
    answer = cloud.deliver("standard-webhooks", new_event(b'{"type": 7}', "standard-webhooks"))

    assert answer.status_code == 400
    assert answer.json()["code"] == "invalid_body"
    assert len(answer.json()["reasons"]) == 3


def test_what_cannot_be_used_is_parked_and_never_refused(cloud: Cloud) -> None:
    event = new_event(b"payload=%7B%7D")

    assert cloud.deliver("github", event).status_code == 202

    ((_, state, _),) = eventually(lambda: cloud.arrived(event.event_id))
    assert state == "parked"
    ((reason,),) = cloud.query("select reason from webhook_events where external_id = %s", event.event_id)
    assert "not JSON" in reason


def test_a_body_over_the_limit_is_413(cloud: Cloud) -> None:
    answer = cloud.deliver("github", new_event(b"x" * (MAX_BODY_BYTES + 1)))

    assert answer.status_code == 413
    assert answer.json()["code"] == "too_large"


def test_a_body_over_the_gateways_limit_is_413_too(cloud: Cloud) -> None:
    answer = cloud.post("github", b"x" * (10 * 1024 * 1024 + 1), {})

    assert answer.status_code == 413
    assert set(answer.json()) == {"code", "message"}


def test_the_gateways_own_errors_have_our_form(cloud: Cloud) -> None:
    answer = requests.get(f"{cloud.endpoints.http}/nothing/here", timeout=10)

    assert answer.status_code == 404
    assert answer.json() == {"code": "not_found", "message": "There is nothing at this address."}


def test_health(cloud: Cloud) -> None:
    answer = requests.get(f"{cloud.endpoints.http}/health", timeout=10)

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "version": "0.1.0", "stage": "local"}


def test_one_id_leads_from_the_request_to_the_row(cloud: Cloud) -> None:
    event = new_event()

    cloud.deliver("github", event)

    ((_, _, correlation_id),) = eventually(lambda: cloud.arrived(event.event_id))
    eventually(lambda: len(logs_of(cloud, correlation_id)) == 2)
    assert {(line["function"], line["message"]) for line in logs_of(cloud, correlation_id)} == {
        ("frontdesk-local-api_handler", "webhook accepted"),
        ("frontdesk-local-process_webhooks", "webhooks stored"),
    }
    assert all(event.event_id in json.dumps(line) for line in logs_of(cloud, correlation_id))


def logs_of(cloud: Cloud, correlation_id: str) -> list[dict[str, Any]]:
    lines = (line.split("\t", 1) for line in cloud.logs().splitlines() if correlation_id in line)
    return [read_json_lines(text)[0] | {"function": name} for name, text in lines]


def test_neither_payloads_nor_secrets_are_logged(cloud: Cloud) -> None:
    canary = uuid.uuid4().hex
    event = new_event(json.dumps({"card": canary}).encode())

    cloud.deliver("github", event)
    cloud.deliver("github", event, secret="wrong")

    eventually(lambda: cloud.arrived(event.event_id))
    everything = "".join(path.read_text(errors="replace") for path in cloud.layout.logs.iterdir())
    assert canary not in everything
    assert all(secret not in everything for secrets in cloud.secrets.values() for secret in secrets)


LATIN_1 = st.characters(min_codepoint=0x20, max_codepoint=0xFF, exclude_categories=["Cc"])
HEADER = st.text(string.ascii_letters + string.digits + string.punctuation + " ", max_size=60) | st.text(LATIN_1)
HEADERS = ["Content-Type", "Accept", "X-GitHub-Delivery", *SIGNATURE_HEADERS]
QUERIES = ["hub.mode", "hub.verify_token", "hub.challenge", "bodySHA256"]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    method=st.sampled_from(["POST", "GET"]),
    source=st.sampled_from([*SOURCES]) | st.text(min_size=1, max_size=20),
    body=st.binary(max_size=400),
    headers=st.dictionaries(
        st.sampled_from(HEADERS),
        st.one_of(HEADER.map(str.strip), st.sampled_from(["sha256=", "v0=", "t=1,v1="]), st.integers().map(str)),
    ),
    query=st.lists(st.tuples(st.sampled_from(QUERIES) | st.text(max_size=5), st.just("subscribe") | st.text())),
)
def test_nothing_a_stranger_sends_breaks_it(
    cloud: Cloud, method: str, source: str, body: bytes, headers: dict[str, str], query: list[tuple[str, str]]
) -> None:
    address = f"{cloud.endpoints.http}/webhooks/{quote(source, safe='')}?{urlencode(query)}"

    answer = requests.request(
        method,
        address,
        data=body,
        headers={name: value.encode("latin-1") for name, value in headers.items()},
        timeout=30,
    )

    assert answer.status_code in ({400, 401, 404} if method == "GET" else {401, 404}), answer.text
    assert answer.status_code == 404 or source in SOURCES
    require_described(method, "/webhooks/{source}", answer.status_code, answer.headers, answer.json())


class TestLargeBodies:
    """Bodies beyond what a message holds travel through the bucket."""

    BODY = b'{"pages": "' + b"x" * MAX_INLINE_BODY_BYTES + b'"}'

    def objects(self, cloud: Cloud) -> list[str]:
        s3 = cloud.client("s3")
        (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "-bodies-" in one["Name"]]
        return [one["Key"] for one in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]

    def test_nothing_is_left_in_the_bucket(self, cloud: Cloud) -> None:
        event = new_event(self.BODY)
        with ThreadPoolExecutor(3) as pool:
            answers = list(pool.map(lambda _: cloud.deliver("github", event), range(3)))

        assert [answer.status_code for answer in answers] == [202] * 3
        ((body, state, _),) = eventually(lambda: cloud.arrived(event.event_id))
        assert (bytes(body), state) == (self.BODY, "stored")
        eventually(lambda: not self.objects(cloud))

    def test_a_redelivery_that_finds_no_object_finds_the_row(self, cloud: Cloud) -> None:
        """As when the process dies between the commit and the deletion of the message."""
        event = new_event(b"{}")
        assert cloud.deliver("github", event).status_code == 202
        eventually(lambda: cloud.arrived(event.event_id))
        again = replace(make_envelope(b"{}", external_id=event.event_id), body_key=f"github/{uuid.uuid4()}/0")

        cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("webhook-events"), MessageBody=again.to_message())

        line = eventually(lambda: self.last_outcome(cloud, event.event_id))
        assert '"message":"webhooks duplicate"' in line

    def last_outcome(self, cloud: Cloud, event_id: str) -> str:
        lines = [line for line in cloud.logs().splitlines() if event_id in line and '"message":"webhooks ' in line]
        return next((line for line in lines if "webhooks stored" not in line), "")


def test_each_source_is_a_message_group_of_its_own(cloud: Cloud) -> None:
    """That is what makes a standard queue fair: one source's backlog does not delay another's events."""
    functions, sqs = cloud.client("lambda"), cloud.client("sqs")
    (mapping,) = functions.list_event_source_mappings(FunctionName="frontdesk-local-process_webhooks")[
        "EventSourceMappings"
    ]
    functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)
    time.sleep(1.5)  # a poll that is under way ends
    try:
        event = new_event()
        assert cloud.deliver("github", event).status_code == 202
        (message,) = sqs.receive_message(
            QueueUrl=cloud.queue_url("webhook-events"), AttributeNames=["All"], VisibilityTimeout=0, WaitTimeSeconds=2
        )["Messages"]
        assert message["Attributes"]["MessageGroupId"] == "github"
    finally:
        functions.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
    eventually(lambda: cloud.arrived(event.event_id))
