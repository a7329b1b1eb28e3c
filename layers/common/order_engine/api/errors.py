"""How clients see an error: its HTTP status and its body."""

from __future__ import annotations

from typing import Any

from order_engine.domain.errors import (
    EngineError,
    Final,
    IdempotencyKeyReused,
    KeyNotFound,
    NotFound,
    NotOpen,
    OrderNotFound,
    OriginNotAllowed,
    PayloadTooLarge,
    QuoteNotFound,
    QuoteUsed,
    RateLimited,
    Rejected,
    Reroute,
    ScopeMissing,
    TooLateToCancel,
    TooManyConnections,
    TooManySubscriptions,
    TooManyWebhooks,
    Transient,
    Unauthorized,
    UnsupportedMediaType,
    WebhookExists,
    WebhookNotFound,
)

_STATUS: dict[type[EngineError], int] = {
    Unauthorized: 401,
    OriginNotAllowed: 403,
    ScopeMissing: 403,
    KeyNotFound: 404,
    NotFound: 404,
    OrderNotFound: 404,
    QuoteNotFound: 404,
    WebhookNotFound: 404,
    NotOpen: 409,
    QuoteUsed: 409,
    TooLateToCancel: 409,
    TooManyWebhooks: 409,
    WebhookExists: 409,
    PayloadTooLarge: 413,
    UnsupportedMediaType: 415,
    IdempotencyKeyReused: 422,
    RateLimited: 429,
    TooManyConnections: 429,
    TooManySubscriptions: 429,
    Rejected: 400,
    Reroute: 409,
    Final: 422,
    Transient: 503,
    EngineError: 500,
}


def status_of(error: EngineError) -> int:
    """The status of the error's class, or of the nearest base class that has one."""
    return next(_STATUS[kind] for kind in type(error).__mro__ if kind in _STATUS)


def error_view(error: EngineError) -> dict[str, Any]:
    """The one error shape of every interface."""
    return {"error": {"code": error.code, "message": str(error), "details": error.details}}
