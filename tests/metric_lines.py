"""The metrics that code under test wrote to its standard output."""

import json
from collections.abc import Iterator
from typing import Any


def metric_lines(output: str) -> list[dict[str, Any]]:
    """The lines in CloudWatch's embedded metric format."""
    return [json.loads(line) for line in output.splitlines() if '"_aws"' in line]


def values_of(output: str, name: str) -> list[float]:
    """All values of a metric, in the order of writing."""
    return [value for line in metric_lines(output) for value in line.get(name, [])]


Metric = tuple[str, frozenset[tuple[str, str]]]
"""A metric as CloudWatch knows it: its name, and the names and values of its dimensions."""


def metrics_of(output: str) -> set[Metric]:
    """Every metric that CloudWatch makes of these lines: one for each set of dimensions."""
    return {metric for line in metric_lines(output) for metric in _metrics(line)}


def _metrics(line: dict[str, Any]) -> Iterator[Metric]:
    for directive in line["_aws"]["CloudWatchMetrics"]:
        for dimensions in directive["Dimensions"]:
            for metric in directive["Metrics"]:
                yield metric["Name"], frozenset((name, line[name]) for name in dimensions)
