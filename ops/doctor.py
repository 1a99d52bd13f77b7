"""``doctor``: what can be reached, and what is not as it should be."""

from collections.abc import Callable, Iterator
from functools import partial

import click
from botocore.exceptions import BotoCoreError, ClientError

from ops.chat_checks import check_model
from ops.checks import CHECKS, NEED_FUNCTIONS
from ops.findings import Finding, Level
from ops.output import examples, json_option, readable, show_json
from ops.stage import Stage, pass_stage

_COLOURS = {Level.GOOD: "green", Level.NOTE: "yellow", Level.BAD: "red"}
_WORDS = {Level.GOOD: "good", Level.NOTE: "note", Level.BAD: "bad"}


@click.command(epilog=examples("doctor", "--stage prod doctor --json", "--stage prod doctor --ask-model"))
@click.option("--ask-model", is_flag=True, help="Ask the model for one word too, which costs a few tokens.")
@json_option
@pass_stage
def doctor(stage: Stage, ask_model: bool, as_json: bool) -> None:
    """Look at every part, and say what to do.

    A line each; exit code 1 when something is wrong. --json writes one object a line.
    """
    worst = False
    for name, check in (CHECKS | {"model": partial(check_model, asking=ask_model)}).items():
        if name in NEED_FUNCTIONS and not stage.is_deployed:
            continue
        for finding in findings(name, check, stage):
            worst = worst or finding.level is Level.BAD
            _show(finding, as_json=as_json)
    if worst:
        raise SystemExit(1)


def findings(name: str, check: Callable[[Stage], Iterator[Finding]], stage: Stage) -> Iterator[Finding]:
    """What a check finds; when it cannot look, that it cannot."""
    try:
        yield from check(stage)
    except click.ClickException as error:
        yield Finding(Level.BAD, name, error.message)
    except (BotoCoreError, ClientError) as error:
        yield Finding(Level.BAD, name, f"cannot be looked at: {error}")
    except KeyError as error:
        yield Finding(Level.BAD, name, f"does not tell {error}: is this version deployed?")


def _show(finding: Finding, *, as_json: bool) -> None:
    if as_json:
        show_json({"level": _WORDS[finding.level], "subject": finding.subject, "text": finding.text})
        return
    mark = click.style(finding.level.value, fg=_COLOURS[finding.level], bold=True)
    click.echo(f"{mark} {finding.subject:<32} {readable(finding.text)}")
