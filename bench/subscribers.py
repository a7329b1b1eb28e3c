"""Measures a thousand WebSocket connections, each of which must get every event of its order once and in order."""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from typing import Any

import aiohttp

from bench.meters import by_kind, held
from bench.orders import events, submit
from bench.paired import settle
from bench.stack import ENGINE, KEY, fresh_stack
from bench.table import print_table

AT_ONCE = 20
"""How many clients connect, submit or subscribe at once."""
GROUPS = (50, 1)
"""How many connections listen to one order. The first kind listens while the order runs for seconds."""


def measure_subscribers(connections: int) -> None:
    """Prints a row for each size of `GROUPS`. Raises `RuntimeError` for an event that is missing, doubled or late."""
    realistic = [option.replace("MarketLatency=instant", "MarketLatency=realistic") for option in ENGINE]
    rows = []
    for group, options in zip(GROUPS, (realistic, ENGINE), strict=True):
        with fresh_stack(*options) as stack:
            settle(stack)
            rows.append([f"{connections:,}, {group} of each order", *asyncio.run(_watch(stack, connections, group))])
    columns = ["connected, s", "kB each", "… in the emulator", "events", "all subscribed, s", "last event, s", "lost"]
    print_table(["WebSocket connections", *columns], rows)


class _Subscriber:
    """A connection that listens to one order. If it is lost it connects again and asks for the rest, as clients do."""

    def __init__(self, session: aiohttp.ClientSession, url: str, turn: asyncio.Semaphore) -> None:
        self._session = session
        self._url = url
        self._turn = turn
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.received: list[dict[str, Any]] = []
        self.connected = 0
        self.subscribed = 0.0

    async def connect(self) -> aiohttp.ClientWebSocketResponse:
        async with self._turn:
            self._socket = await self._session.ws_connect(self._url)
        self.connected += 1
        return self._socket

    async def listen(self, id: str) -> None:
        """Takes the events of an order until it is confirmed."""
        while not self.received or self.received[-1]["status"] != "confirmed":
            with suppress(ConnectionResetError):
                socket = self._socket if self._socket and not self._socket.closed else await self.connect()
                following = events(socket, id)
                async with self._turn:
                    after = self.received[-1]["seq"] if self.received else 0
                    await socket.send_json({"action": "subscribe", "orderId": id, "after": after})
                    self.received.append(await anext(following))
                self.subscribed = self.subscribed or time.perf_counter()
                async for event in following:
                    self.received.append(event)


async def _watch(stack: dict[str, Any], connections: int, group: int) -> list[str]:
    """Connects, then submits the orders and subscribes to them. The figures of a row."""
    headers, turn = {"Authorization": f"Bearer {KEY}"}, asyncio.Semaphore(AT_ONCE)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), headers=headers) as session:
        warm, everyone = (
            [_Subscriber(session, stack["websocket"], turn) for _ in range(count)] for count in (AT_ONCE, connections)
        )

        async def follow(subscribers: list[_Subscriber]) -> None:
            async with turn:
                id = await submit(session, stack["rest"])
            await asyncio.gather(*(subscriber.listen(id) for subscriber in subscribers))

        # The functions' environments start.
        await asyncio.gather(*(subscriber.connect() for subscriber in warm))
        before, started = by_kind(held(stack).memory), time.perf_counter()
        await asyncio.gather(*(subscriber.connect() for subscriber in everyone))
        connected, after = time.perf_counter() - started, by_kind(held(stack).memory)
        grown = {kind: (after[kind] - before[kind]) / 1000 / connections for kind in after}

        started = time.perf_counter()
        await asyncio.gather(*(follow(everyone[at : at + group]) for at in range(0, connections, group)))
        ended = time.perf_counter()
    for subscriber in everyone:
        check(subscriber.received)
    return [
        f"{connected:.1f}",
        f"{sum(grown.values()):.0f}",
        f"{grown['emulator']:.0f}",
        str(sum(len(subscriber.received) for subscriber in everyone)),
        f"{max(subscriber.subscribed for subscriber in everyone) - started:.1f}",
        f"{ended - started:.1f}",
        str(sum(subscriber.connected - 1 for subscriber in everyone)),
    ]


def check(received: list[dict[str, Any]]) -> None:
    """Raises `RuntimeError` unless these are all events of an order in their order."""
    if (was := [event["seq"] for event in received]) != (expected := [*range(1, len(received) + 1)]):
        raise RuntimeError(f"expected the events {expected}, was {was}")
