"""Every command of ``python -m ops`` against a running local cloud."""

import base64
import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from chalicelib.aws.secrets import MIN_AGE_SECONDS
from chalicelib.webhooks.secret_forms import new_secret
from localcloud.layout import ROOT
from localcloud.samples import make_event
from ops.cli import main
from tests.builders import make_envelope
from tests.integration.cloud import Cloud, eventually, read_json_lines
from tests.integration.test_retries import depth, receive_all
from tests.integration.test_rotation import put_secret

DLQ = "webhook-events-dlq"


def ops(cloud: Cloud, *arguments: str, code: int = 0, answers: str | None = None) -> Result:
    """Run a command; ``answers`` is what is typed."""
    result = CliRunner().invoke(main, ["--directory", str(cloud.layout.directory), *arguments], input=answers)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def ops_json(cloud: Cloud, *arguments: str, code: int = 0) -> list[dict[str, Any]]:
    return read_json_lines(ops(cloud, *arguments, "--json", code=code).stdout)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex}"


def bury(cloud: Cloud, bodies: Sequence[str]) -> None:
    """Put messages into the dead-letter queue."""
    client, url = cloud.client("sqs"), cloud.queue_url(DLQ)
    for start in range(0, len(bodies), 10):
        entries = [{"Id": str(index), "MessageBody": body} for index, body in enumerate(bodies[start : start + 10])]
        client.send_message_batch(QueueUrl=url, Entries=entries)


@pytest.fixture
def graveyard(cloud: Cloud) -> Iterator[None]:
    """A dead-letter queue that is empty before and after."""
    receive_all(cloud, DLQ)
    yield
    receive_all(cloud, DLQ)


@pytest.fixture
def event(cloud: Cloud) -> str:
    """The id of an event from GitHub that is stored."""
    sent = make_event("github", random.Random(uuid.uuid4().int), body=b'{"title":"\xe8\xa1\xa8\xe7\xb4\x99"}')
    assert cloud.deliver("github", sent).status_code == 202
    eventually(lambda: cloud.arrived(sent.event_id))
    return sent.event_id


def all_commands() -> list[tuple[str, ...]]:
    def below(command: click.Command, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        yield path
        if isinstance(command, click.Group):
            for name, child in command.commands.items():
                yield from below(child, (*path, name))

    return list(below(main, ()))


@pytest.mark.parametrize("path", all_commands(), ids=" ".join)
def test_every_command_explains_itself_with_examples(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, [*path, "--help"])

    assert result.exit_code == 0
    assert "Examples:\n    python -m ops " in result.stdout


def test_it_is_a_program_that_finds_the_local_cloud(cloud: Cloud, event: str) -> None:
    command = [sys.executable, "-m", "ops", "events", "list", "--id", event]
    environment = os.environ | {"LOCALCLOUD_DIRECTORY": str(cloud.layout.directory)}

    result = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)

    assert event in result.stdout
    assert result.stderr == ""


