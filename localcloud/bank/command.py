"""``python -m localcloud bank``: what goes wrong with the stand-in for the bank."""

import json
from typing import Any

import click
import requests

from localcloud.bank.faults import FAULTS
from localcloud.bank.samples import CUSTOMERS, SampleAccount
from localcloud.bank.wire import amount_text
from localcloud.layout import Layout
from localcloud.processes import StartError
from localcloud.ranges import Number, WholeNumber

_ACTIONS = {
    "unlock": "Forget the wrong PINs of every customer.",
    "reset": "Give the sample customers back what they had, without transfers, locks and faults.",
}
_EXAMPLES = (
    "bank",
    "bank slow --seconds 8 --path /accounts",
    "bank drop-after --times 1 --path /transfers --method POST",
    "bank drop-after stall slow --probability 0.3 --seed 7",
    "bank normal",
    "bank unlock",
)


def _epilog() -> str:
    width = max(map(len, FAULTS))
    faults, actions = (
        "\n".join(f"  {name:<{width}}  {what}" for name, what in words.items()) for words in (FAULTS, _ACTIONS)
    )
    examples = "\n".join(f"  python -m localcloud {line}" for line in _EXAMPLES)
    return f"\b\nFaults:\n{faults}\n\n\b\nInstead of a fault:\n{actions}\n\n\b\nExamples:\n{examples}"


@click.command("bank", epilog=_epilog())
@click.argument("faults", type=click.Choice([*FAULTS, *_ACTIONS]), nargs=-1, metavar="[FAULT]...")
@click.option("--times", type=WholeNumber(1, 1_000_000), help="For so many requests; without it, until changed.")
@click.option("--seconds", type=Number(0, 3_600), help="How long it takes; each fault has its own default.")
@click.option("--path", metavar="PREFIX", help="Only for requests whose path begins so: /transfers.")
@click.option("--method", type=click.Choice(["GET", "POST"]), help="Only for such requests.")
@click.option("--probability", type=Number(0, 1), help="Only for so many of them, drawn at random: 0.3.")
@click.option("--seed", type=int, help="Draw the same as another time.")
@click.make_pass_decorator(Layout)
def bank(layout: Layout, /, faults: tuple[str, ...], **options: Any) -> None:
    """Let the bank fail as FAULT; without one, show how it is set.

    Without one, the customers' accounts are shown as well. Several at once are as likely as each other.
    """
    url = f"{layout.endpoints().bank}/control"
    if set(faults) & set(_ACTIONS):
        if len(faults) > 1 or any(value is not None for value in options.values()):
            raise click.UsageError(f"{' and '.join(_ACTIONS)} stand alone.")
        _ask("POST", f"{url}/{faults[0]}", {})
    elif faults:
        _ask("POST", url, {"faults": faults, **options})
    _show(_ask("GET", url))


def _ask(method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        answer = requests.request(method, url, json=body, timeout=10)
        answer.raise_for_status()
        return dict(answer.json())
    except requests.RequestException as error:
        raise StartError(f"The bank does not answer; it may be restarting: {error}") from error


def _show(state: dict[str, Any]) -> None:
    faults = ("faults", "probability", "seed", "seconds", "times", "path", "method", "requests")
    click.echo(json.dumps({name: state[name] for name in faults}))
    locked = {customer["id"] for customer in state["customers"] if customer["locked"]}
    blocked = {card["id"] for card in state["cards"] if card["status"] == "blocked"}
    cents = {account["id"]: account["cents"] for account in state["accounts"]}
    for customer in CUSTOMERS:
        click.echo(f"{customer.number}  PIN {customer.pin}{'  locked' if customer.id in locked else ''}")
        for account in customer.accounts:
            balance = f"{amount_text(cents[account.id]):>10} USD"
            click.echo(f"  {account.type:<8}  {account.last4}  {balance}{_card(account, blocked)}")


def _card(account: SampleAccount, blocked: set[str]) -> str:
    if account.card is None:
        return ""
    return f"  card {account.card.last4}{' blocked' if account.card.id in blocked else ''}"
