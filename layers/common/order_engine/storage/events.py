"""An order's events, read from Postgres."""

from __future__ import annotations

from typing import Any

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status

SELECT = """
    SELECT order_id, seq, status, at, attempt, data FROM order_events
    WHERE order_id = %(id)s AND seq > %(after)s ORDER BY seq"""
"""An order's events above `after`. It names the order, so that Postgres reads one partition only."""

SELECT_ALL = """
    SELECT order_id, seq, status, at, attempt, data FROM order_events WHERE order_id = ANY(%(ids)s)
    ORDER BY order_id, seq"""
"""All events of several orders."""


RECORD = """
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, updated_at, attempt,"""
"""The beginning of the part of a statement that records the events of moved orders: then come `data` and `FROM`."""


def from_row(row: dict[str, Any]) -> Event:
    return Event(row["order_id"], row["seq"], Status(row["status"]), row["at"], row["attempt"], row["data"])
