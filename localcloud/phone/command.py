"""``python -m localcloud call``: the bank line from the keyboard, or from a script."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

import click

from infra.languages import LanguageError, read_languages
from localcloud.layout import Layout
from localcloud.ministack import client
from localcloud.phone.call import HUNG_UP, INPUTS, Call, read_typed, show_input, spoken
from localcloud.phone.definition import Bot, read_bots
from localcloud.phone.dialogue import Function
from localcloud.phone.function import BankControl, DeployedFunction
from localcloud.phone.script import Script, ScriptError, play, read_script

DEFAULT_LOCALE = "en_US"

_EXAMPLES = (
    "call                                  # and then type: what is my balance",
    "call --locale es_US",
    "call --script docs/calls/balance.txt",
    "call --script docs/calls/balance.txt --transcript balance.txt --events",
)

_EPILOG = (
    "\b\nWhat you type is what the caller says:\n"
    "  what is my balance      words\n"
    "  #1234                   the keypad; a # after the digits ends them, a * takes them back\n"
    "                          (an empty line: silence)\n"
    "  Ctrl-D                  hangs up\n\n"
    "\b\nExamples:\n" + "\n".join(f"  python -m localcloud {line}" for line in _EXAMPLES)
)


@click.command("call", epilog=_EPILOG)
@click.option("--locale", metavar="LOCALE", help=f"Language of the call.  [default: the script's, or {DEFAULT_LOCALE}]")
@click.option("--script", type=click.File("rb"), help="A scripted call; - is stdin.")
@click.option("--transcript", type=click.Path(dir_okay=False, path_type=Path), help="Write what is said to a file.")
@click.option(
    "--events", is_flag=True, help="Show what Lex and the codehook tell one another, slots and PINs included."
)
@click.make_pass_decorator(Layout)
def call(layout: Layout, locale: str | None, script: BinaryIO | None, transcript: Path | None, events: bool) -> None:
    """Call the bank line, as a caller would on the telephone.

    Plays Lex, from the bot's own definition, for the codehook that is deployed here.
    """
    running = layout.endpoints()
    function: Function = DeployedFunction(client("lambda", running.aws_endpoint_url))
    said: list[str] = []
    try:
        scripted = read_script(script.read(), script.name) if script else None
        one = Call(_bot(locale, scripted), shown(function) if events else function)
        bank = BankControl(running.bank)
        for line in play(scripted, one, bank) if scripted else _converse(one):
            said.append(line)
            if scripted or not _is_typed(line):
                click.echo(_coloured(line))
    except (ScriptError, LanguageError) as error:
        raise click.ClickException(str(error)) from error
    finally:
        if transcript is not None:
            transcript.write_text("".join(f"{line}\n" for line in said), encoding="utf-8")


def shown(function: Function) -> Function:
    """The function, with all that goes there and comes back written to the screen."""

    def call_and_show(event: dict[str, Any]) -> Any:
        _show("Lex", event)
        answer = function(event)
        _show("codehook", answer)
        return answer

    return call_and_show


def _bot(locale: str | None, script: Script | None) -> Bot:
    bots = read_bots(read_languages())
    wanted = locale or (script.locale if script else None) or DEFAULT_LOCALE
    if wanted not in bots:
        raise click.ClickException(f"The bot does not speak {wanted}, but {', '.join(bots)}.")
    return bots[wanted]


def _converse(one: Call) -> Iterator[str]:
    """A call from the keyboard, as lines of a transcript."""
    yield from spoken(one.begin())
    while not one.has_ended:
        try:
            said = read_typed(input("you: " if sys.stdin.isatty() else ""))
        except EOFError:
            yield HUNG_UP
            return
        yield show_input(said)
        yield from spoken(one.hear(said))


def _is_typed(line: str) -> bool:
    """Whether a line stands on the screen already, since the caller typed it there."""
    return sys.stdin.isatty() and line.startswith(INPUTS)


def _show(who: str, what: Any) -> None:
    click.secho(f"{who}: {json.dumps(what, indent=2, ensure_ascii=False)}", dim=True)


def _coloured(line: str) -> str:
    if line.startswith("bot:"):
        return click.style(line, fg="cyan")
    return click.style(line, dim=True) if line.startswith(("(", "#")) else line
