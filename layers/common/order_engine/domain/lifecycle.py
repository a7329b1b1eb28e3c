"""The life of an order as one table: which status a trigger leads to from which status."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Trigger(StrEnum):
    QUOTED = "quoted"
    BUILT = "built"
    SENT = "sent"
    FILLED = "filled"
    GAVE_UP = "gave_up"
    CALLED_OFF = "called_off"


TRANSITIONS: dict[tuple[Status, Trigger], Status] = {
    (Status.PENDING, Trigger.QUOTED): Status.ROUTING,
    (Status.ROUTING, Trigger.BUILT): Status.BUILDING,
    (Status.BUILDING, Trigger.SENT): Status.SUBMITTED,
    (Status.SUBMITTED, Trigger.FILLED): Status.CONFIRMED,
    # A run that was cut short while routing: the next one asks for fresh quotes.
    (Status.ROUTING, Trigger.QUOTED): Status.ROUTING,
    # The transaction expired before it was sent.
    (Status.BUILDING, Trigger.QUOTED): Status.ROUTING,
    # The transaction slipped or expired on chain and can no longer land.
    (Status.SUBMITTED, Trigger.QUOTED): Status.ROUTING,
    (Status.PENDING, Trigger.GAVE_UP): Status.FAILED,
    (Status.ROUTING, Trigger.GAVE_UP): Status.FAILED,
    (Status.BUILDING, Trigger.GAVE_UP): Status.FAILED,
    (Status.SUBMITTED, Trigger.GAVE_UP): Status.FAILED,
    # Until the transaction is sent. From then on only the chain knows how the order ends.
    (Status.PENDING, Trigger.CALLED_OFF): Status.CANCELLED,
    (Status.ROUTING, Trigger.CALLED_OFF): Status.CANCELLED,
    (Status.BUILDING, Trigger.CALLED_OFF): Status.CANCELLED,
}

NEXT_ATTEMPT = frozenset({(Status.BUILDING, Trigger.QUOTED), (Status.SUBMITTED, Trigger.QUOTED)})
"""What only the order's next attempt may do: a quote that comes late must not undo what was signed meanwhile."""

FINAL = frozenset(set(Status) - {status for status, _ in TRANSITIONS})
"""No trigger leads out of these."""


def target(trigger: Trigger) -> Status:
    """The status that a trigger leads to, from wherever it is allowed."""
    return next(to for (_, by), to in TRANSITIONS.items() if by is trigger)


def sources(trigger: Trigger) -> list[Status]:
    """Every status in which a trigger is allowed."""
    return [status for status, by in TRANSITIONS if by is trigger]
