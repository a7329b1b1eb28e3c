"""A client of the engine: REST for requests, the WebSocket API for events."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import quote, urlsplit

import aiohttp

Json = dict[str, Any]

FINAL = ("confirmed", "failed", "cancelled")
ATTEMPTS = 3
"""Attempts for a request without an answer, or with 503. Every request is safe to repeat."""
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
PATIENCE_SECONDS = 60.0
"""Seconds without a message after which `watch` gives up."""


class Refused(Exception):
    """The service answered with an error. `details` has `{"field", "message"}` for each wrong field."""

    def __init__(self, status: int, code: str, message: str, details: list[Json]) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.details = details


class Unreachable(Exception):
    """The service did not answer, or the answer is not in the service's format."""


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Engine:
    """The service at `url`, used with `key` in `async with`.

    Raises `ValueError` for a URL to which a key must not be sent. Every method raises `Refused` or `Unreachable`.
    """

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected a URL like http://127.0.0.1:3000, was {url!r}")
        if parts.scheme == "http" and key and not is_loopback(url):
            raise ValueError(f"expected https, because the key is sent to another machine, was {url!r}")
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT, connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def quote(self, order: Json) -> Json:
        return await self._request("GET", "/api/quotes", params=order)

    async def submit(self, order: Json) -> Json:
        """Returns the accepted order. A repeated attempt has the same key, so it cannot become a second order."""
        key = {"Idempotency-Key": str(uuid.uuid4())}
        return await self._request("POST", "/api/orders/execute", json={"type": "market", **order}, headers=key)

    async def list(self, **query: str) -> Json:
        return await self._request("GET", "/api/orders", params=query)

    async def show(self, order_id: str) -> Json:
        return await self._request("GET", _path(order_id))

    async def cancel(self, order_id: str) -> Json:
        return await self._request("DELETE", _path(order_id))

    async def websocket_url(self) -> str:
        ticket = await self._request("POST", "/api/ws-ticket")
        return str(ticket["webSocketUrl"])

    @asynccontextmanager
    async def connection(self, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        try:
            async with self._session.ws_connect(url, heartbeat=20) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            code = {401: "Unauthorized", 403: "OriginNotAllowed", 429: "TooManyConnections"}.get(
                error.status, "Refused"
            )
            raise Refused(error.status, code, f"the WebSocket API answers {error.status}", []) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{url}: {error}") from error

    async def watch(self, order_id: str, after: int = 0) -> AsyncIterator[Json]:
        """Yields every event with a `seq` above `after`, once and in order, until the order ends.

        Reconnects when the connection is lost, and asks for the events that it missed.
        """
        url = await self.websocket_url()
        clock = asyncio.get_running_loop().time
        last_message, pause = clock(), 0.1
        while True:
            try:
                async with self.connection(url) as socket:
                    await socket.send_json({"action": "subscribe", "orderId": order_id, "after": after})
                    async for message in socket:
                        last_message, pause = clock(), 0.1
                        event = _message(message)
                        if event.get("orderId") != order_id or event.get("seq", 0) <= after:
                            continue
                        after = event["seq"]
                        yield event
                        if event["status"] in FINAL:
                            return
            except (Refused, Unreachable) as error:
                if (isinstance(error, Refused) and error.status < 500) or clock() - last_message > PATIENCE_SECONDS:
                    raise
            await asyncio.sleep(pause)
            pause = min(pause * 2, 5.0)

    async def _request(self, method: str, path: str, **options: Any) -> Json:
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                async with self._session.request(method, self._url + path, **options) as response:
                    body = await response.json()
                if response.status < 300 and isinstance(body, dict):
                    return body
                if response.status != 503 or not attempts_left:
                    raise _refusal(response.status, body)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                if not attempts_left:
                    raise Unreachable(f"{self._url}: {error or type(error).__name__}") from error
            await asyncio.sleep(0.5)
        raise AssertionError


def _path(order_id: str) -> str:
    return f"/api/orders/{quote(order_id, safe='')}"


def _message(message: aiohttp.WSMessage) -> Json:
    """Returns a message of the WebSocket API. Raises `Refused` for an error, `Unreachable` for anything else."""
    try:
        received: Json = message.json()
    except (TypeError, ValueError):
        raise Unreachable(f"expected a JSON object, was {str(message.data)[:100]!r}") from None
    if "error" in received:
        raise _refusal(503 if received["error"]["code"].endswith("Unavailable") else 400, received)
    return received


def _refusal(status: int, body: Any) -> Refused | Unreachable:
    match body:
        case {"error": {"code": str(code), "message": str(message), "details": list(details)}}:
            return Refused(status, code, message, details)
    return Unreachable(f"expected an answer of the service, was {status}: {str(body)[:200]}")
