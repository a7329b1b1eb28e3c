"""Webhooks: addresses of clients' that get the events of their orders, by the rules of Standard Webhooks.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status

MAX_WEBHOOKS = 10
"""How many webhooks a client may have."""

SECRET_PREFIX = "whsec_"

RETRY_SECONDS = 24 * 3600
"""For how long an event is sent again. When an attempt later than that fails, the order's events are parked."""

FIRST_PAUSE, LONGEST_PAUSE = 5, 7200
"""The seconds after the first failed attempt, and the most between two attempts."""


class DeliveryState(StrEnum):
    """How the events of one order stand with one webhook."""

    WAITING = "waiting"
    """Events are sent as they come, or again after a failed attempt."""
    DELIVERED = "delivered"
    """The order has ended, and the receiver has taken its last event."""
    PARKED = "parked"
    """The receiver has not taken an event for a day: nothing more is sent until the client asks for it."""


@dataclass(frozen=True, slots=True)
class Webhook:
    """A client's address, as lists show it. With `statuses`, it gets the events with one of these statuses only.

    `waiting` and `parked` count orders whose next event was refused, and is or is not sent again. `failures` counts the
    attempts that have failed in a row.
    """

    id: UUID
    url: str
    statuses: frozenset[Status] | None
    created_at: datetime
    failures: int = 0
    waiting: int = 0
    parked: int = 0


@dataclass(frozen=True, slots=True)
class Delivery:
    """The events of one order for one webhook: those up to `seq` are taken, or were not asked for.

    `attempts` failed for the next one since `failing_since`, the last with `error`. It is sent again at `next_at`.
    """

    order_id: UUID
    state: DeliveryState
    seq: int
    attempts: int
    error: str | None
    failing_since: datetime | None
    next_at: datetime
    updated_at: datetime


def new_webhook_secret() -> str:
    """256 random bits in base64 after the prefix."""
    return SECRET_PREFIX + b64encode(secrets.token_bytes(32)).decode()


def message_id(event: Event) -> str:
    """Names an event for receivers, at every attempt. It contains no `.`, which separates the parts that are signed."""
    return f"{event.order_id}_{event.seq}"


def signed_headers(secret: str, id: str, timestamp: int, body: str) -> dict[str, str]:
    """The headers of a message: its id, the Unix seconds of this attempt, and the signature of both and the body."""
    key = b64decode(secret.removeprefix(SECRET_PREFIX))
    signature = hmac.digest(key, f"{id}.{timestamp}.{body}".encode(), hashlib.sha256)
    return {
        "webhook-id": id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": f"v1,{b64encode(signature).decode()}",
    }


def pause_after(attempts: int) -> int:
    """The seconds until the next attempt after so many failed ones: four times as many each time, up to two hours."""
    doublings = min(2 * (attempts - 1), 20)
    return min(FIRST_PAUSE << doublings, LONGEST_PAUSE)
