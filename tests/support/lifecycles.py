"""Checks an order's events against the life-cycle table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from order_engine.domain.events import Opened
from order_engine.domain.lifecycle import NEXT_ATTEMPT, TRANSITIONS, Status, Trigger

FIRST = (Status.PENDING, Status.OPEN)

OPENED_BY = {
    Opened.REPLACED: Trigger.REPLACE,
    Opened.STOP_REACHED: Trigger.REACH,
    Opened.SLICE: Trigger.SLICE,
    Opened.RETURNED: Trigger.RETURN,
}
"""What each reason of an `open` event but the first stands for."""


def taken(events: Sequence[dict[str, Any]]) -> list[tuple[Status, Trigger]]:
    """Returns the transitions of `events` (`seq`, `status`, `attempt`, `data`).

    Fails if the table has no such transition.
    """
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    edges = []
    status, attempt = Status(events[0]["status"]), events[0]["attempt"]
    assert status in FIRST
    assert attempt == 1
    for event in events[1:]:
        ways = [edge for edge, to in TRANSITIONS.items() if (edge[0], to) == (status, event["status"])]
        if event["status"] == Status.OPEN:
            ways = [way for way in ways if way[1] is OPENED_BY[event["data"]["reason"]]]
        assert len(ways) == 1, f"expected a way from {status}, was {event['status']}"
        if ways[0][1] is Trigger.RETURN:
            attempt = 1
        least = attempt + 1 if ways[0] in NEXT_ATTEMPT else attempt
        assert event["attempt"] >= least, f"expected attempt {least} or later, was {event['attempt']}"
        edges += ways
        status, attempt = TRANSITIONS[ways[0]], event["attempt"]
    return edges


def replayed(events: Sequence[dict[str, Any]]) -> Status:
    """Returns the status to which `events` lead."""
    edges = taken(events)
    return TRANSITIONS[edges[-1]] if edges else Status(events[0]["status"])
