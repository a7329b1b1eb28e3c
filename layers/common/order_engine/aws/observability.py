"""One logger and one set of metrics for every function."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

logger = Logger()
metrics = Metrics()
# Many requests count nothing, such as reads: no warning.
warnings.filterwarnings("ignore", "No application metrics to publish")


def warn(message: str) -> None:
    """Logs what goes wrong without harm to an order."""
    logger.warning(message)


def inform(message: str, details: Mapping[str, Any]) -> None:
    """Logs a message. `details` are JSON and become members of the log line."""
    logger.info(message, details=details)


def count(name: str) -> None:
    metrics.add_metric(name=name, unit=MetricUnit.Count, value=1)
