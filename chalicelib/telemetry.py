"""Logs and metrics: JSON lines on standard output, where Lambda's log agent picks them up.

Metrics are CloudWatch's embedded metric format, one line for each set of dimensions. Neither logs nor metrics ever
carry a payload, a header's value or a secret: an event is known by its source and id.
"""

from collections.abc import Sequence

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib import settings

logger = Logger(service=settings.APP_NAME, level=settings.log_level(), utc=True, use_rfc3339=True)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add ``value`` to the counter ``name``; dimensions must come from small, fixed sets."""
    if value:
        _emit(name, MetricUnit.Count, [value], dimensions)


def milliseconds(name: str, values: Sequence[float], **dimensions: str) -> None:
    """Record durations in milliseconds, at most 100 of them (the format's limit for one line)."""
    if values:
        _emit(name, MetricUnit.Milliseconds, values, dimensions)


def _emit(name: str, unit: MetricUnit, values: Sequence[float], dimensions: dict[str, str]) -> None:
    metrics = EphemeralMetrics(namespace="Frontdesk", service=settings.APP_NAME)
    for key, text in {**dimensions, "stage": settings.stage_name()}.items():
        metrics.add_dimension(key, text)
    for value in values:
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()
