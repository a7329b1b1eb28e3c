"""Reads the requests of AWS clients."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from aiohttp import web

from emulator.common import serving
from emulator.common.errors import ApiError

MAX_BODY = 8 * 1024 * 1024  # above the limit of every service, so that each applies its own


def check_parameters(request: Iterable[str], known: Iterable[str], operation: str, code: str) -> None:
    """Raises ApiError `code` for a parameter that is not known, so that none is ignored."""
    unknown = sorted(set(request) - set(known))
    if unknown:
        raise ApiError(code, f"{operation}: the parameter {', '.join(unknown)} is not supported here.")


async def read_body(request: web.BaseRequest) -> bytes:
    """Returns the body. Raises ApiError if it is larger than `MAX_BODY` bytes, incomplete or late."""
    try:
        body = await receive(request, MAX_BODY)
    except TimeoutError:
        message = f"The request's body did not arrive within {serving.BODY_SECONDS:g} s."
        raise ApiError("RequestTimeoutException", message, 408) from None
    except (web.RequestPayloadError, ConnectionError):
        raise ApiError("IncompleteBody", "The request ends before its body does.") from None
    if body is None:
        raise ApiError("RequestTooLargeException", f"The request is larger than {MAX_BODY} bytes.", 413)
    return body


async def receive(request: web.BaseRequest, limit: int) -> bytes | None:
    """Returns the body, or None once it exceeds `limit` bytes.

    Raises TimeoutError if it is late, RequestPayloadError or ConnectionError if it is incomplete.
    """
    if request.content.is_eof():  # it has come with the head
        whole = request.content.read_nowait()
        return whole if len(whole) <= limit else None
    body = bytearray()
    async with asyncio.timeout(serving.BODY_SECONDS):
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > limit:
                return None
    return bytes(body)
