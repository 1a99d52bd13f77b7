"""The dashboard's body, as CloudWatch takes it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html
"""

import json
import re
from itertools import combinations
from typing import Any

import pytest

from infra.alarms import ALARMS
from infra.dashboard import COLUMNS, ROWS, resources


@pytest.fixture(scope="module")
def widgets() -> list[dict[str, Any]]:
    """The widgets of the stage dev in some account, after CloudFormation's substitution."""
    text = resources()["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    names = {
        "Stage": "dev",
        "AWS::Region": "eu-west-1",
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "WebsocketAPI": "a1b2c3",
    }
    body = json.loads(re.sub(r"\$\{([\w:]+)\}", lambda match: names[match[1]], text))
    assert set(body) == {"widgets"}
    found: list[dict[str, Any]] = body["widgets"]
    return found


def metric_widgets(widgets: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [widget["properties"] for widget in widgets if widget["type"] == "metric"]


def test_the_grid_is_filled_without_overlaps(widgets: list[dict[str, Any]]) -> None:
    for widget in widgets:
        assert widget["x"] >= 0
        assert widget["y"] >= 0
        assert widget["width"] >= 1
        assert widget["x"] + widget["width"] <= COLUMNS
        assert 1 <= widget["height"] <= 1000
    assert not [(one, other) for one, other in combinations(widgets, 2) if _overlap(one, other)]
    assert len(widgets) <= 500


def _overlap(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(
        one[start] < other[start] + other[size] and other[start] < one[start] + one[size]
        for start, size in (("x", "width"), ("y", "height"))
    )


def test_each_row_uses_the_whole_width() -> None:
    assert [row.title for row in ROWS if COLUMNS % len(row.graphs)] == []


def test_every_metric_is_whole(widgets: list[dict[str, Any]]) -> None:
    graphs = metric_widgets(widgets)
    for graph in graphs:
        assert graph["region"] == "eu-west-1"
        assert graph["view"] == "timeSeries"
        assert graph["title"]
        for *names, options in graph["metrics"]:
            assert len(names) % 2 == 0  # namespace and name, then pairs
            assert all(isinstance(name, str) and name for name in names)
            assert set(options) == {"label", "stat"}
            assert re.fullmatch(r"Sum|Average|Minimum|Maximum|p\d\d", options["stat"])
        labels = [options["label"] for *_, options in graph["metrics"]]
        assert len(set(labels)) == len(labels)
    assert sum(len(graph["metrics"]) for graph in graphs) <= 500


def test_every_door_and_part_has_its_row(widgets: list[dict[str, Any]]) -> None:
    headings = [widget["properties"]["markdown"] for widget in widgets if widget["type"] == "text"]

    assert headings == [f"## {row.title}" for row in ROWS]
    assert {"## Webhooks", "## Chat", "## Voice", "## Queues", "## Functions", "## Tables", "## Database"} < set(
        headings
    )
    assert "## Model and its cost" in headings


def test_the_alarms_are_on_top(widgets: list[dict[str, Any]]) -> None:
    (states,) = [widget for widget in widgets if widget["type"] == "alarm"]

    assert states["y"] == 0
    assert states["properties"]["alarms"] == [
        f"arn:aws:cloudwatch:eu-west-1:123456789012:alarm:frontdesk-dev-{alarm.name}"
        for alarm in ALARMS
        if not alarm.condition
    ]
    assert len(states["properties"]["alarms"]) <= 100


def test_thresholds_are_drawn_where_their_metric_is(widgets: list[dict[str, Any]]) -> None:
    drawn = {
        line["label"]: (line["value"], graph["title"])
        for graph in metric_widgets(widgets)
        for line in graph.get("annotations", {}).get("horizontal", [])
    }

    assert drawn["acknowledging-slow"] == (180, "Time to 202 (ms)")
    assert drawn["first-delta-slow"] == (3_000, "Time to the first delta (ms)")
    assert drawn["webhook-events-dlq-not-empty"] == (1, "Dead letters")
    assert "webhooks-parked" not in drawn  # counted by the hour, shown by five minutes
    assert "functions-failing" not in drawn  # a sum
