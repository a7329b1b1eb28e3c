"""Streams an order's events to a WebSocket connection: first those that it has missed, then the live ones."""

from __future__ import annotations

import time
from uuid import UUID

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.events import Event
from order_engine.ports import ConnectionGone, ConnectionRefused, Connections, SubscriptionStore, View

_OPENING_SECONDS = 5.0
"""How long a connection may take from the end of `$connect` until it can be written to."""


class Subscriptions:
    """`view` renders an event for clients."""

    def __init__(self, *, store: SubscriptionStore, connections: Connections, view: View) -> None:
        self._store = store
        self._connections = connections
        self._view = view

    def subscribe(self, connection_id: str, client_id: UUID, order_id: UUID, after: int = 0) -> None:
        """Sends the events above `after` and subscribes the connection to the next ones.

        Raises `OrderNotFound`, `TooManySubscriptions`, `ConnectionGone`, `ConnectionRefused`.
        """

        def send(event: Event) -> None:
            self._connections.send(connection_id, self._view(event))

        self._store.subscribe(connection_id, client_id, order_id, after, send)

    def replay(self, connection_id: str, client_id: UUID, order_id: UUID, age: float = 0) -> None:
        """Subscribes a connection that began to open `age` seconds ago, and may be opening still.

        Closes a connection that can't be subscribed, so that its client does not wait for events in vain. Raises
        `ConnectionRefused` if it can't be closed either.
        """
        give_up = time.monotonic() + min(_OPENING_SECONDS - age, _OPENING_SECONDS)
        pause = 0.005
        while True:
            try:
                return self.subscribe(connection_id, client_id, order_id)
            except (ConnectionGone, ConnectionRefused, StoreUnavailable):
                if time.monotonic() + pause > give_up:
                    return self._connections.close(connection_id)
            time.sleep(pause)
            pause *= 2

    def unsubscribe(self, connection_id: str, order_id: UUID) -> None:
        """Ends one subscription, if there is one."""
        self._store.unsubscribe(connection_id, order_id)
