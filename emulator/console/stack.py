"""The stack: its parameters, its outputs and its schedules."""

from __future__ import annotations

from typing import Any

from emulator.console.masks import masked
from emulator.console.parts import Parts, Query
from emulator.lambda_.names import FunctionName


async def stack(parts: Parts, query: Query) -> dict[str, Any]:
    """Returns the stack. Outputs are as the template makes them, as anybody may read them; parameters have masks."""
    template, *_ = parts.stack.sources
    return {
        "name": parts.stack.name,
        "template": str(template),
        "parameters": [{"name": name, "value": masked(name, value)} for name, value in parts.stack.parameters.items()],
        "outputs": [{"name": name, "value": value} for name, value in parts.stack.outputs.items()],
    }


async def schedules(parts: Parts, query: Query) -> list[dict[str, Any]]:
    """Returns the schedules; `next` is in seconds since the epoch, or None for one that does not run."""
    return [
        {
            "name": schedule.name,
            "expression": schedule.expression,
            "enabled": schedule.enabled,
            "function": FunctionName.parse(schedule.function).name,
            "next": due.timestamp() if due else None,
        }
        for schedule, due in parts.schedules.planned
    ]
