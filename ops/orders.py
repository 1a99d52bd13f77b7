"""``orders``: the table of orders, which is made of events and can be made again."""

import click

from chalicelib.webhooks.sources import SOURCES
from ops.frontdesk import Frontdesk
from ops.output import confirm, counted, examples, json_option, progress, show_json, yes_option
from ops.stage import Stage, pass_stage

_PAGE = 200


@click.group(epilog=examples("orders rebuild"))
def orders() -> None:
    """Orders, as the stored events tell them."""


@orders.command(epilog=examples("orders rebuild", "orders rebuild --yes --json"))
@yes_option
@json_option
@pass_stage
def rebuild(stage: Stage, yes: bool, as_json: bool) -> None:
    """Read every order from the stored events again. Safe to repeat, to interrupt, and while events arrive."""
    frontdesk = Frontdesk(stage)
    sources = [source.name for source in SOURCES.values() if source.effect]
    stored = sum(frontdesk.ask("count_events", source=source, state="stored")["count"] for source in sources)
    confirm(f"Read the orders from {counted(stored, 'event')} again on the stage {stage.name}?", yes=yes)
    totals = {"events": 0, "orders": 0}  # an order counts once for each page that tells of it
    with progress("rebuilding", stored) as bar:
        for page in frontdesk.pages("rebuild_orders", limit=_PAGE):
            for name in totals:
                totals[name] += page[name]
            bar.update(page["events"])
    show_json(totals) if as_json else click.echo(f"Read again: {counted(totals['events'], 'event')}.")
