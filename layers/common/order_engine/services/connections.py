"""Which WebSocket connections clients may open, and which must be closed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection

from order_engine.domain.access import Caller
from order_engine.domain.errors import OriginNotAllowed, TooManyConnections
from order_engine.ports import ConnectionRefused, Connections, ConnectionStore, SubscriptionStore

_CHECKED = 10
"""How many of a client's connections are checked when it has as many as it may."""


class ConnectionRegistry:
    """Records which connections are open.

    `origins` are those whose pages may connect, as browsers write them: `https://a.example`. `max_connections` is the
    limit per client; 0 is no limit.
    """

    def __init__(
        self,
        *,
        store: ConnectionStore,
        subscriptions: SubscriptionStore,
        connections: Connections,
        origins: Collection[str],
        max_connections: int,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._connections = connections
        self._origins = origins
        self._max_connections = max_connections

    def check_origin(self, origin: str | None) -> None:
        """Raises `OriginNotAllowed` for a page of another origin."""
        # Browsers send the origin of their page. Other clients could send any, and need not send one.
        if origin is not None and origin not in self._origins:
            raise OriginNotAllowed(f"expected a page of {' or '.join(sorted(self._origins))}, was {origin:.100}")

    def open(self, caller: Caller, connection_id: str) -> None:
        """Records a new connection. Raises `TooManyConnections`."""
        if self._store.open(connection_id, caller, self._max_connections):
            return
        # API Gateway reports closed connections as best it can, so some records may be left over.
        for other in self._store.oldest(caller, _CHECKED):
            if not self._connections.is_open(other):
                self.forget(other)
        if not self._store.open(connection_id, caller, self._max_connections):
            raise TooManyConnections(f"more than {self._max_connections} open connections")

    def close(self, connection_id: str) -> None:
        """Closes a connection and forgets it. Raises `ConnectionRefused`."""
        self._connections.close(connection_id)
        self.forget(connection_id)

    def forget(self, connection_id: str) -> None:
        """Removes a connection that is gone, and its subscriptions."""
        self._subscriptions.remove_connections([connection_id])


class Eviction:
    """Closes connections that may no longer be open.

    `warn` logs what goes wrong without harm to an order. `now` gives seconds, for durations.
    """

    def __init__(
        self,
        *,
        store: ConnectionStore,
        subscriptions: SubscriptionStore,
        connections: Connections,
        warn: Callable[[str], None],
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._subscriptions = subscriptions
        self._connections = connections
        self._warn = warn
        self._now = now

    def sweep(self, seconds: float) -> list[str]:
        """Closes connections whose key has been revoked or has expired, and forgets those that were left behind.

        Starts no further one after `seconds`. Leaves it, and a connection that can't be closed now, to the next call.
        Returns the ids of the others.
        """
        closed = []
        deadline = self._now() + seconds
        for connection_id in self._store.overdue():
            if self._now() >= deadline:
                break
            try:
                self._connections.close(connection_id)
            except ConnectionRefused as error:
                self._warn(f"connection {connection_id} not closed: {error}")
                continue
            self._subscriptions.remove_connections([connection_id])
            closed.append(connection_id)
        return closed