def test_without_a_local_cloud_it_says_how_to_start_one(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--directory", str(tmp_path), "events", "list"])

    assert result.exit_code == 1
    assert "make run" in result.stderr


def test_events_are_listed_for_people_and_machines(cloud: Cloud, event: str) -> None:
    line = next(line for line in ops(cloud, "events", "list").stdout.splitlines() if event in line)
    (found,) = ops_json(cloud, "events", "list", "--id", event, "--source", "github", "--since", "1h")

    assert "github" in line
    assert (found["external_id"], found["state"]) == (event, "stored")
    assert ops_json(cloud, "events", "list", "--id", event, "--until", "1h") == []
    assert ops(cloud, "events", "list", "--id", "nobody's").stdout == "No event matches.\n"


def test_lists_are_longer_than_a_page(cloud: Cloud) -> None:
    kind = unique("page")
    cloud.query(
        "insert into webhook_events (source, external_id, event_type, state, received_at, content_type, headers, body,"
        " body_sha256, correlation_id) select 'github', %s || n, %s, 'stored', now(), '', '{}', '', '', ''"
        " from generate_series(1, 1101) as n",
        kind,
        kind,
    )

    found = [one["external_id"] for one in ops_json(cloud, "events", "list", "--type", kind, "--limit", "2000")]

    assert len(found) == len(set(found)) == 1101
    cloud.query("delete from webhook_events where event_type = %s", kind)


def test_an_event_is_shown_with_its_body(cloud: Cloud, event: str) -> None:
    shown = ops(cloud, "events", "show", "github", event).stdout

    assert "localcloud-send/github" in shown
    assert '  "title": "表紙"' in shown
    assert (
        ops(cloud, "events", "show", "github", event, "--raw").stdout_bytes == b'{"title":"\xe8\xa1\xa8\xe7\xb4\x99"}'
    )
    (found,) = ops_json(cloud, "events", "show", "github", event)
    assert base64.b64decode(found["body"]) == b'{"title":"\xe8\xa1\xa8\xe7\xb4\x99"}'


def test_a_large_body_is_shown(cloud: Cloud) -> None:
    body = random.Random(1).randbytes(4 * 1024 * 1024)
    sent = make_event("github", random.Random(uuid.uuid4().int), body=body)
    assert cloud.deliver("github", sent).status_code == 202
    eventually(lambda: cloud.arrived(sent.event_id))

    assert ops(cloud, "events", "show", "github", sent.event_id, "--raw").stdout_bytes == body


def test_what_does_not_exist_or_is_misspelt_is_said_in_one_line(cloud: Cloud) -> None:
    assert ops(cloud, "events", "show", "github", "nobody's", code=1).stderr.startswith("Error: There is no event")
    unknown = ops(cloud, "events", "show", "nosuch", "nosuch", code=1).stderr
    assert "That source is not known either; those are: github, " in unknown
    assert "is neither a time" in ops(cloud, "events", "list", "--since", "soon", code=2).stderr
    ops(cloud, "events", "list", "--source", "gihtub", code=2)


def test_an_event_is_parked_and_read_again(cloud: Cloud, event: str) -> None:
    ops(cloud, "events", "park", "github", event, "--reason", "No.", answers="n\n", code=1)
    ops(cloud, "events", "park", "github", event, "--reason", "No.", answers="y\n")
    (parked,) = ops_json(cloud, "events", "list", "--id", event, "--state", "parked")
    assert parked["reason"] == "No."

    dry = ops_json(cloud, "events", "replay", "--id", event, "--state", "parked", "--dry-run")
    done = ops_json(cloud, "events", "replay", "--id", event, "--state", "parked", "--yes")

    assert (dry, done) == ([{"matching": 1}], [{"stored": 1, "parked": 0}])
    assert ops_json(cloud, "events", "list", "--id", event)[0]["state"] == "stored"
    assert "1 event matches" in ops(cloud, "events", "replay", "--id", event, answers="n\n", code=1).stderr


@pytest.mark.usefixtures("graveyard")
def test_dead_letters_are_listed_and_shown_whatever_they_are(cloud: Cloud) -> None:
    external_id = unique("dead")
    bury(cloud, [make_envelope(b'{"a":1}', external_id=external_id).to_message(), "rubbish \u202e"])

    found = ops_json(cloud, "dlq", "list")
    table = ops(cloud, "dlq", "list").stdout

    assert {(one["source"], one["external_id"]) for one in found} == {("github", external_id), (None, None)}
    assert external_id in table
    assert "unknown" in table
    assert '"a": 1' in ops(cloud, "dlq", "show", external_id).stdout
    rubbish = next(one["message_id"] for one in found if one["source"] is None)
    assert "rubbish \\u202e" in ops(cloud, "dlq", "show", rubbish).stdout
    assert ops_json(cloud, "dlq", "list", "--source", "unknown", "--older-than", "0s")[0]["message_id"] == rubbish
    assert visible(cloud) == 2


@pytest.mark.usefixtures("graveyard")
def test_a_redrive_with_a_filter_moves_only_what_matches(cloud: Cloud) -> None:
    mine, others = [unique("mine") for _ in range(15)], [unique("other") for _ in range(15)]
    bury(cloud, [make_envelope(external_id=one, event_type="push").to_message() for one in mine])
    bury(cloud, [make_envelope(external_id=one).to_message() for one in others])
    bury(cloud, ["rubbish"])

    dry = ops_json(cloud, "dlq", "redrive", "--type", "push", "--dry-run")
    assert dry == [{"matching": 15, "sources": {"github": 15}}]
    assert visible(cloud) == 31
    assert ops_json(cloud, "dlq", "redrive", "--type", "push", "--yes") == [{"redriven": 15, "left": 16}]

    eventually(lambda: all(cloud.arrived(one) for one in mine))
    left = [message["Body"] for message in receive_all(cloud, DLQ)]
    assert sorted(json.loads(body)["external_id"] for body in left if body != "rubbish") == sorted(others)
    assert "rubbish" in left
    assert not any(cloud.arrived(one) for one in others)


@pytest.mark.usefixtures("graveyard")
def test_a_redrive_that_is_killed_half_way_loses_nothing(cloud: Cloud) -> None:
    ids = [unique("killed") for _ in range(100)]
    bury(cloud, [make_envelope(b"x" * 60_000, external_id=one).to_message() for one in ids])
    look = partial(visible_and_hidden, cloud.client("sqs"), cloud.queue_url(DLQ))
    command = [sys.executable, "-m", "ops", "--directory", str(cloud.layout.directory)]

    process = subprocess.Popen([*command, "dlq", "--visibility", "5", "redrive", "--yes"], cwd=ROOT)
    while sum(look()) == len(ids):
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    assert process.wait(10) == -signal.SIGKILL

    left = sum(look())
    assert 0 < left < len(ids)
    eventually(lambda: look() == (left, 0), seconds=20)
    assert ops_json(cloud, "dlq", "redrive", "--yes") == [{"redriven": left, "left": 0}]
    eventually(lambda: depth(cloud, "webhook-events") == 0, seconds=30)
    stored = cloud.query("select external_id from webhook_events where external_id = any(%s)", ids)
    assert sorted(one for (one,) in stored) == sorted(ids)
    assert cloud.query("select 1 from webhook_conflicts where external_id = any(%s)", ids) == []


def visible_and_hidden(client: Any, url: str) -> tuple[int, int]:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    attributes = client.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


def visible(cloud: Cloud) -> int:
    return visible_and_hidden(cloud.client("sqs"), cloud.queue_url(DLQ))[0]


@pytest.mark.usefixtures("graveyard")
def test_a_body_in_the_bucket_is_redriven_too(cloud: Cloud) -> None:
    external_id = unique("large")
    envelope = make_envelope(b"x" * 900_000, external_id=external_id)
    s3 = cloud.client("s3")
    (bucket,) = [one["Name"] for one in s3.list_buckets()["Buckets"] if "bodies" in one["Name"]]
    stored = envelope.in_bucket(lambda key, body: s3.put_object(Bucket=bucket, Key=key, Body=body))
    bury(cloud, [stored.to_message()])

    assert "body_key" in ops(cloud, "dlq", "show", external_id).stdout
    ops(cloud, "dlq", "redrive", "--id", external_id, "--yes")

    eventually(lambda: cloud.arrived(external_id))


@pytest.mark.usefixtures("graveyard")
def test_discarding_wants_a_filter_and_an_answer(cloud: Cloud) -> None:
    bury(cloud, ["rubbish", make_envelope(external_id=unique("kept")).to_message()])

    ops(cloud, "dlq", "discard", "--yes", code=2)
    ops(cloud, "dlq", "discard", "--source", "unknown", answers="n\n", code=1)
    assert visible(cloud) == 2
    assert ops_json(cloud, "dlq", "discard", "--source", "unknown", "--yes") == [{"discarded": 1, "left": 1}]
    ops(cloud, "dlq", "discard", "--all", "--yes")
    assert depth(cloud, DLQ) == 0


def test_sources_are_listed_without_their_secrets(cloud: Cloud, event: str) -> None:
    github = next(one for one in ops_json(cloud, "sources", "list") if one["source"] == "github")
    printed = ops(cloud, "sources", "list").stdout

    assert (github["scheme"], github["secrets"], github["refuses_invalid"]) == ("github", 1, False)
    assert github["last_heard"]
    assert "github" in printed
    assert not any(secret in printed for secrets in cloud.secrets.values() for secret in secrets)


@pytest.fixture
def rotating(cloud: Cloud) -> Iterator[str]:
    """A source whose secrets are put back afterwards."""
    manager, name = cloud.client("secretsmanager"), "frontdesk/local/webhooks/standard-webhooks"
    before = manager.get_secret_value(SecretId=name)["SecretString"]
    yield "standard-webhooks"
    manager.put_secret_value(SecretId=name, SecretString=before)


def document(cloud: Cloud, source: str) -> dict[str, Any]:
    manager = cloud.client("secretsmanager")
    value: dict[str, Any] = json.loads(
        manager.get_secret_value(SecretId=f"frontdesk/local/webhooks/{source}")["SecretString"]
    )
    return value


def test_a_rotation_accepts_both_secrets_for_the_overlap_and_then_the_new_one(cloud: Cloud, rotating: str) -> None:
    def status(secret: str) -> int:
        return cloud.deliver(rotating, make_event(rotating, random.Random(uuid.uuid4().int)), secret).status_code

    old = cloud.secrets[rotating][0]
    assert status(old) == 202
    time.sleep(MIN_AGE_SECONDS)

    new = ops(cloud, "secrets", "rotate", rotating, "--generate", "--overlap", "3s").stdout.strip()
    rotated = time.monotonic()
    assert new.startswith("whsec_")
    assert (status(new), status(old)) == (202, 202)
    assert ops_json(cloud, "sources", "list")[6]["secrets"] == 2
    assert time.monotonic() - rotated < 2.5

    time.sleep(rotated + 3.1 - time.monotonic())
    assert (status(new), status(old)) == (202, 401)
    assert cloud.command("secrets").stdout.count(new) == 1
    assert old not in cloud.command("secrets").stdout


def test_a_rotation_takes_the_providers_secret_and_can_be_finished(cloud: Cloud, rotating: str) -> None:
    old, new = cloud.secrets[rotating][0], new_secret(rotating)

    printed = ops(cloud, "secrets", "rotate", rotating, "-", answers=f"{new}\n").output
    assert new not in printed
    first, second = document(cloud, rotating)["secrets"]
    assert (first, second["secret"]) == (new, old)
    assert "already" in ops(cloud, "secrets", "rotate", rotating, "-", answers=old, code=1).stderr

    ops(cloud, "secrets", "rotate", rotating, "--finish", answers="n\n", code=1)
    assert len(document(cloud, rotating)["secrets"]) == 2
    ops(cloud, "secrets", "rotate", rotating, "--finish", answers="y\n")
    assert document(cloud, rotating)["secrets"] == [new]


def test_a_first_secret_is_set_and_a_second_asks(cloud: Cloud) -> None:
    name = "frontdesk/local/webhooks/twilio"
    manager = cloud.client("secretsmanager")
    before = manager.get_secret_value(SecretId=name)["SecretString"]
    manager.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    try:
        assert "secrets set twilio" in ops(cloud, "secrets", "rotate", "twilio", "--generate", code=1).stderr
        assert ops_json(cloud, "sources", "list")[4]["secrets"] == 0
        ops(cloud, "secrets", "set", "twilio", answers="typed-unseen\n")
        assert document(cloud, "twilio") == {"secrets": ["typed-unseen"]}
        ops(cloud, "secrets", "set", "twilio", "-", "--yes", answers="from-stdin\n")
        assert document(cloud, "twilio") == {"secrets": ["from-stdin"]}
        ops(cloud, "secrets", "set", "twilio", "--generate", answers="n\n", code=1)
        generated = ops(cloud, "secrets", "set", "twilio", "--generate", "--yes").stdout.strip()
        assert document(cloud, "twilio") == {"secrets": [generated]}
    finally:
        manager.put_secret_value(SecretId=name, SecretString=before)


@pytest.mark.parametrize(
    ("arguments", "typed", "code", "said"),
    [
        (("set", "standard-webhooks", "-", "--yes"), "no base64!", 1, "not base64"),
        (("set", "github", "-", "--yes"), "", 1, "empty"),
        (("rotate", "github", "-"), " spaced ", 1, "space"),
        (("rotate", "github", "hunter2"), "", 2, "history"),
        (("rotate", "github", "-", "--generate"), "", 2, "not both"),
        (("rotate", "github", "--finish", "--generate"), "", 2, "--finish adds no secret"),
        (("rotate", "github", "--generate", "--overlap", "long"), "", 2, "not a span"),
    ],
)
def test_unusable_secrets_are_refused(
    cloud: Cloud, arguments: tuple[str, ...], typed: str, code: int, said: str
) -> None:
    before = document(cloud, arguments[1])

    assert said in ops(cloud, "secrets", *arguments, answers=typed, code=code).stderr
    assert document(cloud, arguments[1]) == before


def test_a_handshake_learns_its_word(cloud: Cloud) -> None:
    before = document(cloud, "meta")
    word = unique("word")
    try:
        ops(cloud, "secrets", "verify-token", "meta", word)
        assert document(cloud, "meta") == before | {"verify_token": word}
        assert "signs" in ops(cloud, "secrets", "verify-token", "meta", before["secrets"][0], code=1).stderr
    finally:
        put_secret(cloud, "webhooks/meta", before)


@pytest.fixture
def customer(cloud: Cloud) -> str:
    """The address of somebody who ordered something."""
    number, email = random.Random(uuid.uuid4().int).randrange(10**9, 10**12), f"{unique('aiko')}@example.com"
    body = {
        "id": number,
        "order_number": number,
        "email": email,
        "updated_at": "2026-11-20T12:00:00Z",
        "total_price": "17.90",
        "currency": "EUR",
        "line_items": [],
    }
    envelope = make_envelope(
        json.dumps(body).encode(), source="shopify", external_id=unique("order"), event_type="orders/create"
    )
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("webhook-events"), MessageBody=envelope.to_message())
    eventually(lambda: cloud.query("select 1 from orders where email = %s", email))
    return email


