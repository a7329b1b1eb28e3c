"""Publishes an order's events: to the view of active orders, and to the WebSocket connections that listen."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.events import Event
from order_engine.ports import ActiveOrders, ConnectionGone, ConnectionRefused, Connections, SubscriptionStore, View

DEADLINE_SECONDS = 5.0
"""How long the pushes of one event may take: a step has 15 seconds for everything."""


class Notifications:
    """Best effort: a failure is logged and never holds an order back. `view` renders an event for clients."""

    def __init__(
        self,
        *,
        active_orders: ActiveOrders,
        subscriptions: SubscriptionStore,
        connections: Connections,
        view: View,
        warn: Callable[[str], None],
    ) -> None:
        self._active_orders = active_orders
        self._subscriptions = subscriptions
        self._connections = connections
        self._view = view
        self._warn = warn

    def publish(self, event: Event, listeners: Sequence[str]) -> None:
        """Publishes a committed event. A client that subscribes later gets it from the store."""
        self._active_orders.show(event)
        deadline = time.monotonic() + DEADLINE_SECONDS
        for sent, connection_id in enumerate(listeners):
            if time.monotonic() > deadline:
                missed = len(listeners) - sent
                self._warn(f"event {event.order_id}/{event.seq} not pushed to {missed} connections: out of time")
                break
            self._push(connection_id, event)

    def _push(self, connection_id: str, event: Event) -> None:
        try:
            self._connections.send(connection_id, self._view(event))
        except ConnectionGone:
            self._forget(connection_id)
        except ConnectionRefused as error:
            self._warn(f"event {event.order_id}/{event.seq} not pushed to {connection_id}: {error}")
            self._close(connection_id)

    def _close(self, connection_id: str) -> None:
        """Closes the connection of a client that has missed an event, so that it reconnects and asks for it."""
        try:
            self._connections.close(connection_id)
        except ConnectionRefused as error:
            self._warn(f"connection {connection_id} not closed: {error}")

    def _forget(self, connection_id: str) -> None:
        try:
            self._subscriptions.remove_connection(connection_id)
        except StoreUnavailable as error:
            self._warn(f"connection {connection_id} is gone, but its subscriptions are not removed: {error}")
