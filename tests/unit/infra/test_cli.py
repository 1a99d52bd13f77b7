"""What the command says before anything is changed."""

from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from infra.cli import main


@pytest.fixture(autouse=True)
def _no_aws(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("LOCALCLOUD_DIRECTORY", str(tmp_path / ".localcloud"))


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    return result.stderr


@pytest.mark.parametrize("command", ["deploy", "destroy", "package"])
def test_an_unknown_stage(command: str) -> None:
    assert "There is no stage tset: infra/stages.yaml knows dev, local, prod." in refused(command, "--stage", "tset")


@pytest.mark.parametrize("command", ["deploy", "destroy"])
def test_no_region(command: str) -> None:
    assert "There is no AWS region: set AWS_DEFAULT_REGION or AWS_PROFILE." in refused(command)


def test_no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")

    assert "There are no AWS credentials: set AWS_PROFILE, or sign in." in refused("deploy")


def test_no_local_cloud() -> None:
    assert "start it with `make run`" in refused("deploy", "--stage", "local")


@pytest.mark.parametrize("url", ["http://127.0.0.1:4566", "http://localhost:4566/"])
def test_an_address_of_this_machine_means_the_local_cloud(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)

    assert "start it with `make run`" in refused("deploy", "--stage", "dev")


@pytest.mark.parametrize("interruption", [KeyboardInterrupt, click.Abort])
@pytest.mark.parametrize("command", [["deploy"], ["destroy"], ["chalice", "finish"]])
def test_ctrl_c_ends_with_130_and_a_word(
    monkeypatch: pytest.MonkeyPatch, command: list[str], interruption: type[BaseException]
) -> None:
    """Wherever it comes; a question that is interrupted is click's ``Abort``."""

    def interrupt(*_: object, **__: object) -> None:
        raise interruption

    monkeypatch.setattr("infra.command.read_stage", interrupt)

    result = CliRunner().invoke(main, command)

    assert result.exit_code == 130
    assert "Interrupted. Run it again: whatever was begun is then done." in result.stderr
