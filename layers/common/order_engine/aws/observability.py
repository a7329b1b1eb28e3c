"""One logger and one set of metrics for every function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
_metrics = Metrics()


def warn(message: str) -> None:
    """Logs what goes wrong without harm to an order."""
    logger.warning(message)


def inform(message: str, details: Mapping[str, Any]) -> None:
    """Logs a message. `details` are JSON and become members of the log line."""
    logger.info(message, details=details)


def count(status: str) -> None:
    """Counts an event of that status, at once: an invocation that is cut short later has counted it."""
    _metrics.add_metric(name=f"Order{status.capitalize()}", unit=MetricUnit.Count, value=1)
    _metrics.flush_metrics()
