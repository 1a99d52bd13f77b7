"""``python -m ops capacity``: the figures of a load, for people and for programs."""

import math
from collections.abc import Callable, Sequence
from dataclasses import asdict
from typing import Any

import click

from ops.capacity import assumptions as assumed
from ops.capacity import formula as design
from ops.capacity import prices
from ops.capacity.costs import Cost, costs, provisioned
from ops.capacity.demand import Demand, Load
from ops.capacity.formula import Formula
from ops.capacity.limits import Limit, limits
from ops.output import Figure, examples, json_option, show_json, show_table

MOST = 1_000_000
LEAST = 0.000_001
"""Of what there is any of: a few in a month."""

_BY_ITSELF = (
    f"The database, {assumed.DATABASE_CLASS}; only its storage grows, as far as DatabaseMaximumStorage.",
    "Provisioned units of the tables, where they are not billed on demand.",
    "Maximum concurrency of the queues: it bounds database connections, and is raised together with them.",
    "Throttles of the entrances, ModelDailyTokens, and the waiting customers that agents can help.",
    (
        f"Quotas of the account: Lambda's concurrency ({assumed.ACCOUNT_CONCURRENCY:,}), API Gateway's requests and"
        f" callbacks ({assumed.ACCOUNT_REQUESTS:,} a second each) and new sockets ({assumed.NEW_CONNECTIONS} a second),"
        " Bedrock's tokens a minute, calls at once of Lex and of Connect."
    ),
)


