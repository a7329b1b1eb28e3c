"""Closes WebSocket connections that should be open no longer."""

from __future__ import annotations

from collections.abc import Callable

from order_engine.ports import ConnectionRefused, Connections
from order_engine.storage.connections import ConnectionStore
from order_engine.storage.subscriptions import SubscriptionStore


class Eviction:
    def __init__(
        self,
        opened: ConnectionStore,
        subscriptions: SubscriptionStore,
        connections: Connections,
        warn: Callable[[str], None],
    ) -> None:
        self._opened = opened
        self._subscriptions = subscriptions
        self._connections = connections
        self._warn = warn

    def sweep(self) -> list[str]:
        """Closes those whose key was revoked since they were opened, and forgets those that were left behind.

        One that can't be closed now is left to the next sweep.
        """
        closed = []
        for connection_id in self._opened.overdue():
            try:
                self._connections.close(connection_id)
            except ConnectionRefused as error:
                self._warn(f"connection {connection_id} not closed: {error}")
                continue
            self._subscriptions.forget(connection_id)
            closed.append(connection_id)
        return closed
