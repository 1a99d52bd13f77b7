"""docs/openapi.yaml and the running application say the same."""

import hashlib
import hmac
import json
import random
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from chalice.test import Client
from openapi_spec_validator import OpenAPIV31SpecValidator

import app
from chalicelib import __version__, errors
from chalicelib.chat.opening import MAX_BODY_BYTES as MAX_OPENING_BYTES
from chalicelib.webhooks.sources import MAX_BODY_BYTES, SOURCES
from infra.templates import read_template
from localcloud.layout import ROOT
from localcloud.proxy import MAX_BODY_BYTES as GATEWAY_BYTES
from localcloud.samples import make_event
from tests.forgetting import forget
from tests.integration.cloud import Cloud
from tests.integration.test_ops import ops
from tests.openapi import DOCUMENT, OPERATIONS, SIGNATURE_HEADERS, require_described, require_response, resolve

HEALTH = "/health"
WEBHOOKS = "/webhooks/{source}"
SESSIONS = "/chat/sessions"
ASSETS = "/assets/{name}"

GATEWAY: dict[str, Any] = read_template(ROOT / "infra" / "app.yaml")["Resources"]["RestAPI"]["Properties"][
    "GatewayResponses"
]


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: Any

    @classmethod
    def over_http(cls, answer: requests.Response) -> "Answer":
        is_json = answer.headers.get("Content-Type", "").startswith("application/json")
        return cls(answer.status_code, answer.headers, answer.json() if is_json else answer.text)


def deliver(cloud: Cloud, source: str, body: bytes | None = None) -> Answer:
    event = make_event(source, random.Random(uuid.uuid4().int), body=body)
    return Answer.over_http(cloud.deliver(source, event))


def post(cloud: Cloud, source: str, body: bytes, headers: dict[str, str] | None = None) -> Answer:
    return Answer.over_http(cloud.post(source, body, headers or {}))


def get(cloud: Cloud, path: str, **query: str) -> Answer:
    parameters = {name.replace("_", ".", 1): value for name, value in query.items()}
    return Answer.over_http(requests.get(cloud.endpoints.http + path, params=parameters, timeout=30))


def deliver_to_slack(cloud: Cloud, **event: str) -> Answer:
    body, second = json.dumps(event).encode(), str(int(time.time()))
    signed = f"v0:{second}:".encode() + body
    signature = hmac.new(cloud.secrets["slack"][0].encode(), signed, hashlib.sha256).hexdigest()
    return post(
        cloud,
        "slack",
        body,
        {"X-Slack-Request-Timestamp": second, "X-Slack-Signature": f"v0={signature}"},
    )


def verify_token(cloud: Cloud) -> str:
    secret = cloud.client("secretsmanager").get_secret_value(SecretId="frontdesk/local/webhooks/meta")
    return str(json.loads(secret["SecretString"])["verify_token"])


@contextmanager
def application(**environment: str) -> Iterator[Client]:
    """The application in this process, with nothing made before and nothing left behind."""

    forget()
    with pytest.MonkeyPatch.context() as patch, Client(app.app, stage_name="dev", project_dir=str(ROOT)) as client:
        for name, value in environment.items():
            patch.setenv(name, value)
        yield client
    forget()


META_HANDSHAKE = "/webhooks/meta?hub.mode=subscribe&hub.verify_token=x&hub.challenge=y"
"""A well-formed request, with POST as well."""


def alone(method: str, path: str = META_HANDSHAKE, **environment: str) -> Answer:
    """What the application answers without a cloud."""
    with application(**environment) as client:
        answer = client.http.request(
            method,
            path,
            headers={"X-Hub-Signature-256": "sha256=" + "0" * 64},
            body=b"{}" if method == "POST" else b"",
        )
        # Without a content type the gateway says that it is JSON.
        return Answer(answer.status_code, {"Content-Type": "application/json"} | answer.headers, answer.json_body)


