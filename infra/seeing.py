"""What makes a stage visible: alarms, the dashboard and saved queries, added to the app's template at packaging."""

from collections.abc import Mapping
from typing import Any

from infra import alarms, dashboard, queries

OUTPUTS: Mapping[str, Any] = alarms.OUTPUTS


def resources() -> dict[str, dict[str, Any]]:
    """All of it, by logical id. The parameters and conditions that it refers to stand in infra/app.yaml."""
    return alarms.resources() | dashboard.resources() | queries.resources()
