"""The schedules of a stack."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Schedule:
    """A schedule, `rate(1 minute)` or `cron(…)`, of EventBridge Scheduler or of the EventBridge rule named `rule`.

    Without `input`, the function gets AWS's own event.
    """

    name: str
    expression: str
    function: str
    input: str | None = None
    enabled: bool = True
    rule: str | None = None
    group: str = "default"
