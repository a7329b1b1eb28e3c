"""Closes WebSocket connections that should be open no longer."""

from __future__ import annotations

from .notifications import OpenConnections
from .storage.connections import ConnectionStore
from .storage.subscriptions import SubscriptionStore


class Eviction:
    def __init__(self, opened: ConnectionStore, subscriptions: SubscriptionStore, connections: OpenConnections) -> None:
        self._opened = opened
        self._subscriptions = subscriptions
        self._connections = connections

    def sweep(self) -> list[str]:
        """Closes those whose key was revoked since they were opened, and forgets those that were left behind."""
        overdue = self._opened.overdue()
        for connection_id in overdue:
            self._connections.close(connection_id)
            self._subscriptions.forget(connection_id)
        return overdue
