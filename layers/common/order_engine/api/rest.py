"""The REST API: reads requests, and makes HTTP responses of results and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from aws_lambda_powertools.event_handler import APIGatewayRestResolver, CORSConfig, Response
from aws_lambda_powertools.event_handler.middlewares import NextMiddleware
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from order_engine.api.callers import caller_of
from order_engine.api.errors import error_view, status_of
from order_engine.api.json_text import parse_json
from order_engine.api.requests import parse_idempotency_key
from order_engine.domain.access import Caller, Scope
from order_engine.domain.errors import (
    EngineError,
    InvalidJson,
    NotFound,
    PayloadTooLarge,
    RateLimited,
    UnsupportedMediaType,
)
from order_engine.ports import RateLimit

RATE_HEADERS = ("X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset")
"""What a limit allows a minute, what is left of it, and when all of it is back, in Unix seconds."""

NEXT_CURSOR = "X-Next-Cursor"
"""The cursor of the next page, where the body has no place for it."""

MAX_BODY_BYTES = 32 * 1024

CSP_NONE = "default-src 'none'; frame-ancestors 'none'"
"""The Content-Security-Policy of a response that is not a page: it loads nothing, and no page may embed it."""


def api() -> APIGatewayRestResolver:
    """A resolver that returns every error in the same shape."""
    # Any page may call: a browser adds no credentials by itself, so a page without a key gets nothing.
    app = APIGatewayRestResolver(
        cors=CORSConfig(allow_origin="*", expose_headers=[*RATE_HEADERS, NEXT_CURSOR, "Retry-After"], max_age=600)
    )

    @app.exception_handler(EngineError)  # type: ignore[untyped-decorator]
    def refuse(error: EngineError) -> Response[str]:
        return error_response(error)

    @app.not_found
    def no_such_path(_: Exception) -> Response[str]:
        return error_response(NotFound(f"expected a path of the API, was {app.current_event.path}"))

    return app


def limited(limit: RateLimit) -> Callable[[APIGatewayRestResolver, NextMiddleware], Response[Any]]:
    """A middleware that says with every answer of a route what its limit leaves the caller.

    What is left is not known where a request was refused before it counted, or Redis did not count it.
    """

    def say(app: APIGatewayRestResolver, route: NextMiddleware) -> Response[Any]:
        client_id = caller_of(app.current_event["requestContext"]).client_id
        try:
            answer = route(app)
        except EngineError as error:
            answer = error_response(error)
        left = limit.left(client_id)
        if limit.per_minute:
            values = left or (limit.per_minute,)
            answer.headers.update({name: str(value) for name, value in zip(RATE_HEADERS, values, strict=False)})
        return answer

    return say


def caller(event: APIGatewayProxyEvent, scope: Scope | None = None) -> Caller:
    """The caller that the authorizer has admitted, if its key has the scope that the request needs.

    Without `scope`, a GET needs `read` and everything else `trade`. Raises `ScopeMissing`, and `Unauthorized` without
    an authorizer.
    """
    admitted = caller_of(event["requestContext"])
    admitted.require(scope or (Scope.READ if event.http_method == "GET" else Scope.TRADE))
    return admitted


def idempotency_key(event: APIGatewayProxyEvent) -> str | None:
    """The `Idempotency-Key` header. Raises `InvalidRequest`."""
    return parse_idempotency_key("Idempotency-Key", event.headers.get("idempotency-key"))


def json_body(event: APIGatewayProxyEvent) -> dict[str, Any]:
    """The body. Raises `UnsupportedMediaType`, `PayloadTooLarge`, `InvalidJson`."""
    content_type = event.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(f"expected Content-Type: application/json, was {content_type[:60]!r}")
    try:
        body = event.decoded_body or ""
    except ValueError:
        raise InvalidJson("expected a JSON object in UTF-8, was a body that is not UTF-8") from None
    # Half of a surrogate pair cannot be encoded otherwise; `parse_json` refuses it.
    size = len(body.encode(errors="surrogatepass"))
    if size > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"expected at most {MAX_BODY_BYTES} bytes, was {size}")
    return parse_json(body)


def response(status: int, content_type: str, body: str, csp: str = CSP_NONE, **headers: str) -> Response[str]:
    """A response that no cache stores and whose content type no browser guesses. `csp` limits what a page loads."""
    protection = {
        "Cache-Control": "no-store",
        "Content-Security-Policy": csp,
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
    }
    return Response(status, content_type, body, {**protection, **headers})


def json_response(status: int, body: dict[str, Any], **headers: str) -> Response[str]:
    return response(status, "application/json", json.dumps(body, ensure_ascii=False), **headers)


def error_response(error: EngineError) -> Response[str]:
    status = status_of(error)
    wait = error.retry_after if isinstance(error, RateLimited) else 1
    headers = {"Retry-After": str(wait)} if status in (429, 503) else {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return json_response(status, error_view(error), **headers)
