"""The WebSocket API: what a client's message asks for, and what the client is sent."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from order_engine.api.errors import error_view
from order_engine.api.json_text import parse_json, shown
from order_engine.api.order_forms import parse_submission
from order_engine.api.requests import parse_idempotency_key, parse_integer, parse_uuid
from order_engine.domain.access import Caller, Scope
from order_engine.domain.errors import EngineError, UnknownAction
from order_engine.ports import ConnectionGone, ConnectionRefused, Connections, OrderStore, ReplayQueue
from order_engine.services.connections import ConnectionRegistry
from order_engine.services.submission import Submission
from order_engine.services.subscriptions import Subscriptions

ACTIONS = {
    "cancel": Scope.TRADE,
    "execute": Scope.TRADE,
    "ping": Scope.READ,
    "subscribe": Scope.READ,
    "unsubscribe": Scope.READ,
}
"""What a message may ask for, and the scope that this needs."""


class WebSocketApi:
    def __init__(
        self,
        *,
        orders: OrderStore,
        registry: ConnectionRegistry,
        subscriptions: Subscriptions,
        submission: Submission,
        connections: Connections,
        replays: ReplayQueue,
    ) -> None:
        self._orders = orders
        self._registry = registry
        self._subscriptions = subscriptions
        self._submission = submission
        self._connections = connections
        self._replays = replays

    def connect(self, caller: Caller, connection_id: str, order_id: str | None, origin: str | None) -> None:
        """Opens a connection, for the events of one order if it names one.

        Raises `InvalidRequest`, `OrderNotFound`, `OriginNotAllowed`, `TooManyConnections`.
        """
        self._registry.check_origin(origin)
        order = None if order_id is None else self._orders.owned(caller.client_id, parse_uuid("orderId", order_id))
        self._registry.open(caller, connection_id)
        if order is not None:
            # API Gateway refuses messages to the connection until this function has answered.
            self._replays.enqueue(connection_id, caller.client_id, order.id)

    def disconnect(self, connection_id: str) -> None:
        """Forgets a connection that has closed."""
        self._registry.forget(connection_id)

    def replay(self, connection_id: str, client_id: UUID, order_id: UUID, age: float) -> None:
        """Sends a connection that began to open `age` seconds ago all events of an order, and subscribes it."""
        self._subscriptions.replay(connection_id, client_id, order_id, age)

    def receive(self, caller: Caller, connection_id: str, body: str) -> None:
        """Does what a message asks for. Answers a faulty message with the error.

        Closes a connection that can't be answered, so that its client does not wait in vain.
        """
        try:
            try:
                self._act(caller, connection_id, parse_json(body))
            except EngineError as error:
                self._connections.send(connection_id, error_view(error))
        except ConnectionGone:
            self._registry.forget(connection_id)
        except ConnectionRefused:
            self._registry.close(connection_id)

    def _act(self, caller: Caller, connection_id: str, message: dict[str, Any]) -> None:
        action, client_id = message.pop("action", None), caller.client_id
        if not isinstance(action, str) or action not in ACTIONS:
            was = "nothing" if action is None else f"{action!r:.60}" if isinstance(action, str) else shown(action)
            raise UnknownAction(f"expected an action among {', '.join(ACTIONS)}, was {was}")
        caller.require(ACTIONS[action])
        match action:
            case "execute":
                key = parse_idempotency_key("idempotencyKey", message.pop("idempotencyKey", None))
                order, new = self._submission.submit(parse_submission(message), client_id, key, connection_id)
                if not new:
                    for id in filter(None, (order.id, order.linked_id)):
                        self._subscriptions.subscribe(connection_id, client_id, id)
            case "cancel":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._submission.cancel(client_id, order_id)
                self._connections.send(connection_id, {"action": "cancelled", "orderId": str(order_id)})
            case "subscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                after = parse_integer("after", message.get("after"), 0, 1_000_000, default=0)
                self._subscriptions.subscribe(connection_id, client_id, order_id, after)
            case "unsubscribe":
                order_id = parse_uuid("orderId", message.get("orderId"))
                self._subscriptions.unsubscribe(connection_id, order_id)
                self._connections.send(connection_id, {"action": "unsubscribed", "orderId": str(order_id)})
            case "ping":
                self._connections.send(connection_id, {"action": "pong"})
