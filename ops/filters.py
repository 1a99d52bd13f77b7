"""The options that say which events are meant, the same for every command that has them."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import wraps
from typing import Any

import click

from chalicelib.webhooks.sources import SOURCES
from ops.times import Time

source_option = click.option(
    "--source", type=click.Choice(sorted(SOURCES)), metavar="SOURCE", help="Only this source's: github, say."
)
type_option = click.option("--type", "event_type", help="Only events of this type, such as push.")
id_option = click.option("--id", "external_id", help="Only the event with this id.")
since_option = click.option("--since", type=Time(), help="Only what was received since then: 2h, 3d, or ISO 8601.")


def event_filter(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command of stored events its filter, as the one argument ``which`` of ``manage_events``."""

    @source_option
    @type_option
    @click.option("--state", type=click.Choice(["stored", "parked"]), help="Only events in this state.")
    @since_option
    @click.option("--until", type=Time(), help="Only what was received before then.")
    @id_option
    @wraps(command)
    def filtered(
        *arguments: Any,
        source: str | None,
        event_type: str | None,
        state: str | None,
        since: datetime | None,
        until: datetime | None,
        external_id: str | None,
        **options: Any,
    ) -> Any:
        which: Mapping[str, str | None] = {
            "source": source,
            "event_type": event_type,
            "state": state,
            "since": since.isoformat() if since else None,
            "until": until.isoformat() if until else None,
            "external_id": external_id,
        }
        return command(*arguments, which=which, **options)

    return filtered
