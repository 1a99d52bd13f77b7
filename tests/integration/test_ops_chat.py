"""The operator's commands of the chat, against a running local cloud."""

import json
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from chalicelib.aws.tables import Table
from chalicelib.chat.failed_turns import FailedTurn
from chalicelib.chat.sessions import session_key
from chalicelib.chat.turns import Turn
from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import Chat
from tests.integration.test_ops import ops, ops_json
from tests.integration.test_retries import depth, receive_all

CHAT_DLQ, FAILED_DLQ = "chat-messages-dlq.fifo", "failed-turns-dlq"


def test_a_token_lets_an_agent_in(cloud: Cloud, chat: Chat) -> None:
    printed = ops(cloud, "agents", "token", "Anna B.", "--hours", "1")
    (token,) = printed.stdout.split()
    opened = chat.open(token=token)

    expires = datetime.fromisoformat(opened["expires_at"])
    assert timedelta(minutes=59) < expires - datetime.now(UTC) <= timedelta(hours=1)
    assert "/desk" in printed.stderr
    assert token not in printed.stderr
    agent = chat.connect(opened)
    (listed,) = [one for one in ops_json(cloud, "agents", "list") if one["agent"] == "Anna B."]
    assert listed["gone_at"] is None
    assert "on duty" in ops(cloud, "agents", "list").stdout
    agent.close()
    eventually(lambda: next(one for one in ops_json(cloud, "agents", "list") if one["agent"] == "Anna B.")["gone_at"])
    assert ops_json(cloud, "agents", "token", "Anna")[0]["agent"] == "Anna"


@pytest.mark.parametrize("arguments", [(" ",), ("a\nb",), ("x" * 61,), ("Anna", "--hours", "0")])
def test_an_agent_needs_a_name_and_an_end(cloud: Cloud, arguments: tuple[str, ...]) -> None:
    ops(cloud, "agents", "token", *arguments, code=2)


def test_a_session_is_shown_without_what_was_said(cloud: Cloud, chat: Chat) -> None:
    session_id, customer = chat.begin()
    assert customer.ask("My number is 4711.")
    ops(cloud, "sessions", "hand-off", session_id, "--reason", "Asked for by phone.")
    customer.wait("handoff", status="waiting")

    (shown,) = ops_json(cloud, "sessions", "show", session_id)
    printed = ops(cloud, "sessions", "show", session_id).stdout

    assert shown["session"]["status"] == "waiting"
    assert [(turn["seq"], turn["author"]) for turn in shown["turns"]] == [(1, "customer"), (2, "bot"), (3, "system")]
    (handoff,) = shown["handoffs"]
    assert handoff["who"].startswith("operator:")
    assert handoff["reason"] == "Asked for by phone."
    assert "4711" not in printed + json.dumps(shown)
    assert "Asked for by phone." in printed
    assert "4711" in ops(cloud, "sessions", "show", session_id, "--content").stdout
    assert ops(cloud, "sessions", "hand-off", session_id, "--reason", "Again.").stdout == "It waits for a person.\n"


def test_what_is_not_there_is_said_so(cloud: Cloud) -> None:
    assert "no session" in ops(cloud, "sessions", "show", "nobody's", code=1).stderr
    assert "no such" in ops(cloud, "sessions", "hand-off", "nobody's", "--reason", "x", code=1).stderr


def history(session_id: str, turns: int, **fields: Any) -> list[dict[str, Any]]:
    began = datetime(2026, 11, 1, 12, tzinfo=UTC)
    return [
        {
            "session_id": session_id,
            "author": ("customer", "bot")[number % 2],
            "content": f"Turn {number + 1}",
            "at": (began + timedelta(minutes=number)).isoformat(),
            **fields,
        }
        for number in range(turns)
    ]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> str:
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return str(path)


