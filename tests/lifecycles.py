"""What an order's events must be for anyone who only knows the life-cycle table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from order_engine.domain.lifecycle import NEXT_ATTEMPT, TRANSITIONS, Status


def replayed(events: Sequence[dict[str, Any]]) -> Status:
    """The status to which `events` (`seq`, `status`, `attempt`) lead. Fails where the table knows no way."""
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    first, *later = events
    status, attempt = Status(first["status"]), first["attempt"]
    assert (status, attempt) == (Status.PENDING, 1)
    for event in later:
        triggers = [by for (start, by), to in TRANSITIONS.items() if (start, to) == (status, event["status"])]
        assert len(triggers) == 1, f"expected a way from {status}, was {event['status']}"
        least = attempt + 1 if (status, triggers[0]) in NEXT_ATTEMPT else attempt
        assert event["attempt"] >= least, f"expected attempt {least} or later, was {event['attempt']}"
        status, attempt = TRANSITIONS[status, triggers[0]], event["attempt"]
    return status
