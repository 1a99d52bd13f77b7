"""Asking the functions that are there for operators, above all ``manage_events``: the one way to the database."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import click

from ops.stage import Stage

FUNCTION = "manage_events"


@dataclass(frozen=True)
class Frontdesk:
    """Asks the function of a stage, under the operator's own leave to invoke it."""

    stage: Stage

    def ask(self, action: str, **fields: Any) -> Mapping[str, Any]:
        """The answer to a request; fields that are None are left out. What is refused or fails ends the command."""
        request = {"action": action} | {name: value for name, value in fields.items() if value is not None}
        return ask(self.stage, FUNCTION, request)

    def pages(self, action: str, **fields: Any) -> Iterator[Mapping[str, Any]]:
        """The answers to a request that goes page by page, each from the cursor of the one before."""
        cursor: str | None = None
        while True:
            page = self.ask(action, cursor=cursor, **fields)
            yield page
            cursor = page["cursor"]
            if cursor is None:
                return


def ask(stage: Stage, function: str, request: Mapping[str, Any]) -> Mapping[str, Any]:
    """The answer of a stage's function. What is refused or fails ends the command."""
    client = stage.client("lambda")
    name = stage.deployed_name(function)
    try:
        response = client.invoke(FunctionName=name, Payload=json.dumps(request).encode())
    except client.exceptions.ResourceNotFoundException:
        raise click.ClickException(
            f"There is no function {name}: deploy this version to the stage {stage.name} first."
        ) from None
    answer: Any = json.loads(response["Payload"].read())
    if "FunctionError" in response:
        reason = " ".join(str(answer.get("errorMessage", answer)).split())
        raise click.ClickException(f"{name} failed: {reason} Its log says more; docs/operating.md says where.")
    if "error" in answer:
        raise click.ClickException(answer["error"]["message"])
    return dict(answer)
