"""Callers in API Gateway's events: who asks the authorizer, and whom it let in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from order_engine.domain.access import Caller, Scope
from order_engine.domain.errors import Unauthorized

if TYPE_CHECKING:
    from order_engine.services.authentication import Authentication


def authenticate(authentication: Authentication, event: dict[str, Any]) -> Caller:
    """The caller of an authorizer's event: by the ticket of a WebSocket's `$connect`, or else by its key.

    Raises `Unauthorized`, `StoreUnavailable`.
    """
    is_websocket = event["requestContext"].get("eventType") == "CONNECT"
    ticket = (event.get("queryStringParameters") or {}).get("ticket") if is_websocket else None
    if ticket is not None:
        return authentication.by_ticket(ticket)
    headers = {name.lower(): value for name, value in (event.get("headers") or {}).items()}
    return authentication.by_key(headers.get("authorization"))


def authorizer_context(caller: Caller) -> dict[str, str]:
    """What the authorizer passes on to the other functions."""
    return {"clientId": str(caller.client_id), "keyId": str(caller.key_id), "scope": caller.scope.value}


def caller_of(request_context: Mapping[str, Any]) -> Caller:
    """The caller whom the authorizer let in. Raises `Unauthorized` for a request that none has seen."""
    passed = request_context.get("authorizer") or {}
    try:
        # A connection from before there were scopes stays open for two hours at most.
        return Caller(UUID(passed["clientId"]), UUID(passed["keyId"]), Scope(passed.get("scope", Scope.TRADE)))
    except (KeyError, ValueError):
        raise Unauthorized("expected a request that the authorizer let in") from None
