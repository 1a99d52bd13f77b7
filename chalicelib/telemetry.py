"""Logs and metrics: JSON lines on standard output, where Lambda's log agent picks them up.

Metrics are CloudWatch's embedded metric format, one line for each set of dimensions. Neither logs nor metrics ever
carry a payload, a header's value or a secret: an event is known by its source and id.
"""

from collections.abc import Mapping, Sequence

from aws_lambda_powertools import Logger
from aws_lambda_powertools.metrics import EphemeralMetrics, MetricUnit

from chalicelib import settings

logger = Logger(service=settings.APP_NAME, level=settings.log_level(), utc=True, use_rfc3339=True)


def about(**keys: str) -> None:
    """Name in every line from here on what it is about; the function's next run begins without."""
    logger.append_keys(**keys)


def count(name: str, value: int = 1, **dimensions: str) -> None:
    """Add ``value`` to the counter ``name``; dimensions must come from small, fixed sets."""
    emit({name: value}, {}, **dimensions)


def gauge(name: str, seconds: float, **dimensions: str) -> None:
    """Write a duration that is as it is, in seconds."""
    _write({name: (MetricUnit.Seconds, [seconds])}, dimensions)


def emit(counts: Mapping[str, int], milliseconds: Mapping[str, Sequence[float]], **dimensions: str) -> None:
    """Write counters and durations that share their dimensions, as one line.

    A line takes at most 100 values of one name.
    """
    values = {name: (MetricUnit.Count, [value]) for name, value in counts.items()}
    times = {name: (MetricUnit.Milliseconds, list(durations)) for name, durations in milliseconds.items()}
    _write({**values, **times}, dimensions)


def _write(metrics: Mapping[str, tuple[MetricUnit, Sequence[float]]], dimensions: Mapping[str, str]) -> None:
    line = EphemeralMetrics(namespace="Frontdesk", service=settings.APP_NAME)
    for key, text in {**dimensions, "stage": settings.stage_name()}.items():
        line.add_dimension(key, text)
    for name, (unit, values) in metrics.items():
        for value in values:
            line.add_metric(name=name, unit=unit, value=value)
    line.flush_metrics()
