"""Tells the world of an order's events: the view of active orders, and the WebSocket connections that listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.orders import Event
from order_engine.ports import ConnectionGone, ConnectionRefused, Connections
from order_engine.storage.active_orders import ActiveOrders
from order_engine.storage.subscriptions import SubscriptionStore

PATIENCE_SECONDS = 5.0
"""After which no more of an event's listeners are told: a step has 15 seconds for everything."""


class Notifications:
    """Best effort: what goes wrong here is logged, and never holds an order back."""

    def __init__(
        self,
        active_orders: ActiveOrders,
        subscriptions: SubscriptionStore,
        connections: Connections,
        warn: Callable[[str], None],
    ) -> None:
        self._active_orders = active_orders
        self._subscriptions = subscriptions
        self._connections = connections
        self._warn = warn

    def publish(self, event: Event, listeners: Sequence[str]) -> None:
        """To be called after the event was committed: whoever subscribes later gets it from there."""
        self._active_orders.show(event)
        give_up = time.monotonic() + PATIENCE_SECONDS
        for told, connection_id in enumerate(listeners):
            if time.monotonic() > give_up:
                self._warn(
                    f"event {event.order_id}/{event.seq} not pushed to {len(listeners) - told} connections: late"
                )
                break
            self._send(connection_id, event)

    def _send(self, connection_id: str, event: Event) -> None:
        try:
            self._connections.send(connection_id, event.to_json())
        except ConnectionGone:
            self._forget(connection_id)
        except ConnectionRefused as error:
            self._warn(f"event {event.order_id}/{event.seq} not pushed to {connection_id}: {error}")
            self._hang_up(connection_id)

    def _hang_up(self, connection_id: str) -> None:
        """The client has missed an event: it shall know, come back and ask for it."""
        try:
            self._connections.close(connection_id)
        except ConnectionRefused as error:
            self._warn(f"connection {connection_id} not closed: {error}")

    def _forget(self, connection_id: str) -> None:
        try:
            self._subscriptions.forget(connection_id)
        except StoreUnavailable as error:
            self._warn(f"connection {connection_id} is gone, but not forgotten: {error}")