class _Rate(click.FloatRange):
    """A number from 0 to ``MOST``, whose refusal says so."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            rate = float(super().convert(value, param, ctx))
        except click.BadParameter:
            rate = math.nan  # which is between no two bounds
        if math.isnan(rate):
            self.fail(f"{str(value)!r} is not a number from 0 to {MOST}.", param, ctx)
        if 0 < rate < LEAST:
            self.fail(f"{value} is too little to count: take 0, or {LEAST:f} or more.", param, ctx)
        return abs(rate)  # -0.0 is no less than 0


def _rate(name: str, explanation: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(name, type=_Rate(0, MOST), default=0.0, show_default=True, help=explanation)


@click.command(
    epilog=examples(
        "capacity --webhooks-per-second 50 --messages-per-second 20 --calls-per-hour 300",
        "capacity --messages-per-second 0.5 --json",
    )
)
@_rate("--webhooks-per-second", "Webhooks that come in.")
@_rate("--messages-per-second", "Messages of customers in the chat.")
@_rate("--calls-per-hour", "Calls on the bank line.")
@json_option
def capacity(webhooks_per_second: float, messages_per_second: float, calls_per_hour: float, as_json: bool) -> None:
    """What a load needs, where it meets a limit, its cost.

    Needs neither AWS nor a stage. What one webhook, message or call consumes was measured on the application; the rest
    is assumed, and said at the end. Beside the sessions table stands the formula of the source design.
    """
    load = Load(webhooks_per_second, messages_per_second, calls_per_hour)
    demand = Demand(load)
    if as_json:
        show_json(_document(demand))
    else:
        _show(demand)


def _document(demand: Demand) -> dict[str, Any]:
    theirs, lines, found = Formula(demand.load.messages_per_second), costs(demand), limits(demand)
    return {
        "load": asdict(demand.load),
        "tables": [
            {
                "table": table.table,
                "reads_per_second": table.reads,
                "writes_per_second": table.writes,
                "provisioned_reads": table.provisioned[0],
                "provisioned_writes": table.provisioned[1],
            }
            for table in demand.tables
        ],
        "source_design": {
            "reads_per_second": theirs.reads,
            "writes_per_second": theirs.writes,
            "provisioned_reads": theirs.provisioned[0],
            "provisioned_writes": theirs.provisioned[1],
            "concurrency": theirs.at_once,
            "reserved_concurrency": design.RESERVED_CONCURRENCY,
            "why": [design.WHY, design.WHY_CONCURRENCY],
        },
        "functions": [asdict(function) | {"at_once": function.at_once} for function in demand.functions],
        "rates": dict(_rates(demand)),
        "limits": [
            asdict(limit) | {"share": limit.share, "exceeded": limit.is_exceeded, "times": limit.times}
            for limit in found
        ],
        "first_limit": found[0].name if found[0].times else None,
        "costs": [asdict(line) for line in lines],
        "dollars_per_month": sum(line.dollars for line in lines),
        "tables_provisioned_dollars_per_month": provisioned(demand.tables),
        "prices_as_of": prices.AS_OF,
        "region": prices.REGION,
        "assumptions": list(assumed.SHOWN),
        "not_by_itself": list(_BY_ITSELF),
    }


def _show(demand: Demand) -> None:
    load = demand.load
    click.echo(
        f"{_number(load.webhooks_per_second)} webhooks/s, {_number(load.messages_per_second)} messages/s,"
        f" {_number(load.calls_per_hour)} calls/h, all day and night\n"
    )
    _show_tables(demand)
    _show_functions(demand)
    show_table(("A SECOND, OR AT ONCE", "FIGURE"), [(name, Figure(_number(value))) for name, value in _rates(demand)])
    click.echo()
    _show_limits(limits(demand))
    _show_costs(demand)
    _show_list("Does not grow by itself:", _BY_ITSELF)
    _show_list("Assumed:", assumed.SHOWN)


def _show_tables(demand: Demand) -> None:
    theirs = Formula(demand.load.messages_per_second)
    figures: list[tuple[str, float, float, float, float]] = [
        (table.table, table.reads, table.writes, *table.provisioned) for table in demand.tables
    ]
    figures.insert(1, ("  source design's formula", theirs.reads, theirs.writes, *theirs.provisioned))
    show_table(
        ("TABLE", "READS/S", "WRITES/S", "PROVISION READS", "AND WRITES"),
        [(name, *(Figure(_number(value)) for value in values)) for name, *values in figures],
    )
    _show_text(design.WHY)
    reads, writes = (
        _number(sum(getattr(table, unit) for table in demand.tables) * prices.SECONDS / prices.MILLION)
        for unit in ("reads", "writes")
    )
    _show_text(f"On demand these are {reads} million read and {writes} million write request units a month.")
    click.echo()


def _show_functions(demand: Demand) -> None:
    theirs = Formula(demand.load.messages_per_second)
    rows: list[Sequence[Any]] = [
        (
            function.name,
            Figure(_number(function.invocations)),
            Figure(_number(function.seconds)),
            Figure(_number(function.at_once)),
            Figure("shared" if function.maximum is None else _number(function.maximum)),
            "TOO MUCH" if function.maximum is not None and function.at_once > function.maximum else "",
        )
        for function in demand.functions
    ]
    rows.append(
        (
            "  source design's only one",
            Figure(_number(demand.load.messages_per_second)),
            Figure(_number(design.WARM_SECONDS)),
            Figure(_number(theirs.at_once)),
            Figure(_number(design.RESERVED_CONCURRENCY)),
            "TOO MUCH" if theirs.at_once > design.RESERVED_CONCURRENCY else "",
        )
    )
    show_table(("FUNCTION", "CALLS/S", "SECONDS", "AT ONCE", "MAXIMUM", ""), rows)
    _show_text(design.WHY_CONCURRENCY)
    _show_text(
        "Too much for process_webhooks is no loss: its batches fill, and ten in a batch carry"
        f" {_number(demand.webhooks_ceiling)} webhooks/s."
    )
    click.echo()


def _rates(demand: Demand) -> Sequence[tuple[str, float]]:
    gb = prices.GB
    return (
        ("REST requests", demand.rest_requests),
        ("sockets open", demand.sockets),
        ("socket frames in", demand.frames),
        ("socket callbacks out", demand.total("callbacks")),
        ("SQS requests, standard", demand.queue_requests["standard"]),
        ("SQS requests, FIFO", demand.queue_requests["fifo"]),
        ("model tokens in", demand.total("tokens_in")),
        ("model tokens out", demand.total("tokens_out")),
        ("database rows", demand.load.webhooks_per_second),
        ("database connections", demand.connections),
        ("database GB a month", demand.database_bytes_a_month / gb),
        (f"database GB after {assumed.RETENTION_DAYS} days", demand.database_bytes / gb),
        ("sessions table GB", demand.table_bytes / gb),
        ("large bodies through S3", demand.load.webhooks_per_second * assumed.LARGE_BODIES),
        ("log GB a month", demand.log_bytes * prices.SECONDS / gb),
        ("calls at once", demand.calls_at_once),
    )


def _show_limits(found: Sequence[Limit]) -> None:
    show_table(
        ("LIMIT", "USED", "OF", "SHARE", "", "MORE WITH"),
        [
            (
                limit.name,
                Figure(_number(limit.used)),
                Figure(_number(limit.limit)),
                Figure(f"{_number(limit.share * 100)} %"),
                "✗" if limit.is_exceeded else "✓",
                limit.raised,
            )
            for limit in found
        ],
    )
    first, exceeded = found[0], sum(limit.is_exceeded for limit in found)
    if exceeded:
        text = f"This load exceeds {exceeded} of {len(found)} limits, {first.name} {_number(first.share)} times."
        click.secho(f"✗ {text}\n", fg="red", bold=True)
    elif first.times:
        click.echo(f"✓ First to be met: {first.name}, at {_number(first.times)} times this load.\n")
    else:
        click.echo("✓ There is no load: give one, such as --webhooks-per-second 50; --help says more.\n")


def _show_costs(demand: Demand) -> None:
    lines = costs(demand)
    total, standing = sum(line.dollars for line in lines), sum(line.standing for line in lines)
    rows = [(line.service, line.what, Figure(_dollars(line.dollars)), Figure(_standing(line))) for line in lines]
    rows.append(("Total", "", Figure(_dollars(total)), Figure(_dollars(standing))))
    show_table(("SERVICE", "FOR", "$ A MONTH", "WITHOUT LOAD"), rows)
    _show_text(
        f"List prices of {prices.REGION}, {prices.AS_OF}, without free tiers, from the pages that"
        " ops/capacity/prices.py names: check them. With provisioned units the tables would cost"
        f" ${_dollars(provisioned(demand.tables))} a month in place of what they do on demand."
    )
    click.echo()


def _standing(line: Cost) -> str:
    return _dollars(line.standing) if line.standing else ""


def _show_list(heading: str, texts: Sequence[str]) -> None:
    click.secho(heading, bold=True)
    for text in texts:
        click.echo(click.wrap_text(text, 100, initial_indent="- ", subsequent_indent="  "))
    click.echo()


def _show_text(text: str) -> None:
    click.echo(click.wrap_text(text, 100, initial_indent="  ", subsequent_indent="  "))


def _number(value: float) -> str:
    """At least two significant digits, and no decimals from a hundred on; what is hardly anything says so."""
    if 0 < value < 0.001:
        return "<0.001"
    digits = 0 if value >= 100 or value == int(value) else 1 if value >= 10 else 2 if value >= 1 else 3
    return f"{value:,.{digits}f}"


def _dollars(value: float) -> str:
    return f"{value:,.2f}"
