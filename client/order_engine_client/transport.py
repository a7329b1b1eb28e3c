"""Requests by REST and connections to the WebSocket API, as JSON."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Self
from urllib.parse import urlsplit

import aiohttp

from order_engine_client.errors import Refused, Unreachable, refusal
from order_engine_client.fields import Json
from order_engine_client.models import STATUSES

FINAL = ("confirmed", "failed", "cancelled", "expired")
"""The statuses in which an order has ended."""
ATTEMPTS = 5
"""Attempts for a request without an answer, or with a status of 500 or above. Every request is safe to repeat."""
TIMEOUT = aiohttp.ClientTimeout(total=30, connect=5)
PATIENCE_SECONDS = 60.0
"""Seconds for which `follow` tries to restore a lost connection."""


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Transport:
    """The service at `url`, used with `key` in `async with`.

    Raises `ValueError` for a URL to which a key must not be sent. Every method raises `Refused` or `Unreachable`.
    """

    def __init__(self, url: str, key: str | None) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"expected a URL like http://127.0.0.1:3000, was {url!r}")
        if parts.scheme == "http" and key and not is_loopback(url):
            raise ValueError(f"expected https, because the key is sent to another machine, was {url!r}")
        self.url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {key}"} if key else {}

    async def __aenter__(self) -> Self:
        connector = aiohttp.TCPConnector(limit=0)
        self._session = aiohttp.ClientSession(headers=self._headers, timeout=TIMEOUT, connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def request(self, method: str, path: str, **options: Any) -> Json:
        """Returns the body of the answer. `options` are those of aiohttp, such as `params`, `json` and `headers`.

        Repeats the request while there is no answer, or one with a status of 500 or above.
        """
        pause = 0.5
        for attempts_left in reversed(range(ATTEMPTS)):
            try:
                async with self._session.request(method, self.url + path, **options) as response:
                    body = await response.json()
                if response.status < 300 and isinstance(body, dict):
                    return body
                if response.status < 500 or not attempts_left:
                    raise _refusal(response.status, body)
            except (aiohttp.ClientError, OSError, TimeoutError, ValueError) as error:
                if not attempts_left:
                    raise Unreachable(f"{self.url}: {error or type(error).__name__}") from error
            # Jitter, so that clients that were refused together do not all come back together.
            await asyncio.sleep(random.uniform(pause, 2 * pause))
            pause *= 2
        raise AssertionError

    async def websocket_url(self) -> str:
        ticket = await self.request("POST", "/api/ws-ticket")
        return str(ticket["webSocketUrl"])

    @asynccontextmanager
    async def connection(self, url: str) -> AsyncIterator[aiohttp.ClientWebSocketResponse]:
        """A connection to the WebSocket API at `url`, for messages of your own."""
        try:
            async with self._session.ws_connect(url, heartbeat=20) as socket:
                yield socket
        except aiohttp.WSServerHandshakeError as error:
            code = {401: "Unauthorized", 403: "OriginNotAllowed", 429: "TooManyConnections"}.get(
                error.status, "Refused"
            )
            raise refusal(error.status, code, f"the WebSocket API answers {error.status}", []) from None
        except (aiohttp.ClientError, OSError) as error:
            raise Unreachable(f"{url}: {error}") from error

    async def follow(self, order_id: str, after: int = 0) -> AsyncGenerator[Json, None]:
        """Yields every event with a `seq` above `after`, once and in order, until the order ends.

        Reconnects when the connection is lost, and asks for the events that it missed. A gap, or a message that is not
        the engine's, such as API Gateway's own "Internal server error", is a lost connection too: an event may have
        been lost with it.
        """
        url = await self.websocket_url()
        clock = asyncio.get_running_loop().time
        lost_at: float | None = None
        pause, connected = 0.1, False
        while True:
            try:
                async with self.connection(url) as socket:
                    connected = True
                    await socket.send_json({"action": "subscribe", "orderId": order_id, "after": after})
                    async for message in socket:
                        event = _event(message, order_id, after)
                        lost_at, pause = None, 0.1
                        if event is None:
                            continue
                        after = event["seq"]
                        yield event
                        if event["status"] in FINAL:
                            return
                    raise Unreachable(f"{url}: the connection was closed")
            except (Refused, Unreachable) as error:
                lost_at = lost_at or clock()
                # Many clients may reconnect at the same time, more than the service admits at once.
                again = isinstance(error, Unreachable) or error.status >= 500 or (error.status == 429 and connected)
                if not again or clock() - lost_at > PATIENCE_SECONDS:
                    raise
            # Jitter, so that clients that were disconnected together do not all come back together.
            await asyncio.sleep(random.uniform(pause / 2, pause))
            pause = min(pause * 2, 5.0)


def _event(message: aiohttp.WSMessage, order_id: str, after: int) -> Json | None:
    """Returns the order's event after `after`, or `None` for any other event and for an answer to an action.

    Raises `Refused` for an error, and `Unreachable` for an event after a gap and for any other message.
    """
    try:
        received: Any = message.json()
    except (TypeError, ValueError):
        received = None
    match received:
        case {"orderId": str(order), "seq": int(seq), "status": str()}:
            if order != order_id or seq <= after:
                return None
            if seq > after + 1:
                raise Unreachable(f"expected event {after + 1} of order {order_id}, was event {seq}")
            return dict(received)
        case {"action": str()}:
            return None
        case {"error": {"code": str(code)}}:
            raise _refusal(STATUSES.get(code, 400), received)
    raise Unreachable(f"expected a message of the service, was {str(message.data)[:200]!r}")


def _refusal(status: int, body: Any) -> Refused | Unreachable:
    match body:
        case {"error": {"code": str(code), "message": str(message), "details": list(details)}}:
            return refusal(status, code, message, details)
    return Unreachable(f"expected an answer of the service, was {status}: {str(body)[:200]}")
