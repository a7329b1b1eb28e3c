"""Records the events of an execution, and renders them in the shape of GetExecutionHistory."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from emulator.common.account import REGION
from emulator.states.encoding import encode


class Event(NamedTuple):
    """An event. `at` is in seconds since the epoch; `previous` is the id of the event before it, or 0."""

    type: str
    at: float
    previous: int
    details: dict[str, Any]


def render(event: Event, number: int, *, data: bool = True, write: Callable[[Any], str] = encode) -> dict[str, Any]:
    """Returns an event in AWS's shape. `number` is its id, from 1; `write` returns an input or output as JSON; without
    `data`, the event has neither."""
    rendered: dict[str, Any] = {
        "timestamp": event.at,
        "type": event.type,
        "id": number,
        "previousEventId": event.previous,
    }
    key = _details_key(event.type)
    if key is not None:
        rendered[key] = _details(event, data, write)
    return rendered


def _details_key(kind: str) -> str | None:
    if kind.endswith("StateEntered"):
        return "stateEnteredEventDetails"
    if kind.endswith("StateExited"):
        return "stateExitedEventDetails"
    if kind in _WITHOUT_DETAILS or kind.endswith("StateAborted"):
        return None
    return f"{kind[0].lower()}{kind[1:]}EventDetails"


_WITHOUT_DETAILS = {
    "LambdaFunctionStarted",
    "ParallelStateStarted",
    "ParallelStateSucceeded",
    "ParallelStateFailed",
    "MapStateSucceeded",
    "MapStateFailed",
}


def _details(event: Event, data: bool, write: Callable[[Any], str]) -> dict[str, Any]:
    details: dict[str, Any] = {}
    for name, value in event.details.items():
        if name in ("input", "output"):
            if data:
                details[name] = write(value)
            details[f"{name}Details"] = {"truncated": False}
        elif name == "parameters":
            details |= {"region": REGION, "parameters": encode(value)}
        elif value is not None:
            details[name] = value
    return details