def without_aws(method: str, path: str = META_HANDSHAKE) -> Answer:
    return alone(
        method,
        path,
        AWS_ENDPOINT_URL="http://127.0.0.1:9",  # the port `discard`, on which nobody listens
        WEBHOOK_EVENTS_QUEUE_URL="http://127.0.0.1:9/queue",
        WEBHOOK_BODIES_BUCKET="bodies",
        SESSIONS_TABLE="sessions",
        CHAT_MESSAGES_QUEUE_URL="http://127.0.0.1:9/queue",
        WEBSOCKET_URL="ws://127.0.0.1:9/socket",
        CONNECTIONS_URL="http://127.0.0.1:9/connections",
    )


def open_chat(cloud: Cloud, body: Any = None, *, data: bytes | None = None) -> Answer:
    raw = json.dumps(body).encode() if data is None else data
    return Answer.over_http(requests.post(f"{cloud.endpoints.http}/chat/sessions", data=raw, timeout=30))


def open_desk(cloud: Cloud) -> Answer:
    return open_chat(cloud, {"token": ops(cloud, "agents", "token", "aiko").stdout.strip()})


def resume(cloud: Cloud) -> Answer:
    return open_chat(cloud, {"token": open_chat(cloud, {}).body["token"]})


def again(cloud: Cloud, path: str) -> Answer:
    """The same file a second time, as a browser asks for it."""
    tag = get(cloud, path).headers["ETag"]
    return Answer.over_http(requests.get(cloud.endpoints.http + path, headers={"If-None-Match": tag}, timeout=30))


