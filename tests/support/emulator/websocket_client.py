"""Serves a WebSocket API to clients."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import aiohttp
import uvloop
from multidict import CIMultiDict
from wsproto.connection import Connection
from wsproto.events import TextMessage

from emulator.apigateway.records import Authorizer, WebSocketApi
from emulator.apigateway.websocket_api import WebSocketGateway
from emulator.apigateway.websocket_connection import Limits
from tests.support.emulator.gateways import Event, Functions, serving

OK = {"statusCode": 200}
ROUTES = {"$connect": "connect", "$disconnect": "disconnect", "$default": "default"}


def ok(event: Event) -> Event:
    return OK


class Setting:
    """A served gateway, its functions and a client."""

    def __init__(self, port: int, session: aiohttp.ClientSession, functions: Functions, gateway: WebSocketGateway):
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.session = session
        self.functions = functions
        self.gateway = gateway

    async def connect(self, path: str = "/v1", **options: Any) -> aiohttp.ClientWebSocketResponse:
        socket: aiohttp.ClientWebSocketResponse = await self.session.ws_connect(self.url + path, **options)
        return socket

    async def connected(self, path: str = "/v1", **options: Any) -> tuple[aiohttp.ClientWebSocketResponse, str]:
        """Returns a connection and its identifier."""
        socket = await self.connect(path, **options)
        identifier: str = self.of("CONNECT")[-1]["requestContext"]["connectionId"]
        return socket, identifier

    async def refused(self, path: str = "/v1", **options: Any) -> tuple[int, CIMultiDict[str], Any]:
        headers = {
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
            **options.pop("headers", {}),
        }
        async with self.session.get(self.url + path, headers=headers, **options) as response:
            return response.status, CIMultiDict(response.headers), await response.json()

    async def manage(self, method: str, identifier: str, data: bytes = b"") -> tuple[int, CIMultiDict[str], bytes]:
        target = f"{self.url}/v1/@connections/{quote(identifier, safe='')}"
        async with self.session.request(method, target, data=data) as response:
            return response.status, CIMultiDict(response.headers), await response.read()

    def of(self, event_type: str) -> list[Event]:
        return [event for event in self.functions.events if event["requestContext"].get("eventType") == event_type]

    async def disconnected(self) -> Event:
        """Waits for the `$disconnect` event and returns it."""
        await self.functions.until(lambda: bool(self.of("DISCONNECT")))
        return self.of("DISCONNECT")[0]


def run(
    scenario: Callable[[Setting], Any],
    *,
    routes: dict[str, str] | None = None,
    expression: str = "$request.body.action",
    authorizer: Authorizer | None = None,
    limits: Limits | None = None,
    timeout: float = 29,
    clock: Callable[[], float] = time.monotonic,
    **functions: Callable[[Event], Any],
) -> Any:
    async def main() -> Any:
        lambda_ = Functions(**{"connect": ok, "disconnect": ok, "default": ok, **functions})
        api = WebSocketApi("Sockets", "v1", ROUTES if routes is None else routes, expression, authorizer)
        gateway = WebSocketGateway(api, lambda_, limits, timeout, clock)
        async with serving(gateway.handle) as port, aiohttp.ClientSession() as session:
            try:
                return await scenario(Setting(port, session, lambda_, gateway))
            finally:
                await gateway.close(5)

    return uvloop.run(main())


async def raw_client(at: Setting) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connects a client that reads only as much as fits into its small buffer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", at.port, limit=1024)
    writer.write(HANDSHAKE)
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


def send_fragments(writer: asyncio.StreamWriter, client: Connection, fragments: list[str]) -> None:
    """Sends one message, each fragment in a frame of its own."""
    for number, fragment in enumerate(fragments, 1):
        writer.write(client.send(TextMessage(data=fragment, message_finished=number == len(fragments))))


HANDSHAKE = (
    b"GET /v1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)
