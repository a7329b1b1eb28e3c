"""Publishes an order's events: to the view of active orders, and to the WebSocket connections that listen."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from order_engine.domain.errors import StoreUnavailable
from order_engine.domain.events import Event
from order_engine.ports import ActiveOrders, ConnectionGone, ConnectionRefused, Connections, SubscriptionStore, View

PUSHING_SECONDS = 3.0
"""How long pushes are started. Each may then take another second."""

CLOSING_SECONDS = 4.0
"""How long, from the same start, connections are closed. All in all 5 seconds: a step has 15 for everything."""

AT_ONCE = 50
"""How many connections are pushed to at the same time."""

T = TypeVar("T")


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

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        """Publishes committed events of one order, in order. A client that subscribes later gets them from the store.

        Disconnects every listener that does not get all of them in time, so that its client reconnects and asks for
        what it missed. A connection that can't be closed now is closed by the next sweep.
        """
        if not events:
            return
        self._active_orders.show(events)
        if not listeners:
            return
        started = time.monotonic()
        messages = [self._view(event) for event in events]
        pushed = _at_once(lambda id: self._push(id, messages, started + PUSHING_SECONDS), listeners)
        gone = [id for id, error in pushed if isinstance(error, ConnectionGone)]
        missed = [(id, error) for id, error in pushed if error and not isinstance(error, ConnectionGone)]
        for reason, count in Counter(str(error) for _, error in missed).items():
            name = f"{events[-1].order_id}/{events[-1].seq}"
            self._warn(f"event {name} not pushed to {count} connections, which are closed: {reason}")
        # Those that were not reached first: a connection that hangs would also hold up the closing of others.
        missed.sort(key=lambda one: isinstance(one[1], ConnectionRefused))
        closed = _at_once(lambda id: self._close(id, started + CLOSING_SECONDS), [id for id, _ in missed])
        self._forget([*gone, *(id for id, error in closed if error is None)])
        self._expire([id for id, error in closed if error])

    def _push(self, connection_id: str, messages: Sequence[dict[str, Any]], deadline: float) -> Exception | None:
        """Returns why the connection has not got every message, if so."""
        try:
            for message in messages:
                _check(deadline)
                self._connections.send(connection_id, message)
        except (ConnectionGone, ConnectionRefused, TimeoutError) as error:
            return error
        return None

    def _close(self, connection_id: str, deadline: float) -> Exception | None:
        try:
            _check(deadline)
            self._connections.close(connection_id)
        except (ConnectionRefused, TimeoutError) as error:
            return error
        return None

    def _forget(self, connection_ids: Sequence[str]) -> None:
        try:
            if connection_ids:
                self._subscriptions.remove_connections(connection_ids)
        except StoreUnavailable as error:
            self._warn(f"subscriptions of {len(connection_ids)} connections that are gone not removed: {error}")

    def _expire(self, connection_ids: Sequence[str]) -> None:
        try:
            if connection_ids:
                self._subscriptions.expire_connections(connection_ids)
        except StoreUnavailable as error:
            self._warn(f"{len(connection_ids)} connections neither closed nor left to the sweep: {error}")


def _check(deadline: float) -> None:
    if time.monotonic() > deadline:
        raise TimeoutError("out of time")


def _at_once(action: Callable[[str], T], connection_ids: Sequence[str]) -> list[tuple[str, T]]:
    """Each connection with what the action returns for it. Almost every order has one listener: no thread for that."""
    if len(connection_ids) <= 1:
        return [(id, action(id)) for id in connection_ids]
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(min(AT_ONCE, len(connection_ids)), "push") as threads:
        return list(zip(connection_ids, threads.map(action, connection_ids), strict=True))
