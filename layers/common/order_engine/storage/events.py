"""An order's events, read from Postgres."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.storage.database import Database

SELECT = """
    SELECT order_id, seq, status, at, attempt, data FROM order_events
    WHERE order_id = %(id)s AND seq > %(after)s ORDER BY seq"""
"""An order's events above `after`. It names the order, so that Postgres reads one partition only."""

_SELECT_ALL = """
    SELECT order_id, seq, status, at, attempt, data FROM order_events WHERE order_id = ANY(%(ids)s)
    ORDER BY order_id, seq"""

_LISTENERS = "SELECT id, client_id, listeners(id) FROM orders WHERE id = ANY(%(ids)s)"

RECORD = """
        INSERT INTO order_events (order_id, seq, status, at, attempt, data)
        SELECT id, seq, status, updated_at, attempt,"""
"""The beginning of the part of a statement that records the events of moved orders: then come `data` and `FROM`."""


def histories(database: Database, ids: Sequence[UUID]) -> list[tuple[list[Event], list[str]]]:
    """All events of each of several orders, and the connections that listen to it."""
    values = {"ids": list(ids)}
    found, listening = database.fetch_all((_SELECT_ALL, values), (_LISTENERS, values))
    clients = {row["id"]: row["client_id"] for row in listening}
    history: dict[UUID, list[Event]] = defaultdict(list)
    for row in found:
        history[row["order_id"]].append(from_row(row, clients.get(row["order_id"])))
    return [(history[row["id"]], row["listeners"]) for row in listening]


def from_row(row: dict[str, Any], client_id: UUID | None = None) -> Event:
    status = Status(row["status"])
    return Event(row["order_id"], row["seq"], status, row["at"], row["attempt"], row["data"], client_id)
