"""``sources``: who may send webhooks, and when each was last heard."""

from typing import Any

import click
from botocore.exceptions import ClientError

from chalicelib.aws.secret_lists import active_secrets
from chalicelib.webhooks.sources import SOURCES, Source
from ops.frontdesk import Frontdesk
from ops.output import examples, json_option, short_time, show_json, show_table
from ops.stage import Stage, pass_stage
from ops.times import utc_now


@click.group(epilog=examples("sources list"))
def sources() -> None:
    """The sources of webhooks."""


@sources.command("list", epilog=examples("sources list", "sources list --json"))
@json_option
@pass_stage
def list_sources(stage: Stage, as_json: bool) -> None:
    """List the sources this version knows; times are in UTC. --json writes one object a line."""
    heard = Frontdesk(stage).ask("describe")["sources"]
    nothing = {"last_heard": None, "stored": 0, "parked": 0}
    descriptions = [_describe(stage, source) | (heard.get(source.name) or nothing) for source in SOURCES.values()]
    if as_json:
        for description in descriptions:
            show_json(description)
        return
    show_table(
        ("SOURCE", "SCHEME", "INVALID", "LIMIT", "SECRETS", "LAST HEARD", "STORED", "PARKED"),
        [
            (
                description["source"],
                description["scheme"],
                "refused" if description["refuses_invalid"] else "parked",
                description["max_body_bytes"],
                description["secrets"],
                short_time(description["last_heard"]),
                description["stored"],
                description["parked"],
            )
            for description in descriptions
        ],
    )


def _describe(stage: Stage, source: Source) -> dict[str, Any]:
    return {
        "source": source.name,
        "scheme": source.scheme,
        "refuses_invalid": source.refuses_invalid,
        "max_body_bytes": source.max_body_bytes,
        "secrets": count_active(stage, source.name),
    }


def count_active(stage: Stage, source: str) -> int | None:
    """How many secrets of a source count now; None when that cannot be read."""
    client = stage.client("secretsmanager")
    try:
        text = client.get_secret_value(SecretId=stage.source_secret(source))["SecretString"]
        return len(active_secrets(text, utc_now().timestamp()))
    except client.exceptions.ResourceNotFoundException:
        return 0
    except (ClientError, ValueError):
        return None