def test_histories_are_imported_once_and_go_on(cloud: Cloud, chat: Chat, table: Table, tmp_path: Path) -> None:
    small, large = f"small-{uuid.uuid4().hex}", f"large-{uuid.uuid4().hex}"
    lines = [*history(small, 3), *history(large, 240, customer_id="c7", name="Aiko")]
    file = write_lines(tmp_path / "history.jsonl", lines)

    ops(cloud, "sessions", "import", file, answers="n\n", code=1)
    assert table.query(f"SESSION#{small}") == []
    assert ops_json(cloud, "sessions", "import", file, "--yes") == [{"imported": 2, "turns": 243, "existing": 0}]
    assert ops_json(cloud, "sessions", "import", file, "--yes") == [{"imported": 0, "turns": 0, "existing": 2}]

    assert [content for _, content in chat.said(large)] == [f"Turn {number + 1}" for number in range(240)]
    meta = table.get(session_key(large)) or {}
    assert (meta["customer_id"], meta["name"], meta["seq"]) == ("c7", "Aiko", 240)
    eventually(lambda: (table.get(session_key(large)) or {})["summary_upto"] == 240, seconds=30)
    customer = chat.connect(chat.open(token=chat.sign(use="session", sub=small), identity=chat.identity("c8")))
    assert customer.ask("Do you remember me?")
    assert [turn.seq for turn in chat.turns(small)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ({"session_id": "no spaces"}, "line 2: `session_id`"),
        ({"author": "robot"}, "author"),
        ({"content": ""}, "content"),
        ({"at": "yesterday"}, "at"),
        ({"at": "2026-11-01T12:00:00"}, "offset"),
        ({"at": "2020-01-01T12:00:00Z"}, "order"),
        ({"name": 7}, "name"),
    ],
)
def test_nothing_of_an_unusable_file_is_imported(
    cloud: Cloud, table: Table, tmp_path: Path, line: dict[str, Any], said: str
) -> None:
    session_id = f"bad-{uuid.uuid4().hex}"
    first, second = history(session_id, 2)
    file = write_lines(tmp_path / "history.jsonl", [first, {**second, **line}])

    assert said in ops(cloud, "sessions", "import", file, "--yes", code=1).stderr
    assert table.query(f"SESSION#{session_id}") == []


@pytest.fixture
def graves(cloud: Cloud) -> Iterator[None]:
    """Dead-letter queues that are empty before and after."""
    empty(cloud)
    yield
    empty(cloud)


def empty(cloud: Cloud) -> None:
    for name in (CHAT_DLQ, FAILED_DLQ, "stream-failures"):
        if depth(cloud, name):
            receive_all(cloud, name)


@pytest.mark.usefixtures("graves")
def test_a_session_that_was_given_up_is_answered_after_a_redrive(cloud: Cloud, chat: Chat, table: Table) -> None:
    session_id, customer = chat.begin()
    turn = Turn(1, "customer", "Hello?", int(time.time()), "m1")
    table.write_batch([turn.to_item(session_id)])
    chat.set_meta(session_id, seq=2)
    for group in (session_id, f"ended-{session_id}"):
        cloud.client("sqs").send_message(
            QueueUrl=cloud.queue_url(CHAT_DLQ),
            MessageBody=group,
            MessageGroupId=group,
            MessageDeduplicationId=uuid.uuid4().hex,
        )
    dlq = ("dlq", "--queue", "chat-messages.fifo")

    assert {one["group"] for one in ops_json(cloud, *dlq, "list")} == {session_id, f"ended-{session_id}"}
    assert ops_json(cloud, *dlq, "redrive", "--id", session_id, "--yes") == [{"redriven": 1, "left": 1}]

    assert customer.wait("message", message_id="m1", author="bot")["seq"] == 2
    assert ops_json(cloud, *dlq, "discard", "--all", "--yes") == [{"discarded": 1, "left": 0}]


@pytest.mark.usefixtures("graves")
def test_a_failed_turn_is_stored_after_a_redrive(cloud: Cloud, chat: Chat) -> None:
    session_id, customer = chat.begin()
    assert customer.ask("Hi")
    late = FailedTurn(session_id, Turn(4, "bot", "It ships today.", int(time.time()), "m2", f"{session_id}:4"))
    cloud.client("sqs").send_message(
        QueueUrl=cloud.queue_url(FAILED_DLQ), MessageBody=late.to_message(), MessageGroupId=session_id
    )

    assert ops_json(cloud, "dlq", "--queue", "failed-turns", "redrive", "--yes") == [{"redriven": 1, "left": 0}]

    eventually(lambda: ("bot", "It ships today.") in chat.said(session_id), seconds=20)