CASES: dict[tuple[str, str, str], Callable[[Cloud], Answer]] = {
    ("GET", HEALTH, "200"): lambda cloud: get(cloud, "/health"),
    ("GET", HEALTH, "200 whatever its content type"): lambda cloud: Answer.over_http(
        requests.get(f"{cloud.endpoints.http}/health", headers={"Content-Type": "text/plain"}, timeout=30)
    ),
    ("POST", WEBHOOKS, "200"): lambda cloud: deliver_to_slack(cloud, type="url_verification", challenge="3eZbrw1a"),
    ("POST", WEBHOOKS, "202"): lambda cloud: deliver(cloud, "github"),
    ("POST", WEBHOOKS, "202 by its hash"): lambda cloud: deliver(cloud, "hmac-sha256", b'{"type": "parcel.lost"}'),
    ("POST", WEBHOOKS, "202 from Slack"): lambda cloud: deliver_to_slack(cloud, type="event_callback"),
    ("POST", WEBHOOKS, "400"): lambda cloud: deliver(cloud, "standard-webhooks", b'{"type": 7}'),
    ("POST", WEBHOOKS, "400 no JSON"): lambda cloud: deliver(cloud, "hmac-sha256", b"\xff"),
    ("POST", WEBHOOKS, "400 challenge"): lambda cloud: deliver_to_slack(cloud, type="url_verification", challenge="é"),
    ("POST", WEBHOOKS, "401"): lambda cloud: post(cloud, "github", b"{}"),
    ("POST", WEBHOOKS, "404"): lambda cloud: post(cloud, "nobody", b"{}"),
    ("POST", WEBHOOKS, "413"): lambda cloud: deliver(cloud, "github", bytes(MAX_BODY_BYTES + 1)),
    ("POST", WEBHOOKS, "413 gateway"): lambda cloud: post(cloud, "github", bytes(GATEWAY_BYTES + 1024 * 1024)),
    ("POST", WEBHOOKS, "500"): lambda _: alone("POST"),
    ("POST", WEBHOOKS, "503"): lambda _: without_aws("POST"),
    ("GET", WEBHOOKS, "200"): lambda cloud: get(
        cloud, "/webhooks/meta", hub_mode="subscribe", hub_verify_token=verify_token(cloud), hub_challenge="1158201444"
    ),
    ("GET", WEBHOOKS, "400"): lambda cloud: get(cloud, "/webhooks/meta", hub_mode="unsubscribe"),
    ("GET", WEBHOOKS, "400 challenge"): lambda cloud: get(
        cloud, "/webhooks/meta", hub_mode="subscribe", hub_verify_token=verify_token(cloud), hub_challenge="<b> </b>"
    ),
    ("GET", WEBHOOKS, "401"): lambda cloud: get(
        cloud, "/webhooks/meta", hub_mode="subscribe", hub_verify_token="guessed", hub_challenge="1158201444"
    ),
    ("GET", WEBHOOKS, "404"): lambda cloud: get(cloud, "/webhooks/nobody"),
    ("GET", WEBHOOKS, "404 no handshake"): lambda cloud: get(cloud, "/webhooks/github", hub_mode="subscribe"),
    ("GET", WEBHOOKS, "500"): lambda _: alone("GET"),
    ("GET", WEBHOOKS, "503"): lambda _: without_aws("GET"),
    ("OPTIONS", SESSIONS, "200"): lambda cloud: Answer.over_http(
        requests.options(f"{cloud.endpoints.http}{SESSIONS}", timeout=30)
    ),
    ("POST", SESSIONS, "201"): lambda cloud: open_chat(cloud, {}),
    ("POST", SESSIONS, "201 without a body"): lambda cloud: open_chat(cloud, data=b""),
    ("POST", SESSIONS, "201 resumed"): resume,
    ("POST", SESSIONS, "201 for an agent"): open_desk,
    ("POST", SESSIONS, "400"): lambda cloud: open_chat(cloud, {"token": 7}),
    ("POST", SESSIONS, "400 no JSON"): lambda cloud: open_chat(cloud, data=b"\xff"),
    ("POST", SESSIONS, "401"): lambda cloud: open_chat(cloud, {"token": "guessed"}),
    ("POST", SESSIONS, "401 identity"): lambda cloud: open_chat(cloud, {"identity": "forged"}),
    ("POST", SESSIONS, "413"): lambda cloud: open_chat(cloud, data=b" " * (MAX_OPENING_BYTES + 1)),
    ("POST", SESSIONS, "500"): lambda _: alone("POST", SESSIONS),
    ("POST", SESSIONS, "503"): lambda _: without_aws("POST", SESSIONS),
    ("GET", "/", "200"): lambda cloud: get(cloud, "/"),
    ("GET", "/", "304"): lambda cloud: again(cloud, "/"),
    ("GET", "/", "500"): lambda _: alone("GET", "/"),
    ("GET", "/desk", "200"): lambda cloud: get(cloud, "/desk"),
    ("GET", "/desk", "304"): lambda cloud: again(cloud, "/desk"),
    ("GET", "/desk", "500"): lambda _: alone("GET", "/desk"),
    ("GET", ASSETS, "200"): lambda cloud: get(cloud, "/assets/embed.js"),
    ("GET", ASSETS, "200 style"): lambda cloud: get(cloud, "/assets/chat.css"),
    ("GET", ASSETS, "200 picture"): lambda cloud: get(cloud, "/assets/mark.svg"),
    ("GET", ASSETS, "304"): lambda cloud: again(cloud, "/assets/embed.js"),
    ("GET", ASSETS, "404"): lambda cloud: get(cloud, "/assets/chat.html"),
    ("GET", ASSETS, "500"): lambda _: alone("GET", "/assets/embed.js"),
}
"""Requests by method, path and the status they are answered with, which a few words may follow."""

GATEWAY_ALONE = {
    *(("GET", path, "503") for path in (HEALTH, "/", "/desk", ASSETS)),
    ("OPTIONS", SESSIONS, "503"),
    *((*operation, "429") for operation in OPERATIONS),
    *((*operation, "403") for operation in OPERATIONS if operation[1] != WEBHOOKS),
}
"""What only the gateway answers, and only one that is busy or broken; its templates are looked at instead."""


def test_the_document_is_valid() -> None:
    assert list(OpenAPIV31SpecValidator(DOCUMENT).iter_errors()) == []
    assert DOCUMENT["info"]["version"] == __version__


def test_every_route_is_described_and_nothing_else() -> None:
    assert {(method, path) for path, methods in app.app.routes.items() for method in methods} == set(OPERATIONS)


