"""A client of the engine's HTTP and WebSocket APIs."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

import aiohttp
from aiohttp import WSMsgType
from multidict import CIMultiDictProxy

from tests.support import descriptions as described
from tests.support.stack import Stack

Json = dict[str, Any]

FINAL = ("confirmed", "failed", "cancelled", "expired")
PATIENCE = 40.0
"""Seconds after which a test gives up waiting, even on a slow machine."""

ORDER: Json = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01"}


class TooSlow(Exception):
    """No answer came in time: from the target, or to its gateway."""


@asynccontextmanager
async def in_time(what: str) -> AsyncIterator[None]:
    """Raises `TooSlow` for what is not answered within `PATIENCE`, or with 504."""
    try:
        yield
    except TimeoutError as error:
        raise TooSlow(f"{what} was not answered in {PATIENCE:.0f} s") from error
    except aiohttp.WSServerHandshakeError as error:
        if error.status == 504:
            raise TooSlow(f"{what} was answered with 504") from error
        raise


@dataclass(frozen=True)
class Answer:
    status: int
    headers: CIMultiDictProxy[str]
    body: Any


class Socket:
    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    async def send(self, **message: Any) -> None:
        await self._socket.send_json(message)

    async def send_text(self, text: str) -> None:
        await self._socket.send_str(text)

    async def send_bytes(self, data: bytes) -> None:
        await self._socket.send_bytes(data)

    async def receive(self) -> Json:
        message = await self._socket.receive(PATIENCE)
        assert message.type is WSMsgType.TEXT, message
        received: Json = json.loads(message.data)
        described.check_message(received)
        return received

    async def closed(self) -> int | None:
        """Waits until the server closes the connection without sending anything; returns the close code."""
        message = await self._socket.receive(PATIENCE)
        assert message.type is WSMsgType.CLOSE, message
        return self._socket.close_code

    async def events(self, until: str | None = None) -> list[Json]:
        """Receives messages up to an event with that status, or up to the final event."""
        received = [await self.receive()]
        while received[-1].get("status") not in ((until,) if until else FINAL):
            received.append(await self.receive())
        return received

    async def drained(self) -> list[Json]:
        """Receives every message that the server sent before now."""
        await self.send(action="ping")
        received = [await self.receive()]
        while received[-1] != {"action": "pong"}:
            received.append(await self.receive())
        return received[:-1]


class Client:
    """A client of a stack. Without a key it sends no Authorization header."""

    def __init__(self, stack: Stack, session: aiohttp.ClientSession, key: str | None) -> None:
        self._stack = stack
        self._session = session
        self._key = {"Authorization": f"Bearer {key}"} if key else {}

    async def request(self, method: str, path: str, headers: Mapping[str, str] | None = None, **options: Any) -> Answer:
        headers = {**self._key, **(headers or {})}
        async with self._answer(method, path, headers=headers, **options) as response:
            body = await response.json()
            described.check_answer(method, path, response.status, response.headers, body)
            return Answer(response.status, response.headers, body)

    async def raw(self, method: str, path: str, headers: Mapping[str, str], **options: Any) -> tuple[int, bytes]:
        """Returns the status and the raw body."""
        headers = {**self._key, **headers}
        async with self._answer(method, path, headers=headers, **options) as response:
            return response.status, await response.read()

    @asynccontextmanager
    async def _answer(self, method: str, path: str, **options: Any) -> AsyncIterator[aiohttp.ClientResponse]:
        what = f"{method} {path}"
        async with (
            in_time(what),
            self._session.request(method, self._stack.rest + path, **options) as response,
        ):
            if response.status == 504:
                raise TooSlow(f"{what} was answered with 504")
            yield response

    async def get(self, path: str, **query: Any) -> Json:
        answer = await self.request("GET", path, params=query)
        assert answer.status == 200, answer
        body: Json = answer.body
        return body

    async def submit(self, **changes: Any) -> Json:
        """Submits an order and returns it."""
        answer = await self.request("POST", "/api/orders/execute", json={**ORDER, **changes})
        assert answer.status == 202, answer
        order: Json = answer.body
        return order

    async def order(self, order_id: str) -> Json:
        return await self.get(f"/api/orders/{order_id}")

    @asynccontextmanager
    async def connected(
        self, url: str | None = None, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Socket]:
        headers = {**self._key, **(headers or {})}
        async with in_time("a handshake"):
            socket = await self._session.ws_connect(url or self._stack.websocket, headers=headers)
        async with socket:
            yield Socket(socket)

    async def ended(self, order_id: str) -> Json:
        """Waits for the end of the order and returns it with its events."""
        async with self.connected() as socket:
            await socket.send(action="subscribe", orderId=order_id)
            await socket.events()
        return await self.order(order_id)

    async def executed(self, **changes: Any) -> Json:
        """Submits an order, waits for its end and returns it with its events."""
        return await self.ended((await self.submit(**changes))["orderId"])

    async def executions(self) -> list[Json]:
        async with self._session.get(f"{self._stack.endpoint}/_emulator/executions?limit=1000") as response:
            executions: list[Json] = (await response.json())["executions"]
        return executions


@asynccontextmanager
async def client(stack: Stack, key: str | None = "") -> AsyncIterator[Client]:
    """Opens a client with the stack's key, with another key, or with none (`None`)."""
    timeout = aiohttp.ClientTimeout(total=PATIENCE)
    async with aiohttp.ClientSession(timeout=timeout, connector=aiohttp.TCPConnector(limit=0)) as session:
        yield Client(stack, session, stack.key if key == "" else key)


class Until:
    """`async for _ in Until("ten orders run")` repeats until the loop is left, and fails after `PATIENCE` seconds."""

    def __init__(self, what: str) -> None:
        self._what = what
        self._give_up = asyncio.get_running_loop().time() + PATIENCE

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> None:
        if asyncio.get_running_loop().time() > self._give_up:
            raise AssertionError(f"expected that {self._what} by now")
        await asyncio.sleep(0.02)
