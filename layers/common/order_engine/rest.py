"""The one place where requests become values and answers become HTTP."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from .domain.errors import EngineError, PayloadTooLarge, UnsupportedMediaType
from .domain.requests import parse_json
from .status_codes import status_of

MAX_BODY_BYTES = 32 * 1024


def json_body(event: APIGatewayProxyEvent) -> dict[str, Any]:
    """Raises `UnsupportedMediaType`, `PayloadTooLarge`, `InvalidJson`."""
    content_type = event.headers.get("content-type", "")
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise UnsupportedMediaType(f"expected Content-Type: application/json, was {content_type[:60]!r}")
    try:
        body = event.decoded_body or ""
    except ValueError:
        body = "\x00"
    if len(body.encode()) > MAX_BODY_BYTES:
        raise PayloadTooLarge(f"expected at most {MAX_BODY_BYTES} bytes, was {len(body.encode())}")
    return parse_json(body)


def json_response(status: int, body: dict[str, Any]) -> Response[str]:
    headers = {"Cache-Control": "no-store"}
    if status == 503:
        headers["Retry-After"] = "1"
    return Response(status, "application/json", json.dumps(body, ensure_ascii=False), headers)


def error_response(error: EngineError) -> Response[str]:
    return json_response(status_of(error), error.to_json())
