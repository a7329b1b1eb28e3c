"""Tells the world of an order's events: the view of active orders, and the WebSocket connections that listen."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from botocore.exceptions import BotoCoreError, ClientError

from .domain.errors import StoreUnavailable
from .domain.orders import Event
from .storage.active_orders import ActiveOrders
from .storage.subscriptions import SubscriptionStore

if TYPE_CHECKING:
    from mypy_boto3_apigatewaymanagementapi import ApiGatewayManagementApiClient


class ConnectionGone(Exception):
    """The client is not connected, or not yet."""


class Connections(Protocol):
    """Where messages to WebSocket clients go."""

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        """Raises `ConnectionGone`."""


class ApiGatewayConnections:
    """`Connections` of an API Gateway WebSocket API."""

    def __init__(self, client: ApiGatewayManagementApiClient) -> None:
        self._client = client

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        try:
            self._client.post_to_connection(ConnectionId=connection_id, Data=json.dumps(message).encode())
        except self._client.exceptions.GoneException as error:
            raise ConnectionGone(connection_id) from error


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

    def publish(self, event: Event) -> None:
        """To be called after the event was committed: whoever subscribes later gets it from there."""
        self._active_orders.show(event)
        try:
            for connection_id in self._subscriptions.listeners(event.order_id):
                self._send(connection_id, event)
        except StoreUnavailable as error:
            self._warn(f"event {event.order_id}/{event.seq} not pushed: {error}")

    def _send(self, connection_id: str, event: Event) -> None:
        try:
            self._connections.send(connection_id, event.to_json())
        except ConnectionGone:
            self._subscriptions.forget(connection_id)
        except (BotoCoreError, ClientError) as error:
            self._warn(f"event {event.order_id}/{event.seq} not pushed to {connection_id}: {error}")
