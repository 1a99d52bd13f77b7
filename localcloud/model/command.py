"""``python -m localcloud model``: what goes wrong with the stand-in for the model."""

import json

import click
import requests

from localcloud.layout import Layout
from localcloud.model.faults import FAULTS
from localcloud.processes import StartError
from localcloud.ranges import Number, WholeNumber

_EXAMPLES = ("model", "model throttle --times 2", "model slow-first-token --seconds 8", "model instant", "model normal")


def _epilog() -> str:
    width = max(map(len, FAULTS))
    faults = "\n".join(f"  {name:<{width}}  {what}" for name, what in FAULTS.items())
    examples = "\n".join(f"  python -m localcloud {line}" for line in _EXAMPLES)
    return f"\b\nFaults:\n{faults}\n\n\b\nExamples:\n{examples}"


@click.command("model", epilog=_epilog())
@click.argument("fault", type=click.Choice(list(FAULTS)), required=False, metavar="[FAULT]")
@click.option(
    "--times", type=WholeNumber(1, 1_000_000), help="For so many answers; without it, until the next command."
)
@click.option(
    "--seconds", type=Number(0, 3_600), default=20.0, show_default=True, help="How late the first word comes."
)
@click.make_pass_decorator(Layout)
def model(layout: Layout, fault: str | None, times: int | None, seconds: float) -> None:
    """Let the model fail as FAULT; without one, show how it is set."""
    url = f"{layout.endpoints().model}/control"
    try:
        if fault is None:
            answer = requests.get(url, timeout=10)
        else:
            answer = requests.post(url, json={"fault": fault, "times": times, "seconds": seconds}, timeout=10)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise StartError(
            "The model does not answer. It may be restarting: try again in a moment. "
            f"Its log is {layout.logs / 'model.log'}."
        ) from error
    click.echo(json.dumps(answer.json()))
