"""The REST API of webhooks: register, list and delete them, see their deliveries and have them sent again."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, Response

from order_engine.api.json_text import shown
from order_engine.api.requests import check_query, parse_choice, parse_uuid
from order_engine.api.rest import caller, json_body, json_response
from order_engine.domain.errors import InvalidRequest
from order_engine.domain.lifecycle import Status
from order_engine.domain.timestamps import rfc3339
from order_engine.domain.webhooks import Delivery, DeliveryState, Webhook
from order_engine.ports import WebhookStore
from order_engine.services.webhooks import Webhooks

MAX_DELIVERIES = 100
"""How many deliveries are listed."""


def add_webhooks(app: APIGatewayRestResolver, *, store: WebhookStore, webhooks: Webhooks) -> None:
    """Adds the routes."""

    def client() -> UUID:
        return caller(app.current_event).client_id

    @app.post("/api/webhooks")
    def register_webhook() -> Response[str]:
        check_query(app.current_event)
        webhook, secret = webhooks.register(client(), *parse_webhook(json_body(app.current_event)))
        return json_response(201, {**_view(webhook), "secret": secret})

    @app.get("/api/webhooks")
    def list_webhooks() -> Response[str]:
        check_query(app.current_event)
        return json_response(200, {"webhooks": [_view(webhook) for webhook in store.of_client(client())]})

    @app.delete("/api/webhooks/<webhook_id>")
    def delete_webhook(webhook_id: str) -> Response[str]:
        check_query(app.current_event)
        id = parse_uuid("webhookId", webhook_id)
        store.delete(client(), id)
        return json_response(200, {"webhookId": str(id)})

    @app.get("/api/webhooks/<webhook_id>/deliveries")
    def list_deliveries(webhook_id: str) -> Response[str]:
        state = parse_choice("state", check_query(app.current_event, "state"), DeliveryState)
        found = store.deliveries(
            client(),
            parse_uuid("webhookId", webhook_id),
            None if state is None else DeliveryState(state),
            MAX_DELIVERIES,
        )
        return json_response(200, {"deliveries": [_delivery_view(delivery) for delivery in found]})

    @app.post("/api/webhooks/<webhook_id>/redeliver")
    def redeliver(webhook_id: str) -> Response[str]:
        check_query(app.current_event)
        count = store.redeliver(client(), parse_uuid("webhookId", webhook_id))
        return json_response(202, {"orders": count})


def parse_webhook(body: dict[str, Any]) -> tuple[str, frozenset[Status] | None]:
    """The URL, and the statuses whose events it gets, `None` for all. Raises `InvalidRequest`, naming each field."""
    problems = [
        {"field": name[:60], "message": f"expected one of url, statuses, was {name[:60]!r}"}
        for name in sorted(body.keys() - {"url", "statuses"})
    ]
    url, statuses = body.get("url"), body.get("statuses")
    if not isinstance(url, str):
        problems.append({"field": "url", "message": f"expected an address as text, was {shown(url)}"})
    is_list = isinstance(statuses, list) and statuses and all(status in [*Status] for status in statuses)
    if statuses is not None and not is_list:
        expected = f"expected a list of at least one of {', '.join(Status)}"
        problems.append({"field": "statuses", "message": f"{expected}, was {shown(statuses)}"})
    if problems or not isinstance(url, str):
        raise InvalidRequest(problems)
    return url, None if statuses is None else frozenset(map(Status, statuses))


def _view(webhook: Webhook) -> dict[str, Any]:
    return {
        "webhookId": str(webhook.id),
        "url": webhook.url,
        "statuses": None if webhook.statuses is None else sorted(webhook.statuses),
        "createdAt": rfc3339(webhook.created_at),
        "failuresInARow": webhook.failures,
        "ordersWaiting": webhook.waiting,
        "ordersParked": webhook.parked,
    }


def _delivery_view(delivery: Delivery) -> dict[str, Any]:
    is_failing = delivery.state is DeliveryState.WAITING and delivery.attempts > 0
    return {
        "orderId": str(delivery.order_id),
        "state": delivery.state,
        "deliveredSeq": delivery.seq,
        "attempts": delivery.attempts,
        "error": delivery.error,
        "failingSince": delivery.failing_since and rfc3339(delivery.failing_since),
        "nextAttemptAt": rfc3339(delivery.next_at) if is_failing else None,
        "updatedAt": rfc3339(delivery.updated_at),
    }
