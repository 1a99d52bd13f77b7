"""Logs and metrics: JSON lines on standard output, where Lambda's log agent picks them up.

Metrics are CloudWatch's embedded metric format, one line for each set of dimensions. What says which one of several
alike it was, a source or an intent, is left out in a second set of the same line: alarms watch the sum over all of
them, and percentiles cannot be added up afterwards. Neither logs nor metrics ever carry a payload, a header's value or
a secret: an event is known by its source and id.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib import settings

KINDS = frozenset({"source", "intent", "operation"})
"""Dimensions that say which one; the second set of a line's dimensions is without them."""

logger = Logger(service=settings.APP_NAME, level=settings.log_level(), utc=True, use_rfc3339=True)


def about(**keys: str) -> None:
    """Name in every line from here on what it is about; the function's next run begins without."""
    logger.append_keys(**keys)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add ``value`` to the counter ``name``; dimensions must come from small, fixed sets."""
    emit({name: value}, {}, **dimensions)


def gauge(name: str, value: float, unit: Literal["Seconds", "Percent"] = "Seconds", **dimensions: str) -> None:
    """Write what is as it is at the moment: a duration, or a share."""
    _write({name: (MetricUnit(unit), [value])}, dimensions)


def emit(counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[float]], **dimensions: str) -> None:
    """Write counters and durations that share their dimensions, as one line.

    A line takes at most 100 values of one name.
    """
    values = {name: (MetricUnit.Count, [value]) for name, value in counts.items()}
    times = {name: (MetricUnit.Milliseconds, list(durations)) for name, durations in milliseconds.items()}
    _write({**values, **times}, dimensions)


def _write(metrics: Mapping[str, tuple[MetricUnit, Sequence[float]]], dimensions: Mapping[str, str]) -> None:
    line = EphemeralMetrics(namespace="Frontdesk", service=settings.APP_NAME)
    whole = {**dimensions, "stage": settings.stage_name()}
    for key, text in whole.items():
        line.add_dimension(key, text)
    if KINDS & whole.keys():
        others = {key: text for key, text in whole.items() if key not in KINDS}
        line.add_dimensions(service=settings.APP_NAME, **others)
    for name, (unit, values) in metrics.items():
        for value in values:
            line.add_metric(name=name, unit=unit, value=value)
    line.flush_metrics()
