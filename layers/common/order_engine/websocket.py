"""What a WebSocket client can ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import UUID

from .domain.errors import EngineError, UnknownAction
from .domain.requests import parse_integer, parse_json, parse_order, parse_uuid
from .notifications import ConnectionGone, Connections
from .storage.orders import OrderStore
from .storage.subscriptions import SubscriptionStore
from .submission import Submission

_OPENING_SECONDS = 5.0
"""How long a connection may take from the end of `$connect` until it can be written to."""

ACTIONS = ("cancel", "execute", "ping", "subscribe", "unsubscribe")


class WebSocket:
    """`ask_for_replay` has `replay` called once the connection is open."""

    def __init__(
        self,
        orders: OrderStore,
        subscriptions: SubscriptionStore,
        connections: Connections,
        submission: Submission,
        ask_for_replay: Callable[[str, UUID], None],
    ) -> None:
        self._orders = orders
        self._subscriptions = subscriptions
        self._connections = connections
        self._submission = submission
        self._ask_for_replay = ask_for_replay

    def connect(self, connection_id: str, order_id: str | None) -> None:
        """Opens a connection, for the events of one order if it names one. Raises `InvalidRequest`, `OrderNotFound`."""
        if order_id is not None:
            order = self._orders.get(parse_uuid("orderId", order_id))
            self._ask_for_replay(connection_id, order.id)

    def disconnect(self, connection_id: str) -> None:
        self._subscriptions.forget(connection_id)

    def replay(self, connection_id: str, order_id: UUID) -> None:
        """Sends an open connection all events of an order and subscribes it. A connection that is gone is none."""
        give_up = time.monotonic() + _OPENING_SECONDS
        pause = 0.005
        while True:
            try:
                return self._subscribe(connection_id, order_id, after=0)
            except ConnectionGone:
                if time.monotonic() > give_up:
                    return None
            time.sleep(pause)
            pause *= 2

    def receive(self, connection_id: str, body: str) -> None:
        """Does what a message asks for. Whatever is wrong with it, the client is told."""
        try:
            try:
                self._act(connection_id, parse_json(body))
            except EngineError as error:
                self._connections.send(connection_id, error.to_json())
        except ConnectionGone:
            self._subscriptions.forget(connection_id)

    def _act(self, connection_id: str, message: dict[str, Any]) -> None:
        match action := message.pop("action", None):
            case "execute":
                self._submission.submit(parse_order(message), connection_id)
            case "cancel":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._submission.cancel(order_id)
                self._connections.send(connection_id, {"action": "cancelled", "orderId": str(order_id)})
            case "subscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._subscribe(connection_id, order_id, parse_integer("after", message.get("after", 0), 0, 1_000_000))
            case "unsubscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._subscriptions.unsubscribe(connection_id, order_id)
                self._connections.send(connection_id, {"action": "unsubscribed", "orderId": str(order_id)})
            case "ping":
                self._connections.send(connection_id, {"action": "pong"})
            case _:
                raise UnknownAction(f"expected an action among {', '.join(ACTIONS)}, was {action!r:.60}")

    def _subscribe(self, connection_id: str, order_id: UUID, after: int) -> None:
        send = partial(self._connections.send, connection_id)
        self._subscriptions.subscribe(connection_id, order_id, after, lambda event: send(event.to_json()))
