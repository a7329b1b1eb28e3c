"""REST API: clients' keys, and tickets, with which a browser opens a WebSocket connection."""

from __future__ import annotations

from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.typing import LambdaContext

from order_engine.api.keys import add_keys
from order_engine.api.requests import check_query
from order_engine.api.rest import api, caller, json_response
from order_engine.aws.observability import logger
from order_engine.bootstrap import settings, stores
from order_engine.domain.access import Scope
from order_engine.domain.timestamps import rfc3339

app, clients = api(), stores.clients()
add_keys(app, clients)


@app.post("/api/ws-ticket")
def issue_ticket() -> Response[str]:
    check_query(app.current_event)
    # It only shows what a reader may see.
    owner = caller(app.current_event, Scope.READ)
    ticket, expires_at = clients.issue_ticket(owner)
    body = {
        "ticket": ticket,
        "expiresAt": rfc3339(expires_at),
        "webSocketUrl": settings.required("WEBSOCKET_URL"),
        "scope": owner.scope,
    }
    return json_response(201, body)


@logger.inject_lambda_context(clear_state=True)
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    return app.resolve(event, context)
