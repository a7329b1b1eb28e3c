"""The partitions of `order_events`, one for the orders of each day (UTC). Migration 0004 defines their creation."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from order_engine.storage.database import Database

AHEAD_DAYS = 7
"""For how many days ahead partitions exist. Events of later orders go to the default partition."""


class PostgresEventPartitions:
    """An `EventPartitions`.

    `retention_days` is how long events are kept, counted from the order's day; 0 is for ever. `inform` logs changes.
    """

    def __init__(
        self, database: Database, retention_days: int, inform: Callable[[str, Mapping[str, Any]], None]
    ) -> None:
        if retention_days < 0:
            raise ValueError(f"expected 0 or more days of retention, was {retention_days}")
        self._database = database
        self._retention_days = retention_days
        self._inform = inform

    def maintain(self) -> None:
        """Creates the partitions of the coming days, and drops the oldest one whose retention has ended.

        Keeps a partition while one of its orders runs or has a listener. Raises `StoreUnavailable`.
        """
        (done,) = self._database.fetch(
            "SELECT made, dropped FROM keep_event_partitions(%(ahead)s, %(retention)s)",
            {"ahead": AHEAD_DAYS, "retention": self._retention_days},
        )
        if any(done.values()):
            self._inform("partitions of order_events", done)
