"""One logger and one set of metrics for every function."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()


def warn(message: str) -> None:
    """Logs what goes wrong without harm to an order."""
    logger.warning(message)


def inform(message: str, details: Mapping[str, Any]) -> None:
    """Logs a message. `details` are JSON and become members of the log line."""
    logger.info(message, details=details)


def measure(name: str, unit: str, values: Sequence[float]) -> None:
    """Records what was measured."""
    metrics = Metrics()
    for value in values:
        metrics.add_metric(name=name, unit=unit, value=value)
    metrics.flush_metrics()


def count(status: str) -> None:
    """Counts an event of that status, at once: an invocation that is cut short later has counted it.

    The line has the logger's correlation id as the other lines do, so that the log of an order tells its steps.
    """
    before_time, after_time = _metric(status)
    order = f'"correlation_id":"{id}",' if (id := logger.get_correlation_id()) else ""
    sys.stdout.write(f"{{{order}{before_time}{time.time_ns() // 1_000_000}{after_time}\n")


@cache
def _metric(status: str) -> tuple[str, str]:
    """The log line that CloudWatch reads the metric from, from its first member on, before and after its time."""
    metrics = Metrics()
    metrics.add_metric(name=f"Order{status.capitalize()}", unit=MetricUnit.Count, value=1)
    line: dict[str, Any] = {**metrics.serialize_metric_set()}
    metrics.clear_metrics()
    line["_aws"]["Timestamp"] = "now"
    before, _, after = json.dumps(line, separators=(",", ":")).removeprefix("{").partition('"now"')
    return before, after
