"""The schedules of a stack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """An EventBridge schedule: `rate(1 minute)` or `cron(…)`. Without `input`, the function gets AWS's own event."""

    name: str
    expression: str
    function: str
    input: str | None = None
    enabled: bool = True
