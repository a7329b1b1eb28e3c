"""The newest event of every running order, in Redis under `active_order:<orderId>`.

It is a view for fast readers, never the authority: an outage is logged and affects only the view. An open order does
not run: it may wait for weeks, with any number of others.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import UUID

import redis

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import RUNNING
from order_engine.storage import redis_client

KEY = "active_order:{}"
TTL_SECONDS = 3600
"""How long an order without a new event is shown."""


class RedisActiveOrders:
    """An `ActiveOrders`."""

    def __init__(self, url: str, warn: Callable[[str], None], password: Callable[[], str] | None = None) -> None:
        self._redis = redis_client.connection(url, password)
        self._warn = warn

    def show(self, event: Event) -> None:
        key = KEY.format(event.order_id)
        try:
            # No order waits for Redis: with the next event it turns out whether this one is shown.
            if event.status in RUNNING:
                self._redis.send("SET", key, json.dumps(event.dump()), "EX", TTL_SECONDS, failed=self._not_shown)
            else:
                self._redis.send("DEL", key, failed=self._not_shown)
        except redis.RedisError as error:
            self._not_shown(error)

    def get(self, order_id: UUID) -> Event | None:
        """The newest event of a running order, or `None`. Raises `redis.RedisError`."""
        value = self._redis.ask("GET", KEY.format(order_id))
        return Event.load(json.loads(value)) if isinstance(value, str) else None

    def ping(self) -> None:
        """Raises `redis.RedisError` when Redis does not answer."""
        self._redis.ask("PING")

    def _not_shown(self, error: redis.RedisError) -> None:
        self._warn(f"active order not shown: {error}")
