"""The operations on webhooks, and the messages that they send."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from aws_lambda_powertools.event_handler.openapi.params import Body, Path, Query
from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from contract.examples import EXAMPLES, shown
from contract.operations import answer, app, operation
from contract.values import Wire, missing, values
from order_engine.domain.errors import (
    InvalidJson,
    InvalidRequest,
    PayloadTooLarge,
    ScopeMissing,
    TooManyWebhooks,
    UnsupportedMediaType,
    WebhookExists,
    WebhookNotFound,
)
from order_engine.domain.lifecycle import Status
from order_engine.domain.webhooks import SECRET_PREFIX, DeliveryState

Statuses = list[Annotated[str, Field(json_schema_extra={"enum": list(Status)})]]


class WebhookAddressForm(Wire):
    """An address that gets the events of the client's orders."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid")

    url: Annotated[str, Field(max_length=500, description="https:// on port 443, at public addresses.")]
    statuses: Annotated[
        Statuses | None,
        Field(min_length=1, default_factory=missing, description="Only these; null or missing for all."),
    ]


class Webhook(Wire):
    webhook_id: UUID
    url: str
    statuses: Statuses | None
    created_at: datetime
    failures_in_a_row: Annotated[int, Field(ge=0, description="Attempts, for whichever orders.")]
    orders_waiting: Annotated[int, Field(ge=0, description="Orders whose next event was refused and is sent again.")]
    orders_parked: Annotated[int, Field(ge=0, description="Orders whose next event was refused for a day.")]


class NewWebhook(Webhook):
    """A webhook with its secret."""

    secret: Annotated[str, Field(pattern=f"^{SECRET_PREFIX}", description="Signs the messages. Only shown here.")]


class Webhooks(Wire):
    webhooks: list[Webhook]


class DeletedWebhook(Wire):
    webhook_id: UUID


class Delivery(Wire):
    """The events of one order for one webhook."""

    order_id: UUID
    state: Annotated[str, Field(json_schema_extra=values(*DeliveryState))]
    delivered_seq: Annotated[int, Field(ge=0, description="Events up to this one are taken, or were not asked for.")]
    attempts: Annotated[int, Field(ge=0, description="Those that failed for the next event.")]
    error: Annotated[str | None, Field(description="Why the last one failed.")]
    failing_since: datetime | None
    next_attempt_at: datetime | None
    updated_at: datetime


class Deliveries(Wire):
    deliveries: list[Delivery]


class Redelivery(Wire):
    orders: Annotated[int, Field(ge=0, description="Those whose events are sent again.")]


WebhookId = Annotated[UUID, Path(alias="webhookId", openapi_examples=shown(EXAMPLES["webhook"]["webhookId"]))]

_LINKS = {
    "links": {
        to: {"operationId": to, "parameters": {"webhookId": "$response.body#/webhookId"}}
        for to in ("listDeliveries", "redeliver", "deleteWebhook")
    }
}


@operation(
    app.post,
    "/api/webhooks",
    "webhooks",
    "Register a webhook",
    {201: answer(NewWebhook, "The webhook with its secret.", webhook=EXAMPLES["webhook"]) | _LINKS},
    InvalidJson,
    InvalidRequest,
    ScopeMissing,
    WebhookExists,
    TooManyWebhooks,
    PayloadTooLarge,
    UnsupportedMediaType,
)
def register_webhook(
    webhook: Annotated[WebhookAddressForm, Body(openapi_examples={"webhook": {"value": EXAMPLES["webhook form"]}})],
) -> None:
    """From then on it gets the events of all the client's orders, signed by the rules of Standard Webhooks: each at
    least once, those of one order in order. A client may have ten. docs/webhooks.md tells more.
    """


@operation(
    app.get,
    "/api/webhooks",
    "webhooks",
    "List webhooks",
    {200: answer(Webhooks, "The client's webhooks, the oldest first.", webhooks=EXAMPLES["webhooks"])},
    InvalidRequest,
)
def list_webhooks() -> None:
    """Without their secrets."""


@operation(
    app.delete,
    "/api/webhooks/<webhookId>",
    "webhooks",
    "Delete a webhook",
    {200: answer(DeletedWebhook, "The webhook gets nothing more.", deleted=EXAMPLES["webhook deleted"])},
    InvalidRequest,
    ScopeMissing,
    WebhookNotFound,
)
def delete_webhook(webhook_id: WebhookId) -> None:
    """A message that is on its way may still arrive."""


@operation(
    app.get,
    "/api/webhooks/<webhookId>/deliveries",
    "webhooks",
    "List deliveries",
    {200: answer(Deliveries, "At most 100, the last changed first.", deliveries=EXAMPLES["deliveries"])},
    InvalidRequest,
    WebhookNotFound,
)
def list_deliveries(
    webhook_id: WebhookId,
    state: Annotated[
        str,
        Field(json_schema_extra={"enum": list(DeliveryState)}),
        Query(default_factory=missing, description="Only deliveries in this state.", openapi_examples=shown("parked")),
    ],
) -> None:
    """One for each order. Those that are delivered are listed for a day, those that are parked for 30 days."""


@operation(
    app.post,
    "/api/webhooks/<webhookId>/redeliver",
    "webhooks",
    "Send refused events again",
    {202: answer(Redelivery, "Events are sent again.", redelivery=EXAMPLES["redelivery"])},
    InvalidRequest,
    ScopeMissing,
    WebhookNotFound,
)
def redeliver(webhook_id: WebhookId) -> None:
    """Of all orders that are parked, or wait for an attempt that is more than two minutes away."""


def messages(event: dict[str, Any]) -> dict[str, Any]:
    """The `webhooks` of the OpenAPI document. `event` is the schema of an order's event."""
    headers = {
        "webhook-id": "Names the event, at each attempt.",
        "webhook-timestamp": "When this attempt was made, in Unix seconds.",
        "webhook-signature": "v1, and in base64 the HMAC-SHA256 of the id, the timestamp and the body, joined by dots.",
    }
    schema = {
        "type": "object",
        "properties": {
            "type": {"type": "string", "enum": [f"order.{status}" for status in Status]},
            "timestamp": {"type": "string", "format": "date-time", "description": "When the event happened."},
            "data": event,
        },
        "required": ["type", "timestamp", "data"],
    }
    return {
        "orderEvent": {
            "post": {
                "summary": "An event of an order",
                "description": "Sent to the address of a webhook. Its `data` is the event as everywhere else.",
                "operationId": "orderEvent",
                "tags": ["webhooks"],
                "security": [],
                "parameters": [
                    {"name": name, "in": "header", "required": True, "description": text, "schema": {"type": "string"}}
                    for name, text in headers.items()
                ],
                "requestBody": {
                    "required": True,
                    "content": {
                        "application/json": {
                            "schema": schema,
                            "examples": {"confirmed": {"value": EXAMPLES["webhook message"]}},
                        }
                    },
                },
                "responses": {
                    "2XX": {
                        "description": "The event is taken. Any other answer, or none within ten seconds, is a failure."
                    }
                },
            }
        }
    }
