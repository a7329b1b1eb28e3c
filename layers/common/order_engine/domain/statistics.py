"""What a client's orders have come to: how many are in each status, and how long those that have ended took."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from order_engine.domain.decisions import Decision
from order_engine.domain.lifecycle import Status


class Routed(NamedTuple):
    """When an order was routed, and the routes that were compared then."""

    at: datetime
    decision: Decision


class Timing(NamedTuple):
    """How long an order that has ended took in each status in which it ran, all its attempts together.

    The time in which it waited is in none. A status that it has not left is `None`: it was not in it, or its events are
    no longer kept. `realised_slippage_bps` is positive if the order received less than quoted. `routed` is how it was
    routed last.
    """

    order_id: UUID
    type: str
    market: str
    token_in: str
    token_out: str
    status: Status
    ended_at: datetime
    venue: str | None
    error_code: str | None
    realised_slippage_bps: int | None
    attempts: int
    steps: Mapping[Status, timedelta | None]
    routed: Routed | None
