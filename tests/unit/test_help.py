"""What the commands say of themselves, as a terminal of 80 columns shows it."""

from collections.abc import Iterator, Sequence

import click
import pytest
from click.testing import CliRunner

from infra.cli import main as infra
from localcloud.cli import main as localcloud
from ops.cli import main as ops
from scans.__main__ import main as scans


def commands(command: click.Command, path: Sequence[str]) -> Iterator[Sequence[str]]:
    yield path
    if isinstance(command, click.Group):
        for name, inner in command.commands.items():
            yield from commands(inner, [*path, name])


def help_of(main: click.Group, path: Sequence[str]) -> str:
    result = CliRunner().invoke(main, [*path, "--help"], prog_name="python -m program", terminal_width=80)
    assert result.exit_code == 0
    return result.stdout


@pytest.mark.parametrize("main", [ops, localcloud, infra, scans])
def test_no_summary_is_cut_off(main: click.Group) -> None:
    for path in commands(main, []):
        lines = help_of(main, path).partition("Commands:")[2].splitlines()
        assert [line for line in lines if line.endswith("...")] == []


@pytest.mark.parametrize("main", [ops, localcloud, infra, scans])
def test_a_usage_is_one_line(main: click.Group) -> None:
    for path in commands(main, []):
        assert "\n" not in help_of(main, path).partition("\n\n")[0]


@pytest.mark.parametrize(
    ("main", "arguments", "said"),
    [
        (ops, ["events", "list", "--limit", "many"], "'many' is not a whole number from 1 to 100000."),
        (ops, ["agents", "token", "Ana", "--hours", "0"], "'0' is not a whole number from 1 to 168."),
        (localcloud, ["send", "github", "--rate", "fast"], "'fast' is not a number from 0.1 to 2000."),
        (localcloud, ["send", "mailbox"], "'github'"),
        (ops, ["secrets", "set", "mailbox"], "'github'"),
    ],
)
def test_what_cannot_be_used_is_told_with_what_can(main: click.Group, arguments: Sequence[str], said: str) -> None:
    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())
