"""What Redis shows of a client's running orders."""

from __future__ import annotations

import json
from uuid import UUID

import redis

from order_engine.domain.events import Event
from order_engine.ports import Filling
from order_engine.storage.active_orders import RedisActiveOrders


def trusted(active_orders: RedisActiveOrders, client_id: UUID) -> None:
    """Has Redis know that the client has no running orders."""
    filling = active_orders.running(client_id)
    assert isinstance(filling, Filling)
    active_orders.fill(filling, [])


def shown(active_orders: RedisActiveOrders, client_id: UUID) -> list[Event]:
    """The newest events of the client's orders, which Redis knows to be all."""
    found = active_orders.running(client_id)
    assert isinstance(found, list)
    return [order.newest for order in found]


def newest(cache: redis.Redis, order_id: str) -> Event | None:
    """The newest event of an order, whoever's it is; `None` unless it runs."""
    for key in cache.scan_iter("active_orders:*"):
        _, _, event = str(cache.hget(key, order_id) or "").partition("|")
        if event:
            return Event.load(json.loads(event))
    return None
