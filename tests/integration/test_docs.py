"""What the documentation shows works: its commands are run, its links lead somewhere, its tables are complete."""

import re
import shlex
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
import requests
from click.testing import CliRunner

from chalicelib.webhooks import payloads, signatures, sources
from localcloud.layout import ROOT
from localcloud.ministack import CREDENTIALS
from ops.cli import main as operators_commands
from tests.integration.cloud import Cloud, eventually
from tests.integration.talk import TABLE, Chat

DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

ELSEWHERE = {
    "source .venv/bin/activate": "nothing to see: the tests run in that environment",
    'eval "$(python -m localcloud environment)"': "test_the_environment_leads_to_the_local_cloud",
    "python -m ops --stage dev doctor": "tests/integration/test_deploying.py",
    "(cd .chalice-projects/dev && chalice deploy --stage dev)": "tests/integration/test_chalice_deploy.py",
    "chalice local --stage local --no-autoreload --port 8001": "tests/integration/test_ways.py",
    "python -m infra chalice finish --stage dev": "tests/integration/test_chalice_deploy.py",
    "python -m infra chalice prepare --stage dev": "tests/integration/test_chalice_deploy.py",
    "python -m scans secrets": "make check",
    "python -m scans templates": "make check",
}
"""Commands that another test runs, or CI."""


