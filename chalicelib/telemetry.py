"""Logs and metrics: JSON lines on standard output, where Lambda's log agent picks them up.

Metrics are CloudWatch's embedded metric format, one line for each set of dimensions. Neither logs nor metrics ever
carry a payload, a header's value or a secret: an event is known by its source and id.
"""

from collections.abc import Mapping, Sequence

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib import settings

logger = Logger(service=settings.APP_NAME, level=settings.log_level(), utc=True, use_rfc3339=True)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add ``value`` to the counter ``name``; dimensions must come from small, fixed sets."""
    emit({name: value}, {}, **dimensions)


def emit(counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[float]], **dimensions: str) -> None:
    """Write counters and durations that share their dimensions, as one line.

    A line takes at most 100 values of one name.
    """
    metrics = EphemeralMetrics(namespace="Frontdesk", service=settings.APP_NAME)
    for key, text in {**dimensions, "stage": settings.stage_name()}.items():
        metrics.add_dimension(key, text)
    for name, value in counts.items():
        metrics.add_metric(name=name, unit=MetricUnit.Count, value=value)
    for name, values in milliseconds.items():
        for duration in values:
            metrics.add_metric(name=name, unit=MetricUnit.Milliseconds, value=duration)
    metrics.flush_metrics()
