"""Decides who gets in: by an API key, or over the WebSocket API by a ticket too."""

from __future__ import annotations

from typing import Any

from order_engine.domain.access import Caller
from order_engine.domain.errors import Unauthorized
from order_engine.storage.clients import ClientStore


class Authorizing:
    def __init__(self, clients: ClientStore) -> None:
        self._clients = clients

    def caller(self, event: dict[str, Any]) -> Caller:
        """Who sends the request that an API Gateway authorizer is asked about.

        Raises `Unauthorized`, `StoreUnavailable`.
        """
        is_websocket = event["requestContext"].get("eventType") == "CONNECT"
        ticket = (event.get("queryStringParameters") or {}).get("ticket") if is_websocket else None
        if ticket is not None:
            caller = self._clients.redeem(ticket)
        else:
            headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
            scheme, _, key = headers.get("authorization", "").partition(" ")
            caller = self._clients.caller_with_key(key.strip()) if scheme.lower() == "bearer" else None
        if caller is None:
            raise Unauthorized("expected an API key or a ticket that is valid, was none")
        return caller
