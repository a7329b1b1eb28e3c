"""The life cycle of an order as one table: status and trigger to next status."""

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
    ROUTE = "route"
    BUILD = "build"
    SUBMIT = "submit"
    CONFIRM = "confirm"
    FAIL = "fail"
    CANCEL = "cancel"


TRANSITIONS: dict[tuple[Status, Trigger], Status] = {
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
    (Status.PENDING, Trigger.FAIL): Status.FAILED,
    (Status.ROUTING, Trigger.FAIL): Status.FAILED,
    (Status.BUILDING, Trigger.FAIL): Status.FAILED,
    (Status.SUBMITTED, Trigger.FAIL): Status.FAILED,
    # Until the transaction is sent. From then on only the chain knows how the order ends.
    (Status.PENDING, Trigger.CANCEL): Status.CANCELLED,
    (Status.ROUTING, Trigger.CANCEL): Status.CANCELLED,
    (Status.BUILDING, Trigger.CANCEL): Status.CANCELLED,
}

NEXT_ATTEMPT = frozenset({(Status.BUILDING, Trigger.ROUTE), (Status.SUBMITTED, Trigger.ROUTE)})
"""Transitions that only the next attempt may make: a late quote must not replace a transaction that is signed."""

FINAL = frozenset(set(Status) - {status for status, _ in TRANSITIONS})
"""The statuses in which an order ends: no trigger is allowed there."""


def target(trigger: Trigger) -> Status:
    """The status that a trigger leads to."""
    return next(to for (_, by), to in TRANSITIONS.items() if by is trigger)


def sources(trigger: Trigger) -> list[Status]:
    """Every status in which a trigger is allowed."""
    return [status for status, by in TRANSITIONS if by is trigger]
