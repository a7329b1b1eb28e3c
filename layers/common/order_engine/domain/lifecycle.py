"""The life cycle of an order as one table: status and trigger to next status."""

from __future__ import annotations

from enum import StrEnum


class Status(StrEnum):
    OPEN = "open"
    PENDING = "pending"
    ROUTING = "routing"
    BUILDING = "building"
    SUBMITTED = "submitted"
    CONFIRMED = "confirmed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class Trigger(StrEnum):
    """What moves an order.

    An open order is activated when what it waits for has come. Its client may replace its terms. It may reach its stop
    and wait for its limit from then on. A recurring one makes slices, and is complete when the last one has ended. A
    run whose order has missed its limit returns it.
    """

    ACTIVATE = "activate"
    REPLACE = "replace"
    REACH = "reach"
    SLICE = "slice"
    COMPLETE = "complete"
    EXPIRE = "expire"
    RETURN = "return"
    ROUTE = "route"
    BUILD = "build"
    SUBMIT = "submit"
    CONFIRM = "confirm"
    FAIL = "fail"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[Status, Trigger], Status] = {
    (Status.OPEN, Trigger.ACTIVATE): Status.PENDING,
    (Status.OPEN, Trigger.REPLACE): Status.OPEN,
    (Status.OPEN, Trigger.REACH): Status.OPEN,
    (Status.OPEN, Trigger.SLICE): Status.OPEN,
    (Status.OPEN, Trigger.COMPLETE): Status.CONFIRMED,
    (Status.OPEN, Trigger.EXPIRE): Status.EXPIRED,
    (Status.PENDING, Trigger.ROUTE): Status.ROUTING,
    (Status.ROUTING, Trigger.BUILD): Status.BUILDING,
    (Status.BUILDING, Trigger.SUBMIT): Status.SUBMITTED,
    (Status.SUBMITTED, Trigger.CONFIRM): Status.CONFIRMED,
    # A run that was cut short while routing: the next one asks for fresh quotes.
    (Status.ROUTING, Trigger.ROUTE): Status.ROUTING,
    # The transaction expired before it was sent.
    (Status.BUILDING, Trigger.ROUTE): Status.ROUTING,
    # The transaction slipped or expired on chain and can no longer land.
    (Status.SUBMITTED, Trigger.ROUTE): Status.ROUTING,
    # The market has moved past the limit, and no transaction can land any more.
    (Status.PENDING, Trigger.RETURN): Status.OPEN,
    (Status.ROUTING, Trigger.RETURN): Status.OPEN,
    (Status.BUILDING, Trigger.RETURN): Status.OPEN,
    (Status.SUBMITTED, Trigger.RETURN): Status.OPEN,
    (Status.OPEN, Trigger.FAIL): Status.FAILED,
    (Status.PENDING, Trigger.FAIL): Status.FAILED,
    (Status.ROUTING, Trigger.FAIL): Status.FAILED,
    (Status.BUILDING, Trigger.FAIL): Status.FAILED,
    (Status.SUBMITTED, Trigger.FAIL): Status.FAILED,
    # Until the transaction is sent. From then on only the chain knows how the order ends.
    (Status.OPEN, Trigger.CANCEL): Status.CANCELLED,
    (Status.PENDING, Trigger.CANCEL): Status.CANCELLED,
    (Status.ROUTING, Trigger.CANCEL): Status.CANCELLED,
    (Status.BUILDING, Trigger.CANCEL): Status.CANCELLED,
}

NEXT_ATTEMPT = frozenset({(Status.BUILDING, Trigger.ROUTE), (Status.SUBMITTED, Trigger.ROUTE)})
"""Transitions that only the next attempt may make: a late quote must not replace a transaction that is signed."""

FINAL = frozenset(set(Status) - {status for status, _ in TRANSITIONS})
"""The statuses in which an order ends: no trigger is allowed there."""

RUNNING = frozenset(set(Status) - FINAL - {Status.OPEN})
"""The statuses in which a run may hold an order."""


def target(trigger: Trigger) -> Status:
    """The status that a trigger leads to."""
    return next(to for (_, by), to in TRANSITIONS.items() if by is trigger)


def sources(trigger: Trigger) -> list[Status]:
    """Every status in which a trigger is allowed."""
    return [status for status, by in TRANSITIONS if by is trigger]