def blocks(document: Path, language: str) -> Iterator[str]:
    pattern = rf"^```{language}\n(.*?)^```"
    yield from re.findall(pattern, document.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    """Every command of every console block, once."""
    lines = (line for document in DOCUMENTS for block in blocks(document, "console") for line in block.splitlines())
    return list(dict.fromkeys(line.removeprefix("$ ") for line in lines if line.startswith("$ ")))


def of_kind(prefix: str) -> list[str]:
    return [command for command in commands() if command.startswith(prefix) and command not in ELSEWHERE]


def test_every_command_is_run_by_some_test() -> None:
    known = ("make ", "python -m localcloud ", "python -m ops ", "python -m infra package ", "curl ")

    assert [command for command in commands() if not command.startswith(known) and command not in ELSEWHERE] == []


@pytest.mark.parametrize("command", of_kind("make "))
def test_targets_exist(command: str) -> None:
    """CI runs the targets themselves."""
    target = shlex.split(command)[1]

    assert re.search(rf"^{target}:.*## ", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("command", of_kind("python -m localcloud "))
def test_local_cloud_commands(cloud: Cloud, command: str) -> None:
    arguments = shlex.split(command)[3:]
    restarted = f"{arguments[1]} runs again" if arguments[0] == "kill" else ""
    before = cloud.printed().count(restarted)

    result = cloud.command(*arguments, check=False)

    assert result.returncode == 0, result.stdout + result.stderr
    if restarted:
        eventually(lambda: cloud.printed().count(restarted) > before, seconds=60)


@pytest.fixture
def same_secrets(cloud: Cloud) -> Iterator[None]:
    """The secrets of the sources, put back where a test changed them."""
    manager = cloud.client("secretsmanager")

    def read() -> dict[str, str]:
        names = [f"frontdesk/local/webhooks/{source}" for source in sources.SOURCES]
        return {name: manager.get_secret_value(SecretId=name)["SecretString"] for name in names}

    before = read()
    yield
    for name, text in read().items():
        if text != before[name]:
            manager.put_secret_value(SecretId=name, SecretString=before[name])


@pytest.mark.usefixtures("same_secrets")
@pytest.mark.parametrize("command", of_kind("python -m ops "))
def test_operators_commands(cloud: Cloud, command: str) -> None:
    arguments = ["--directory", str(cloud.layout.directory), *shlex.split(command)[3:]]

    result = CliRunner().invoke(operators_commands, arguments)

    assert result.exit_code == 0, result.output


def test_the_environment_leads_to_the_local_cloud(cloud: Cloud) -> None:
    lines = cloud.command("environment").stdout.splitlines()

    exported = dict(line.removeprefix("export ").split("=", 1) for line in lines)
    assert exported == {
        "AWS_ENDPOINT_URL": cloud.endpoints.aws_endpoint_url,
        **CREDENTIALS,
        "LOCALCLOUD_DIRECTORY": str(cloud.layout.directory),
    }


@pytest.mark.parametrize("command", of_kind("curl "))
def test_requests(cloud: Cloud, command: str) -> None:
    words = shlex.split(command.replace("http://127.0.0.1:8000", cloud.endpoints.http))

    result = subprocess.run([*words, "--silent", "--fail"], capture_output=True, text=True, check=True)

    assert '"status":"ok"' in result.stdout


@pytest.mark.parametrize("command", of_kind("python -m infra package "))
def test_packaging_with_every_dependency(command: str, tmp_path: Path) -> None:
    arguments = shlex.split(command)[1:]
    arguments[arguments.index("--output") + 1] = str(tmp_path / "out")

    subprocess.run([sys.executable, *arguments], cwd=ROOT, check=True, capture_output=True)

    assert {path.name for path in (tmp_path / "out").iterdir()} == {
        "template.json",
        "deployment.zip",
        "layer-deployment.zip",
        "made-by-frontdesk.json",
    }
    assert (tmp_path / "out" / "deployment.zip").stat().st_size < 1_000_000
    with zipfile.ZipFile(tmp_path / "out" / "layer-deployment.zip") as layer:
        names = {Path(name).parts[4] for name in layer.namelist()}
    assert {"aws_lambda_powertools", "cryptography", "jwt", "psycopg", "psycopg_binary", "requests"} <= names


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text(encoding="utf-8")
    targets = [target.split("#")[0] for target in re.findall(r"\]\(([^)\s]+)\)", text)]

    assert [target for target in targets if "://" not in target and not (document.parent / target).exists()] == []


def test_files_that_are_named_exist() -> None:
    missing = {
        (document.name, name)
        for document in DOCUMENTS
        for name in re.findall(
            r"`((?:chalicelib|infra|localcloud|ops|tests|docs|benchmarks)/[\w./]+)`",
            document.read_text(encoding="utf-8"),
        )
        if not (ROOT / name).exists()
    }

    assert missing == set()


def test_the_source_that_extending_shows_is_one() -> None:
    example, _ = blocks(ROOT / "docs" / "extending.md", "python")

    source = eval(example, vars(sources) | vars(payloads) | vars(signatures))  # noqa: S307 - our own documentation

    assert isinstance(source, sources.Source)
    message = sources.Message({}, b'{"type": "pallet.moved", "movement": {"id": "42"}}')
    assert source.identify(message) == ("42", "pallet.moved")
    assert source.check(message).value["type"] == "pallet.moved"
    redelivery = sources.Message({"x-warehouse-delivery": "43"}, message.body)
    assert source.identify(redelivery) == ("43", "pallet.moved")


def test_the_shop_is_shown_how_to_say_who_a_customer_is(cloud: Cloud, chat: Chat) -> None:
    """The example's token opens a session, in which the assistant knows the customer."""
    (example,) = blocks(ROOT / "docs" / "chat.md", "python")
    names: dict[str, Any] = {}
    exec(example, names)  # noqa: S102 - our own documentation
    token = names["identity_token"]("207", "aiko@example.com", "Aiko", chat.secret("chat-identity"))

    opened = chat.open(identity=token)

    key = {"PK": {"S": f"SESSION#{opened['session_id']}"}, "SK": {"S": "META"}}
    meta = cloud.client("dynamodb").get_item(TableName=TABLE, Key=key)["Item"]
    known = {name: meta[name]["S"] for name in ("customer_id", "email", "name")}
    assert known == {"customer_id": "207", "email": "aiko@example.com", "name": "Aiko"}


def test_the_shop_s_script_is_served(cloud: Cloud) -> None:
    (example,) = blocks(ROOT / "docs" / "chat.md", "html")
    (path,) = re.findall(r'src="https://chat\.example\.com(/[^"]+)"', example)

    answer = requests.get(cloud.endpoints.http + path, timeout=30)

    assert answer.headers["Content-Type"].startswith("text/javascript")
    assert "data-identity" in example
    assert "data-identity" in answer.text


def test_every_scheme_is_in_the_table() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    table = text.split("## Signature schemes")[1].split("\n## ")[0]

    assert set(re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)) == set(get_args(signatures.Scheme))


def test_every_metric_and_every_kind_of_log_line_is_explained() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "chalicelib").rglob("*.py"))
    written = r'"(Webhook\w+|Seconds\w+)"|(?:count|gauge)\(\s*"(\w+)"|\{"([A-Z]\w+)": (?:1|\[)'
    metrics = {name for names in re.findall(written, code) for name in names if name} | {
        f"Webhooks{name}" for name in ("Stored", "Parked", "Failed")
    }
    messages = set(re.findall(r'logger\.(?:info|warning|error|exception)\(\s*"([^"]+)"', code))

    assert {name for name in metrics if name not in text} == set()
    assert {message for message in messages if message not in text} == set()


def test_every_log_group_is_named() -> None:
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    groups = re.findall(r"LogGroupName: !Sub (\S+)", (ROOT / "infra" / "app.yaml").read_text(encoding="utf-8"))

    assert groups
    assert [group for group in groups if f"`{group.replace('${Stage}', '<stage>')}`" not in text] == []


def test_decisions_are_indexed() -> None:
    folder = ROOT / "docs" / "decisions"
    index = (folder / "README.md").read_text(encoding="utf-8")

    assert all(f"({path.name})" in index for path in folder.glob("0*.md"))


def test_ci_runs_the_targets_of_people() -> None:
    script = (ROOT / ".ci" / "run").read_text(encoding="utf-8")

    assert [line for line in script.splitlines() if line.startswith("make ")] == [
        "make check",
        "make audit",
        "make test",
    ]
    assert set(of_kind("python -m scans ")) <= set(re.findall(r"python -m scans \w+", (ROOT / "Makefile").read_text()))
