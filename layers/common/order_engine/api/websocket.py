"""What a WebSocket client can ask for."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from functools import partial
from typing import Any
from uuid import UUID

from order_engine.api.requests import parse_idempotency_key, parse_integer, parse_json, parse_order, parse_uuid
from order_engine.domain.access import Caller
from order_engine.domain.errors import EngineError, OriginNotAllowed, TooManyConnections, UnknownAction
from order_engine.ports import ConnectionGone, Connections
from order_engine.services.submission import Submission
from order_engine.storage.connections import ConnectionStore
from order_engine.storage.orders import OrderStore
from order_engine.storage.subscriptions import SubscriptionStore

_OPENING_SECONDS = 5.0
"""How long a connection may take from the end of `$connect` until it can be written to."""

_DOUBTED = 10
"""So many of a client's connections are asked whether they are still there, when it has as many as it may."""

ACTIONS = ("cancel", "execute", "ping", "subscribe", "unsubscribe")


class WebSocket:
    """`ask_for_replay` has `replay` called once the connection is open.

    `origins` are those whose pages may connect, as browsers write them: `https://a.example`. `most_connections` is how
    many a client may have, 0 for any number.
    """

    def __init__(
        self,
        orders: OrderStore,
        subscriptions: SubscriptionStore,
        opened: ConnectionStore,
        connections: Connections,
        submission: Submission,
        ask_for_replay: Callable[[str, UUID, UUID], None],
        origins: Collection[str],
        most_connections: int,
    ) -> None:
        self._orders = orders
        self._subscriptions = subscriptions
        self._opened = opened
        self._connections = connections
        self._submission = submission
        self._ask_for_replay = ask_for_replay
        self._origins = origins
        self._most_connections = most_connections

    def connect(self, caller: Caller, connection_id: str, order_id: str | None, origin: str | None) -> None:
        """Opens a connection, for the events of one order if it names one.

        Raises `InvalidRequest`, `OrderNotFound`, `OriginNotAllowed`, `TooManyConnections`.
        """
        # A browser says whose page it is; what is no browser could say anything, and need not.
        if origin is not None and origin not in self._origins:
            raise OriginNotAllowed(f"expected a page of {' or '.join(sorted(self._origins))}, was {origin:.100}")
        order = None if order_id is None else self._orders.owned(caller.client_id, parse_uuid("orderId", order_id))
        if not self._opened.open(connection_id, caller, self._most_connections):
            # API Gateway tells of a closed connection as best it can, so some may be left over.
            for other in self._opened.oldest(caller, _DOUBTED):
                if not self._connections.is_open(other):
                    self._subscriptions.forget(other)
            if not self._opened.open(connection_id, caller, self._most_connections):
                raise TooManyConnections(f"expected at most {self._most_connections} connections, was one more")
        if order is not None:
            self._ask_for_replay(connection_id, caller.client_id, order.id)

    def disconnect(self, connection_id: str) -> None:
        self._subscriptions.forget(connection_id)

    def replay(self, connection_id: str, client_id: UUID, order_id: UUID) -> None:
        """Sends an open connection all events of an order and subscribes it. A connection that is gone is none."""
        give_up = time.monotonic() + _OPENING_SECONDS
        pause = 0.005
        while True:
            try:
                return self._subscribe(connection_id, client_id, order_id, after=0)
            except ConnectionGone:
                if time.monotonic() > give_up:
                    return None
            time.sleep(pause)
            pause *= 2

    def receive(self, caller: Caller, connection_id: str, body: str) -> None:
        """Does what a message asks for. Whatever is wrong with it, the client is told."""
        try:
            try:
                self._act(caller.client_id, connection_id, parse_json(body))
            except EngineError as error:
                self._connections.send(connection_id, error.to_json())
        except ConnectionGone:
            self._subscriptions.forget(connection_id)

    def _act(self, client_id: UUID, connection_id: str, message: dict[str, Any]) -> None:
        match action := message.pop("action", None):
            case "execute":
                key = parse_idempotency_key("idempotencyKey", message.pop("idempotencyKey", None))
                order, new = self._submission.submit(parse_order(message), client_id, key, connection_id)
                if not new:
                    self._subscribe(connection_id, client_id, order.id, after=0)
            case "cancel":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._submission.cancel(client_id, order_id)
                self._connections.send(connection_id, {"action": "cancelled", "orderId": str(order_id)})
            case "subscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                after = parse_integer("after", message.get("after", 0), 0, 1_000_000)
                self._subscribe(connection_id, client_id, order_id, after)
            case "unsubscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._subscriptions.unsubscribe(connection_id, order_id)
                self._connections.send(connection_id, {"action": "unsubscribed", "orderId": str(order_id)})
            case "ping":
                self._connections.send(connection_id, {"action": "pong"})
            case _:
                raise UnknownAction(f"expected an action among {', '.join(ACTIONS)}, was {action!r:.60}")

    def _subscribe(self, connection_id: str, client_id: UUID, order_id: UUID, after: int) -> None:
        send = partial(self._connections.send, connection_id)
        self._subscriptions.subscribe(connection_id, client_id, order_id, after, lambda event: send(event.to_json()))