def test_orders_are_rebuilt(cloud: Cloud, customer: str) -> None:
    before = cloud.query("select * from orders order by order_id")
    cloud.query("delete from orders where email = %s", customer)

    ops(cloud, "orders", "rebuild", answers="n\n", code=1)
    (done,) = ops_json(cloud, "orders", "rebuild", "--yes")

    assert done["orders"] >= 1
    assert cloud.query("select * from orders order by order_id") == before


def test_a_person_is_exported_and_erased(cloud: Cloud, customer: str, tmp_path: Path) -> None:
    output = tmp_path / "person.json"
    ops(cloud, "person", "export", customer, "--output", str(output))
    exported = json.loads(output.read_text(encoding="utf-8"))
    assert output.stat().st_mode & 0o777 == 0o600
    assert exported == json.loads(ops(cloud, "person", "export", customer).stdout)
    assert exported["orders"][0]["email"] == exported["events"][0]["body"]["email"] == customer

    assert "1 event and 1 order" in ops(cloud, "person", "erase", customer, answers="n\n", code=1).stderr
    assert ops_json(cloud, "person", "erase", customer, "--yes") == [{"events": 1, "orders": 1}]

    assert cloud.query("select 1 from webhook_events where position(%s in body::text) > 0", customer) == []
    assert json.loads(ops(cloud, "person", "export", customer).stdout)["events"] == []