@pytest.mark.usefixtures("graves")
def test_stream_failures_are_listed_and_discarded(cloud: Cloud) -> None:
    function = "arn:aws:lambda:us-east-1:000000000000:function:frontdesk-local-summarize_sessions"
    failure = {
        "requestContext": {"functionArn": function, "condition": "RetryAttemptsExhausted", "approximateInvokeCount": 6},
        "DDBStreamBatchInfo": {
            "shardId": "shardId-1",
            "startSequenceNumber": "100",
            "endSequenceNumber": "109",
            "approximateArrivalOfFirstRecord": "2026-11-20T12:00:00Z",
            "batchSize": 10,
        },
    }
    for body in (json.dumps(failure), "rubbish"):
        cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("stream-failures"), MessageBody=body)

    found = {one["function"]: one for one in ops_json(cloud, "stream-failures", "list")}
    printed = ops(cloud, "stream-failures", "list").stdout

    known = found["frontdesk-local-summarize_sessions"]
    assert (known["condition"], known["records"], known["from"], known["to"]) == (
        "RetryAttemptsExhausted",
        10,
        "100",
        "109",
    )
    assert "2026-11-20 12:00:00" in printed
    assert ops_json(cloud, "stream-failures", "discard", "--yes") == [{"discarded": 2}]
    assert ops(cloud, "stream-failures", "list").stdout == "There is none.\n"


@pytest.mark.usefixtures("graves")
def test_nothing_is_asked_when_there_is_nothing_to_discard(cloud: Cloud) -> None:
    assert ops(cloud, "stream-failures", "discard").stdout == "There is none.\n"


def test_a_session_is_found_at_the_desk_and_erased_with_all_it_has(cloud: Cloud, chat: Chat, table: Table) -> None:
    session_id, customer = chat.begin()
    assert customer.ask("My number is 4711.")
    customer.send(action="request_human", reason="4711 is broken.")
    customer.wait("handoff", status="waiting")
    (listed,) = [one for one in ops_json(cloud, "sessions", "list") if one["session_id"] == session_id]
    assert (listed["state"], listed["customer"]) == ("waiting", "anonymous")

    ops(cloud, "sessions", "erase", session_id, "--yes")

    eventually(lambda: table.query(f"SESSION#{session_id}") == [], seconds=30)
    eventually(lambda: session_id not in [one["session_id"] for one in ops_json(cloud, "sessions", "list")])
    customer.say("Hello?")
    assert customer.wait("error")["code"] == "session_closed"


@pytest.mark.parametrize("name", ["chat-identity", "chat-signing"])
def test_the_chat_s_secrets_are_rotated(cloud: Cloud, chat: Chat, name: str) -> None:
    manager = cloud.client("secretsmanager")
    before = manager.get_secret_value(SecretId=f"frontdesk/local/{name}")["SecretString"]
    token = chat.open()["token"]
    try:
        new = ops(cloud, "secrets", "rotate", name, "--generate").stdout.strip()
        assert chat.secret(name) == new
        assert chat.open(token=token)["resumed"] is True
        assert chat.open(identity=chat.identity("c1"))["session_id"]
        assert "32 bytes" in ops(cloud, "secrets", "set", name, "-", "--yes", answers="short", code=1).stderr
    finally:
        manager.put_secret_value(SecretId=f"frontdesk/local/{name}", SecretString=before)


@pytest.mark.usefixtures("graves")
def test_the_doctor_looks_at_the_chat(cloud: Cloud) -> None:
    findings = {one["subject"]: one for one in ops_json(cloud, "doctor")}

    assert [one for one in findings.values() if one["level"] == "bad"] == []
    assert {
        "table",
        "queue chat-messages.fifo",
        "queue chat-messages-dlq.fifo",
        "queue failed-turns",
        "queue stream-failures",
        "function answer_messages",
        "function summarize_sessions",
        "secret chat-identity",
        "secret chat-signing",
    } <= findings.keys()


@pytest.mark.usefixtures("graves")
def test_the_doctor_says_what_the_chat_lacks(cloud: Cloud) -> None:
    manager = cloud.client("secretsmanager")
    before = manager.get_secret_value(SecretId="frontdesk/local/chat-signing")["SecretString"]
    manager.put_secret_value(SecretId="frontdesk/local/chat-signing", SecretString='{"secrets": ["short"]}')
    cloud.client("sqs").send_message(QueueUrl=cloud.queue_url("stream-failures"), MessageBody="x")
    try:
        findings = {one["subject"]: one for one in ops_json(cloud, "doctor", code=1)}
    finally:
        manager.put_secret_value(SecretId="frontdesk/local/chat-signing", SecretString=before)

    assert findings["secret chat-signing"]["level"] == "bad"
    assert "stream-failures list" in findings["queue stream-failures"]["text"]