def test_every_source_is_described() -> None:
    assert sorted(SOURCES) == DOCUMENT["components"]["parameters"]["Source"]["schema"]["enum"]
    named = re.findall(r"^\| (`.*?) \|", OPERATIONS["POST", WEBHOOKS]["description"], re.MULTILINE)
    assert sorted(name for cell in named for name in re.findall(r"`([^`]+)`", cell)) == sorted(SOURCES)


@pytest.mark.parametrize("source", SOURCES)
def test_every_header_that_a_signature_needs_is_described(cloud: Cloud, source: str) -> None:
    headers: dict[str, str] = {}

    while missing := re.fullmatch(r"The header (.+) is missing\.", post(cloud, source, b"", headers).body["message"]):
        assert missing[1] in SIGNATURE_HEADERS
        assert missing[1] not in headers
        headers[missing[1]] = "v0="

    assert headers


def test_every_code_is_described() -> None:
    """The chat's own errors travel in frames."""
    kinds = [
        kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.FrontdeskError)
    ]
    ours = {kind.code for kind in kinds} - {errors.EnvelopeError.code}  # which never leaves the queue
    gateways = {template(name)["code"] for name in GATEWAY}

    assert set(DOCUMENT["components"]["schemas"]["Error"]["properties"]["code"]["enum"]) == ours | gateways


def test_every_status_is_either_answered_or_the_gateways() -> None:
    described = {
        (*operation, status) for operation, description in OPERATIONS.items() for status in description["responses"]
    }

    assert described == {(method, path, status[:3]) for method, path, status in CASES} | GATEWAY_ALONE


@pytest.mark.parametrize(("method", "path", "status"), CASES)
def test_answers_are_as_described(cloud: Cloud, method: str, path: str, status: str) -> None:
    answer = CASES[method, path, status](cloud)

    assert str(answer.status) == status[:3], answer.body
    require_described(method, path, answer.status, answer.headers, answer.body)


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "/"),
        ("GET", "/nothing/here"),
        ("GET", "/chat/sessions"),
        ("POST", "/health"),
        ("PUT", "/webhooks/github"),
    ],
)
def test_what_is_not_described_is_404(cloud: Cloud, method: str, path: str) -> None:
    answer = Answer.over_http(requests.request(method, cloud.endpoints.http + path, timeout=30))

    assert answer.status == 404
    require_response(DOCUMENT["components"]["responses"]["NotFound"], answer.headers, answer.body)


@pytest.mark.parametrize("kind", [kind for kind, response in GATEWAY.items() if "StatusCode" in response])
def test_the_gateways_own_answers_are_as_described(kind: str) -> None:
    """Looked at as the templates say them, since nothing here makes a gateway busy."""
    status, headers = int(GATEWAY[kind]["StatusCode"]), gateway_headers(kind)

    for method, path in OPERATIONS:
        if str(status) in OPERATIONS[method, path]["responses"]:
            require_described(method, path, status, headers, template(kind))
    assert any(str(status) in description["responses"] for description in OPERATIONS.values())


def test_whatever_else_the_gateway_refuses_has_our_form() -> None:
    assert "StatusCode" not in GATEWAY["DEFAULT_4XX"]
    assert template("DEFAULT_4XX")["code"] == "bad_request"
    require_response(
        resolve(OPERATIONS["GET", WEBHOOKS]["responses"]["400"]),
        gateway_headers("DEFAULT_4XX"),
        template("DEFAULT_4XX"),
    )


def template(kind: str) -> dict[str, str]:
    """The body of a gateway's answer. The gateway itself puts quotes around the one variable that is used."""
    text = GATEWAY[kind]["ResponseTemplates"]["application/json"]
    document = json.loads(text.replace("$context.error.messageString", '"Bad Request"'))
    assert isinstance(document, dict)
    return document


def gateway_headers(kind: str) -> dict[str, str]:
    given = GATEWAY[kind].get("ResponseParameters", {}).get("Headers", {})
    return {"Content-Type": "application/json"} | {name: value.strip("'") for name, value in given.items()}