def test_the_doctor_finds_a_healthy_cloud_healthy(cloud: Cloud) -> None:
    findings = ops_json(cloud, "doctor")

    assert [finding for finding in findings if finding["level"] == "bad"] == []
    assert {
        "credentials",
        "database",
        "schema",
        "visibility webhook-events",
        "visibility failed-turns",
        "HTTP",
        "WebSocket",
        "model",
        "function lex_codehook",
        "table of calls",
        "bank's key",
        "bank",
    } <= {one["subject"] for one in findings}
    assert "✓ HTTP" in ops(cloud, "doctor").stdout


@pytest.mark.usefixtures("graveyard")
def test_the_doctor_says_what_is_wrong_and_what_to_do(cloud: Cloud, rotating: str) -> None:
    manager, sqs = cloud.client("secretsmanager"), cloud.client("sqs")
    bury(cloud, ["rubbish"])
    manager.put_secret_value(SecretId=f"frontdesk/local/webhooks/{rotating}", SecretString="rubbish")
    url = cloud.queue_url("webhook-events")
    sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "11"})
    try:
        lines = ops(cloud, "doctor", code=1).stdout.splitlines()
    finally:
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"VisibilityTimeout": "12"})

    assert [line.split()[:3] for line in lines if line.startswith("✗")] == [
        ["✗", "visibility", "webhook-events"],
        ["✗", "secret", rotating],
    ]
    (note,) = [line for line in lines if line.startswith("!")]
    assert "1 message," in note
    assert "dlq redrive" in note


