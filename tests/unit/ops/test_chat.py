"""The operator's commands of the chat, on a table of moto's."""

import json
from collections.abc import Iterator

import boto3
import click
import pytest
from click.testing import CliRunner, Result
from moto import mock_aws

from chalicelib.aws.tables import Table, put
from chalicelib.chat.desk import Desk
from chalicelib.chat.handoff import Handoffs, claim, leave, to_people
from chalicelib.chat.sessions import Connection, Sessions
from chalicelib.chat.tokens import Identity, Ticket
from ops.agents import agents
from ops.sessions import sessions
from ops.stage import Stage
from ops.times import utc_now
from tests.fakes import FakeSockets

TABLE = "frontdesk-dev-sessions"


@pytest.fixture
def stage() -> Iterator[Stage]:
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        client.create_table(
            TableName=TABLE,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in ("PK", "SK")],
            KeySchema=[{"AttributeName": "PK", "KeyType": "HASH"}, {"AttributeName": "SK", "KeyType": "RANGE"}],
        )
        manager = boto3.client("secretsmanager", "us-east-1")
        manager.create_secret(Name="frontdesk/dev/chat-signing", SecretString=json.dumps({"secrets": ["x" * 32]}))
        formation = type("Formation", (), {"describe_stacks": lambda *_, **__: STACKS})()
        yield Stage("dev", None, {"dynamodb": client, "secretsmanager": manager, "cloudformation": formation})


STACKS = {"Stacks": [{"Outputs": [{"OutputKey": "EndpointURL", "OutputValue": "https://chat.example.com/api/"}]}]}


def now() -> float:
    return utc_now().timestamp()


@pytest.fixture
def desk(stage: Stage) -> Desk:
    table = stage.sessions_table()
    return Desk(table, Handoffs(table, now), FakeSockets(), now)


def run(stage: Stage, group: click.Group, *arguments: str, typed: str = "", code: int = 0) -> Result:
    result = CliRunner().invoke(group, arguments, obj=stage, input=typed)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def waits(table: Table, desk: Desk, session_id: str) -> None:
    Sessions(table, now, lambda: session_id).open(session_id, Identity("7001", None, "Aiko"), f"t-{session_id}")
    desk.take(session_id, to_people("customer", "My number is 4711."))


@pytest.fixture
def three(stage: Stage, desk: Desk) -> Stage:
    """One who waits, one who is with an agent, and one who was left for later."""
    for session_id in ("s1", "s2", "s3"):
        waits(stage.sessions_table(), desk, session_id)
    desk.take("s2", claim("ana"))
    desk.take("s3", leave())
    return stage


def test_who_is_at_the_desk_is_listed_with_their_sessions(three: Stage) -> None:
    listed = [json.loads(line) for line in run(three, sessions, "list", "--json").stdout.splitlines()]

    assert [(one["session_id"], one["state"], one["agent"]) for one in listed] == [
        ("s1", "waiting", None),
        ("s2", "with an agent", "ana"),
        ("s3", "left", None),
    ]
    printed = run(three, sessions, "list").stdout
    assert "Aiko" in printed
    assert "4711" not in printed + json.dumps(listed)
    assert "4711" in run(three, sessions, "list", "--content").stdout


def test_an_empty_desk_is_said_to_be(stage: Stage) -> None:
    assert run(stage, sessions, "list").stdout == "Nobody is at the desk.\n"


def test_a_session_is_shown_in_words_and_as_json_with_all_it_has(three: Stage) -> None:
    printed = run(three, sessions, "show", "s2").stdout
    (shown,) = [json.loads(line) for line in run(three, sessions, "show", "s2", "--json").stdout.splitlines()]

    assert "with a person" in printed
    assert "Aiko" in printed
    assert "unsummarised" not in printed
    assert "allowed_at" not in printed
    assert shown["session"]["unsummarised"] == 0
    assert shown["session"]["allowed_at"] == 0


def test_an_erased_session_is_gone(three: Stage) -> None:
    run(three, sessions, "erase", "s1", typed="n\n", code=1)
    assert "s1 is erased" in run(three, sessions, "erase", "s1", typed="y\n").stdout
    assert json.loads(run(three, sessions, "erase", "s2", "--yes", "--json").stdout) == {"erased": "s2"}

    assert three.sessions_table().get({"PK": "SESSION#s1", "SK": "META"}) is None
    assert "no session s1" in run(three, sessions, "erase", "s1", "--yes", code=1).stderr


def listed(stage: Stage) -> list[tuple[str, bool]]:
    lines = run(stage, agents, "list", "--json").stdout.splitlines()
    return [(one["agent"], one["gone_at"] is None) for one in map(json.loads, lines)]


def test_agents_who_are_gone_are_listed_once(stage: Stage, desk: Desk) -> None:
    for number in range(3):
        for name in ("ana", "bo"):
            desk.connect(Ticket(f"{name}-{number}", agent=name), f"{name}-{number}")
            desk.disconnect(Connection(f"{name}-{number}", agent=name))
    desk.connect(Ticket("bo-9", agent="bo"), "bo-9")
    old = {"PK": "DESK", "SK": "AGENT#old", "agent": "ana", "ttl": int(now()) + 60, "gone_at": int(now()) - 600}
    stage.sessions_table().write(put(old))

    assert listed(stage) == [("ana", False), ("bo", True)]
    assert run(stage, agents, "list").stdout.count("gone") == 1


def test_a_name_that_is_at_the_desk_is_warned_of(stage: Stage, desk: Desk) -> None:
    def warning() -> str:
        return run(stage, agents, "token", "ana").stderr

    assert "Warning" not in warning()
    desk.connect(Ticket("t1", agent="ana"), "ana-1")
    assert "ana is at the desk already" in warning()
    desk.disconnect(Connection("ana-1", agent="ana"))
    assert "Warning" not in warning()
