"""A client's fills: the orders whose own transaction has swapped, slices of recurring orders among them."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from uuid import UUID

from order_engine.domain.quotes import Costs


class ClientFill(NamedTuple):
    """What one order of a client has paid and received, in base units. `costs` are `None` if they were not recorded."""

    order_id: UUID
    filled_at: datetime
    type: str
    market: str
    token_in: str
    token_out: str
    amount_in: int
    amount_out: int
    costs: Costs | None
    venue: str
    tx_hash: str
    client_order_id: str | None
    parent_id: UUID | None


class Interval(StrEnum):
    """How far apart the points of a history are."""

    HOUR = "hour"
    DAY = "day"

    @property
    def longest(self) -> timedelta:
        """The longest history with such points."""
        return timedelta(days=31) if self is Interval.HOUR else timedelta(days=366)


class Change(NamedTuple):
    """What fills have changed of one token in the interval that begins `at`, and since the history began.

    In base units; what was paid is negative.
    """

    at: datetime
    token: str
    change: int
    total: int