def test_the_doctor_sees_that_the_bank_fails(cloud: Cloud) -> None:
    cloud.command("bank", "fail")
    try:
        findings = ops_json(cloud, "doctor", code=1)
    finally:
        cloud.command("bank", "normal")

    (bad,) = [one for one in findings if one["level"] == "bad"]
    assert bad["subject"] == "bank"
    assert "bank normal" in bad["text"]


def test_the_doctor_sees_that_the_bank_has_no_key(cloud: Cloud) -> None:
    parameters, name = cloud.client("ssm"), "/frontdesk/local/bank-api-key"
    key = parameters.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    assert key not in ops(cloud, "doctor").stdout
    parameters.delete_parameter(Name=name)
    try:
        findings = ops_json(cloud, "doctor", code=1)
    finally:
        parameters.put_parameter(Name=name, Value=key, Type="SecureString")

    assert [one["subject"] for one in findings if one["level"] == "bad"] == ["bank's key"]


def test_the_doctor_looks_on_when_one_part_is_out_of_reach(cloud: Cloud) -> None:
    functions = cloud.client("lambda")
    name = "frontdesk-local-manage_events"
    functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        findings = ops_json(cloud, "doctor", code=1)
    finally:
        functions.delete_function_concurrency(FunctionName=name)

    assert [one["subject"] for one in findings if one["level"] == "bad"] == ["database"]
