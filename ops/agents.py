"""``agents``: letting people of the team in at the desk, and seeing who is there."""

import time
from datetime import UTC, datetime
from typing import Any

import click

from chalicelib.aws.secret_lists import SecretLists
from chalicelib.aws.secrets import SecretCache
from chalicelib.chat.handoff import AGENT, DESK
from chalicelib.chat.tokens import Tokens
from localcloud.ranges import WholeNumber
from ops.output import examples, json_option, short_time, show_json, show_table
from ops.stage import Stage, pass_stage
from ops.times import utc_now


@click.group(epilog=examples("agents token Anna", "agents list"))
def agents() -> None:
    """The agents' desk: tokens, and who is on duty."""


@agents.command(epilog=examples("agents token Anna", "--stage prod agents token 'Anna B.' --hours 9"))
@click.argument("name")
@click.option("--hours", type=WholeNumber(1, 168), default=12, show_default=True, help="How long it is good for.")
@json_option
@pass_stage
def token(stage: Stage, name: str, hours: int, as_json: bool) -> None:
    """Make a token with which NAME signs in at the desk.

    Customers see that name. The token is printed this once. Two people under one name share their conversations.
    """
    name = name.strip()
    if not (0 < len(name) <= 60 and name.isprintable()):
        raise click.UsageError("NAME must have 1 to 60 characters that can be printed.")
    on_duty = any(one["agent"] == name and one["gone_at"] is None for one in _sockets(stage))
    text, expires_at = _tokens(stage).agent_token(name, hours * 3600)
    until = datetime.fromtimestamp(expires_at, UTC)
    if as_json:
        show_json({"agent": name, "token": text, "expires_at": until})
        return
    click.echo(f"{name} signs in at {stage.address()}/desk until {short_time(until)} UTC with:", err=True)
    if on_duty:
        click.echo(
            f"Warning: {name} is at the desk already. Give another person another name: under one name they share their"
            " conversations.",
            err=True,
        )
    click.echo(text)


def _tokens(stage: Stage) -> Tokens:
    cache = SecretCache(stage.client("secretsmanager"), time.monotonic)
    return Tokens(SecretLists(cache, stage.chat_secret(""), time.time), time.time)


@agents.command("list", epilog=examples("agents list", "agents list --json"))
@json_option
@pass_stage
def list_agents(stage: Stage, as_json: bool) -> None:
    """List who is on duty, and who left within the hour.

    One line for each open window of an agent's; for who has none, since when. Times are in UTC.
    """
    found = _collapsed(_sockets(stage))
    if as_json:
        for agent in found:
            show_json(agent)
        return
    if not found:
        click.echo("Nobody is on duty.")
        return
    rows = [
        (one["agent"], "gone" if one["gone_at"] else "on duty", one["gone_at"], one["connection_id"]) for one in found
    ]
    show_table(("AGENT", "STATE", "SINCE", "CONNECTION"), rows)


def _sockets(stage: Stage) -> list[dict[str, Any]]:
    now = utc_now().timestamp()
    return [
        {"agent": item["agent"], "connection_id": item["SK"].removeprefix(AGENT), "gone_at": _time(item.get("gone_at"))}
        for item in stage.sessions_table().query(DESK, AGENT)
        if item["ttl"] > now
    ]


def _collapsed(sockets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The open sockets, and of each agent without one the last that is gone."""
    is_open = {one["agent"] for one in sockets if one["gone_at"] is None}
    gone = sorted((one for one in sockets if one["gone_at"]), key=lambda one: one["gone_at"])
    last = {one["agent"]: one for one in gone if one["agent"] not in is_open}
    return sorted(
        [*(one for one in sockets if one["gone_at"] is None), *last.values()], key=lambda one: str(one["agent"])
    )


def _time(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
