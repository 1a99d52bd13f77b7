"""Acknowledging: the CPU time in which a webhook is answered, from Lambda's event to the function's answer.

Frontdesk goes through Chalice and all of its own code: signature, checks, envelope, log line and metric. Stood in for
are only the clients of SQS and Secrets Manager. The plain design gets the same bodies.
"""

import base64
import random
import sys
import time
from functools import partial
from typing import Any

import click

import app
from benchmarks.payloads import make_sized_event
from benchmarks.plain import design
from benchmarks.report import NotMeasuredError, Row, Section, Target, percentile
from benchmarks.stand_ins import (
    LambdaContext,
    NoBucket,
    SecretsManagerClient,
    SqsClient,
    discarded_output,
    wired,
)
from chalicelib.aws.queues import SqsQueue
from chalicelib.aws.secrets import SecretCache, read_secret
from chalicelib.webhooks.intake import Intake
from chalicelib.webhooks.secrets import SourceSecrets
from localcloud.samples import Event, sign

_SECRETS = {"github": "benchmark-secret", "standard-webhooks": "whsec_YmVuY2htYXJrLXNlY3JldC0yNA=="}
_SIZES = {"1 KB": 1_000, "4 KB": 4_000, "64 KB": 64_000}
_HOST = "abcdefghij.execute-api.us-east-1.amazonaws.com"
_CONTEXT = LambdaContext("frontdesk-dev")
_QUEUE_URL = "https://sqs.us-east-1.amazonaws.com/123456789012/webhook-events"

_EVENTS = 20
"""Different events of each kind, used in turns."""

_P50 = Target("value", "at most", 1.0)
_P99 = Target("value", "at most", 5.0)


def measure(*, quick: bool) -> Section:
    """p50 and p99 in milliseconds for each source and size of body."""
    calls = 100 if quick else 2_000
    kinds = [(source, size) for source in _SECRETS for size in _SIZES]
    rows: list[Row] = []
    with click.progressbar(kinds, label="acknowledging", file=sys.stderr) as bar:
        for source, size in bar:
            frontdesk, plain = _measure_kind(source, _SIZES[size], calls)
            rows += [
                Row(f"{source} {size} p50", "ms", percentile(frontdesk, 0.5) / 1e6, percentile(plain, 0.5) / 1e6, _P50),
                Row(
                    f"{source} {size} p99", "ms", percentile(frontdesk, 0.99) / 1e6, percentile(plain, 0.99) / 1e6, _P99
                ),
            ]
    notes = (
        "CPU time (time.process_time_ns) of one warm call each in turns, logs and metrics written to the null device.",
        "The plain design verifies no signature and counts no metric. Neither figure holds the call of SQS.",
    )
    return Section("acknowledging", rows, notes)


def _measure_kind(source: str, size: int, calls: int) -> tuple[list[int], list[int]]:
    """CPU times of both designs in nanoseconds, sorted."""
    chance, now = random.Random(size), time.time()
    events = [make_sized_event(source, size, chance) for _ in range(_EVENTS)]
    frontdesk_requests = [_request(source, event, now, binary=True) for event in events]
    plain_requests = [_request(source, event, now, binary=False) for event in events]
    frontdesk_sqs, plain_sqs = SqsClient(), SqsClient()
    secrets = SecretsManagerClient({source: f'{{"secrets": ["{_SECRETS[source]}"]}}'})
    intake = Intake(
        SourceSecrets(SecretCache(partial(read_secret, secrets), time.monotonic), "", lambda: now),
        SqsQueue(frontdesk_sqs, _QUEUE_URL),
        NoBucket(),
        lambda: now,
    )

    def frontdesk(number: int) -> Any:
        return app.app(frontdesk_requests[number], _CONTEXT)

    def plain(number: int) -> Any:
        return design.receive(plain_requests[number], _CONTEXT, plain_sqs, _QUEUE_URL)

    taken: tuple[list[int], list[int]] = ([], [])
    with discarded_output(), wired(intake=intake):
        for call in range(-2 * _EVENTS, calls):  # the calls below 0 warm up
            for handler, durations in zip((frontdesk, plain), taken, strict=True):
                started = time.process_time_ns()
                answer = handler(call % _EVENTS)
                duration = time.process_time_ns() - started
                if answer["statusCode"] != 202:
                    raise NotMeasuredError(f"{source} was answered {answer['statusCode']}: {answer['body']}")
                if call >= 0:
                    durations.append(duration)
    assert frontdesk_sqs.sent == plain_sqs.sent == calls + 2 * _EVENTS
    return sorted(taken[0]), sorted(taken[1])


def _request(source: str, event: Event, now: float, *, binary: bool) -> dict[str, Any]:
    """A webhook as API Gateway's REST proxy hands it over: in base64 where the API has binary media types."""
    headers = {
        "Accept": "*/*",
        "Host": _HOST,
        "X-Amzn-Trace-Id": "Root=1-68f0a5d1-4c1f0c2a5e0d6b7f8a9b0c1d",
        "X-Forwarded-For": "192.0.2.17",
        "X-Forwarded-Port": "443",
        "X-Forwarded-Proto": "https",
        **sign(source, event, _SECRETS[source], now, f"https://{_HOST}/api/webhooks/{source}"),
    }
    return {
        "resource": "/webhooks/{source}",
        "path": f"/webhooks/{source}",
        "httpMethod": "POST",
        "headers": headers,
        "multiValueHeaders": {name: [value] for name, value in headers.items()},
        "queryStringParameters": None,
        "multiValueQueryStringParameters": None,
        "pathParameters": {"source": source},
        "stageVariables": None,
        "requestContext": {
            "resourcePath": "/webhooks/{source}",
            "path": f"/api/webhooks/{source}",
            "httpMethod": "POST",
            "stage": "api",
            "requestId": event.event_id,
            "identity": {"sourceIp": "192.0.2.17", "userAgent": headers["User-Agent"]},
        },
        "body": (base64.b64encode(event.body) if binary else event.body).decode(),
        "isBase64Encoded": binary,
    }
