"""Redis: where every running order stands, as `active_order:<orderId>`.

A view for fast readers, never the authority: an outage is logged and costs nothing but the view.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import UUID

import redis

from order_engine.domain.lifecycle import FINAL
from order_engine.domain.orders import Event
from order_engine.storage import redis_client

KEY = "active_order:{}"
LIFETIME_SECONDS = 3600
"""An order that stands still for so long is no longer active, whatever became of it."""


class ActiveOrders:
    def __init__(self, url: str, warn: Callable[[str], None], password: Callable[[], str] | None = None) -> None:
        self._redis = redis_client.client(url, password)
        self._warn = warn

    def show(self, event: Event) -> None:
        """Puts the order's newest event on view; takes it off when the order has ended."""
        key = KEY.format(event.order_id)
        try:
            if event.status in FINAL:
                self._redis.delete(key)
            else:
                self._redis.set(key, json.dumps(event.to_json()), ex=LIFETIME_SECONDS)
        except redis.RedisError as error:
            self._warn(f"active order not shown: {error}")

    def get(self, order_id: UUID) -> dict[str, Any] | None:
        """The newest event of a running order, or `None`. Raises `redis.RedisError`."""
        value = self._redis.get(KEY.format(order_id))
        return json.loads(value) if isinstance(value, str) else None

    def ping(self) -> None:
        """Raises `redis.RedisError` when Redis does not answer."""
        self._redis.ping()
