import json
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from ops.secrets import secrets
from ops.stage import Stage

NAME = "frontdesk/dev/webhooks/meta"


class NotFoundError(Exception):
    """Secrets Manager's own."""


class Exceptions:
    ResourceNotFoundException = NotFoundError


@dataclass
class FakeManager:
    texts: dict[str, str]
    exceptions: type[Exceptions] = field(default=Exceptions)

    def get_secret_value(self, *, SecretId: str) -> dict[str, str]:  # noqa: N803 - botocore's own spelling
        if SecretId not in self.texts:
            raise NotFoundError
        return {"SecretString": self.texts[SecretId]}

    def put_secret_value(self, *, SecretId: str, SecretString: str) -> None:  # noqa: N803
        self.texts[SecretId] = SecretString


def manager(document: Any) -> FakeManager:
    return FakeManager({NAME: json.dumps(document)})


def run(client: FakeManager, *arguments: str, typed: str = "", code: int = 0) -> Result:
    result = CliRunner().invoke(secrets, arguments, obj=Stage("dev", None, {"secretsmanager": client}), input=typed)
    assert result.exit_code == code, f"{result.output}\n{result.exception!r}"
    return result


def stored(client: FakeManager) -> Any:
    return json.loads(client.texts[NAME])


@pytest.mark.parametrize("piped", ["y\nnew\n", "new\n"])
def test_a_piped_secret_is_no_answer(piped: str) -> None:
    client = manager({"secrets": ["old"]})

    assert "--yes" in run(client, "set", "meta", "-", typed=piped, code=2).stderr
    assert stored(client) == {"secrets": ["old"]}

    run(client, "set", "meta", "-", "--yes", typed="new\n")
    assert stored(client) == {"secrets": ["new"]}


def test_a_first_secret_comes_to_what_is_there_already() -> None:
    client = manager({"verify_token": "t"})

    assert "secrets set meta" in run(client, "rotate", "meta", "--generate", code=1).stderr
    run(client, "set", "meta", "-", typed="first\n")
    assert stored(client) == {"secrets": ["first"], "verify_token": "t"}


@pytest.mark.parametrize(("overlap", "warned"), [("0s", True), ("299s", True), ("5m", False), ("24h", False)])
def test_an_overlap_shorter_than_the_cache_is_warned_of(overlap: str, warned: bool) -> None:
    result = run(manager({"secrets": ["old"]}), "rotate", "meta", "-", "--overlap", overlap, typed="new\n")

    assert ("Warning" in result.stderr) is warned


@pytest.mark.parametrize(("overlap", "warned"), [("29s", True), ("30s", False)])
def test_the_chats_secrets_are_read_anew_sooner(overlap: str, warned: bool) -> None:
    client = FakeManager({"frontdesk/dev/chat-signing": json.dumps({"secrets": ["o" * 32]})})

    result = run(client, "rotate", "chat-signing", "-", "--overlap", overlap, typed="n" * 32 + "\n")
    assert ("shorter than 30 seconds" in result.stderr) is warned

    assert "within 30 seconds" in run(client, "rotate", "chat-signing", "--finish", "--yes").stderr


def test_an_overlap_longer_than_time_is_refused() -> None:
    client = manager({"secrets": ["old"]})

    result = run(client, "rotate", "meta", "--generate", "--overlap", "999999w", code=2)

    assert "shorter" in result.stderr
    assert stored(client) == {"secrets": ["old"]}


def test_without_a_terminal_it_says_what_to_use_instead() -> None:
    script = """
from ops.secrets import secrets
from ops.stage import Stage
from tests.unit.ops.test_secrets import manager
document = {"secrets": ["x" * 32]}
secrets(["rotate", "meta"], obj=Stage("dev", None, {"secretsmanager": manager(document)}))
"""
    ended = subprocess.run(
        [sys.executable, "-c", script],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        start_new_session=True,
        cwd=Path(__file__).parents[3],
        check=False,
    )

    assert ended.returncode == 2
    assert "use - for standard input, or --generate" in " ".join(ended.stderr.split())
    assert "GetPassWarning" not in ended.stderr
