"""The WebSocket API as AsyncAPI. Its messages share schemas with the description of the REST API."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from contract import VERSION, errors
from contract.events import EVENTS
from contract.examples import EXAMPLES, ORDER_FORMS
from contract.forms import (
    LimitOrderForm,
    OcoOrderForm,
    OrderForm,
    RecurringOrderForm,
    ShortOrderForm,
    SniperOrderForm,
    StopOrderForm,
)
from contract.models import Error
from contract.openapi import tidied
from contract.values import IdempotencyKey, missing
from order_engine.domain.errors import (
    AmountTooSmall,
    IdempotencyKeyReused,
    InsufficientFunds,
    InsufficientLiquidity,
    InvalidJson,
    InvalidOrder,
    InvalidRequest,
    NoRoute,
    OrderNotFound,
    OrderTooLarge,
    PriceImpactTooHigh,
    QuoteExpired,
    QuoteNotFound,
    RateLimited,
    ScopeMissing,
    StoreUnavailable,
    TooLateToCancel,
    TooManySubscriptions,
    UnknownAction,
    VenueUnavailable,
)

_ORDER_ID = EXAMPLES["confirmed"]["orderId"]
_REFUSALS = (
    InvalidJson,
    UnknownAction,
    ScopeMissing,
    InvalidOrder,
    InvalidRequest,
    OrderNotFound,
    QuoteNotFound,
    QuoteExpired,
    TooLateToCancel,
    IdempotencyKeyReused,
    NoRoute,
    AmountTooSmall,
    InsufficientLiquidity,
    PriceImpactTooHigh,
    OrderTooLarge,
    InsufficientFunds,
    RateLimited,
    TooManySubscriptions,
    VenueUnavailable,
    StoreUnavailable,
)
_DESCRIPTION = """Pushes the events of orders, and accepts orders. A client connects with an API key in the \
Authorization header, or with a ticket from POST /api/ws-ticket, as browsers do. With ?orderId=… the connection is \
subscribed to that order. The handshake is answered with 400 for a query parameter other \
than orderId and ticket, 401 without a valid key or ticket, 403 for a page of another \
origin, 404 for an unknown order, and 429 if the client already has 50 connections.

Events arrive in order, but an event may arrive again: skip those whose seq is not above the last one. After a lost \
connection, connect and subscribe again with the last seq as after. Treat a gap in seq, and any message that is not \
described here, as a lost connection."""


class _Execute(BaseModel):
    action: Literal["execute"]
    idempotency_key: Annotated[
        IdempotencyKey, Field(default_factory=missing, description="Like the Idempotency-Key header of the REST API.")
    ]


class Execute(OrderForm, _Execute):
    """Submits an order and subscribes to it."""


class ExecuteShort(ShortOrderForm, _Execute):
    """Submits an order in the short form and subscribes to it."""


class ExecuteLimit(LimitOrderForm, _Execute):
    """Submits a limit order and subscribes to it."""


class ExecuteStop(StopOrderForm, _Execute):
    """Submits a stop order and subscribes to it."""


class ExecutePair(OcoOrderForm, _Execute):
    """Submits a limit order with a linked stop order, and subscribes to both."""


class ExecuteRecurring(RecurringOrderForm, _Execute):
    """Submits a recurring order and subscribes to it."""


class ExecuteSniper(SniperOrderForm, _Execute):
    """Submits a sniper order and subscribes to it."""


class _Message(BaseModel):
    model_config = ConfigDict(alias_generator=to_camel)


class _OfOrder(_Message):
    order_id: UUID


class Subscribe(_OfOrder):
    """Requests the events of an order after a seq, and then the live ones."""

    action: Literal["subscribe"]
    after: Annotated[int, Field(ge=0, le=1_000_000, description="The last seq seen.")] = 0


class Cancel(_OfOrder):
    """Cancels an order whose transaction is not sent yet, and the order that it is linked with."""

    action: Literal["cancel"]


class Unsubscribe(_OfOrder):
    """Stops the events of an order."""

    action: Literal["unsubscribe"]


class Ping(_Message):
    """Checks that the connection is alive."""

    action: Literal["ping"]


class Cancelled(_OfOrder):
    """The order is cancelled."""

    action: Literal["cancelled"]


class Unsubscribed(_OfOrder):
    """The connection gets no more events of the order."""

    action: Literal["unsubscribed"]


class Pong(_Message):
    """The connection is alive."""

    action: Literal["pong"]


class GatewayError(_Message):
    """API Gateway's own message: the service did not handle a message. Treat the connection as lost and reconnect."""

    message: str
    connection_id: str
    request_id: str


REQUESTS: dict[type[BaseModel], tuple[type[BaseModel], ...]] = {
    Execute: EVENTS,
    ExecuteShort: EVENTS,
    ExecuteLimit: EVENTS,
    ExecuteStop: EVENTS,
    ExecutePair: EVENTS,
    ExecuteRecurring: EVENTS,
    ExecuteSniper: EVENTS,
    Subscribe: EVENTS,
    Cancel: (Cancelled,),
    Unsubscribe: (Unsubscribed,),
    Ping: (Pong,),
}
"""The messages that a client may send, each with the answers to a valid one."""

ANSWERS: tuple[type[BaseModel], ...] = (*EVENTS, Cancelled, Unsubscribed, Pong, Error, GatewayError)


_FAILURES = (Error.__name__, GatewayError.__name__)


def _examples() -> dict[str, list[dict[str, Any]]]:
    forms = {name: {"action": "execute", **form["value"]} for name, form in ORDER_FORMS.items()}
    of_order = {"orderId": _ORDER_ID}
    found = {
        "Execute": [forms["order"], {"idempotencyKey": "7f1c", **forms["named"]}],
        **{f"Execute{name.capitalize()}": [form] for name, form in forms.items() if name not in ("order", "named")},
        "Subscribe": [{"action": "subscribe", **of_order, "after": 3}],
        "Cancel": [{"action": "cancel", **of_order}],
        "Unsubscribe": [{"action": "unsubscribe", **of_order}],
        "Ping": [{"action": "ping"}],
        "Cancelled": [{"action": "cancelled", **of_order}],
        "Unsubscribed": [{"action": "unsubscribed", **of_order}],
        "Pong": [{"action": "pong"}],
        "Error": [errors.example(kind)["value"] for kind in _REFUSALS],
        "GatewayError": [
            {"message": message, "connectionId": "L0SM9cOFvHcCIhw=", "requestId": "WkIN1F4pPHcF0rg="}
            for message in ("Internal server error", "Too Many Requests")
        ],
    }
    for name in ("confirmed", "failed", "cancelled", "limit", "recurring", "expired"):
        for event in EXAMPLES[name]["events"]:
            found.setdefault(f"{event['status'].capitalize()}Event", []).append(event)
    return found


def asyncapi() -> dict[str, Any]:
    """The description as an AsyncAPI 3.0 document."""
    _, definitions = models_json_schema(
        [*((model, "validation") for model in REQUESTS), *((model, "serialization") for model in ANSWERS)],
        ref_template="#/components/schemas/{model}",
    )
    examples = _examples()
    models: tuple[type[BaseModel], ...] = (*REQUESTS, *ANSWERS)
    messages = {
        model.__name__: {
            "summary": " ".join((model.__doc__ or "").split()),
            "contentType": "application/json",
            "payload": _ref("schemas", model.__name__),
            "examples": [{"payload": payload} for payload in examples[model.__name__]],
        }
        for model in models
    }
    operations: dict[str, Any] = {
        name[0].lower() + name[1:]: {
            "action": "receive",
            "channel": {"$ref": "#/channels/connection"},
            "summary": messages[name]["summary"],
            "messages": [_sent(name)],
            "reply": {
                "channel": {"$ref": "#/channels/connection"},
                "messages": [_sent(reply) for reply in (*(model.__name__ for model in replies), *_FAILURES)],
            },
        }
        for name, replies in ((model.__name__, replies) for model, replies in REQUESTS.items())
    }
    operations["event"] = {
        "action": "send",
        "channel": {"$ref": "#/channels/connection"},
        "summary": "Reports a step of an order that the connection is subscribed to.",
        "messages": [_sent(event.__name__) for event in EVENTS],
    }
    security = [_ref("securitySchemes", "key"), _ref("securitySchemes", "ticket")]
    query = {
        "type": "object",
        "properties": {
            "orderId": {"type": "string", "format": "uuid", "description": "The order to subscribe to."},
            "ticket": {"type": "string", "description": "From POST /api/ws-ticket."},
        },
    }
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Order execution engine",
            "version": VERSION,
            "description": _DESCRIPTION,
            "license": {"name": "MIT"},
        },
        "defaultContentType": "application/json",
        "servers": {
            "local": {
                "host": "127.0.0.1:3001",
                "protocol": "ws",
                "description": "make run",
                "security": security,
            },
            "aws": {
                "host": "{api}.execute-api.{region}.amazonaws.com",
                "pathname": "/v1",
                "protocol": "wss",
                "description": "AWS",
                "variables": {"api": {"default": "api-id"}, "region": {"default": "us-east-1"}},
                "security": security,
            },
        },
        "channels": {
            "connection": {
                "address": "/",
                "description": "One connection carries all messages.",
                "messages": {name: _ref("messages", name) for name in messages},
                "bindings": {"ws": {"method": "GET", "query": query}},
            }
        },
        "operations": operations,
        "components": {
            "messages": messages,
            "schemas": tidied(definitions["$defs"]),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "An API key: oee_ and 43 characters."},
                "ticket": {
                    "type": "httpApiKey",
                    "in": "query",
                    "name": "ticket",
                    "description": "Valid once, for 30 s.",
                },
            },
        },
    }


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}


def _sent(message: str) -> dict[str, str]:
    return {"$ref": f"#/channels/connection/messages/{message}"}
