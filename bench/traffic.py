"""Sends orders at a steady rate and watches each to its end over a few WebSocket connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

import aiohttp

from order_engine_client import FINAL, AsyncClient, Refused, Unreachable
from order_engine_client.fields import Json

Via = Literal["rest", "websocket"]

ORDER: Json = {"tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", "slippageBps": 500}
CONNECTIONS = 20
"""The maximum number of connections. Each can listen to 100 running orders."""
PATIENCE = 120.0
"""Seconds after which an order counts as not ended."""


@dataclass
class Trace:
    """The times of an order, in seconds since the first order was due. `steps` use the service's clock.

    `due` is when the order should have been sent, so that a slow service or a slow machine cannot hide a delay.
    `outcome` is `confirmed` or an error code.
    """

    due: float
    accepted: float | None = None
    ended: float | None = None
    outcome: str = ""
    steps: dict[str, float] = field(default_factory=dict)
    events: list[Json] = field(default_factory=list)

    def take(self, event: Json, now: float) -> None:
        """Records an event. A repeated event is ignored."""
        if self.events and event["seq"] <= self.events[-1]["seq"]:
            return
        if self.events:
            spent = datetime.fromisoformat(event["at"]) - datetime.fromisoformat(self.events[-1]["at"])
            self.steps[event["status"]] = self.steps.get(event["status"], 0.0) + spent.total_seconds()
        self.events.append(event)
        if event["status"] in FINAL:
            self.ended = now
            self.outcome = event["data"]["code"] if event["status"] == "failed" else event["status"]


class Lane:
    """A connection that reconnects when it is lost, and then requests the missed events of its orders."""

    def __init__(self, engine: AsyncClient, url: str, clock: Callable[[], float]) -> None:
        self._engine = engine
        self._url = url
        self._clock = clock
        self._socket: aiohttp.ClientWebSocketResponse | None = None
        self.open = asyncio.Event()
        self._watched: dict[str, tuple[Trace, asyncio.Event]] = {}
        self._executing: tuple[Trace, asyncio.Future[asyncio.Event]] | None = None
        # An error does not name its message, so each message waits for the answer to the one before.
        self._turn = asyncio.Lock()

    @property
    def load(self) -> int:
        return len(self._watched) + self._turn.locked()

    async def run(self) -> None:
        while True:
            try:
                async with self._engine.connection(self._url) as self._socket:
                    for order_id in self._watched:
                        await self._subscribe(order_id)
                    self.open.set()
                    async for message in self._socket:
                        self._receive(message.json())
            except Unreachable:
                pass
            self.open.clear()
            await asyncio.sleep(0.2)

    async def watch(self, order_id: str, trace: Trace) -> None:
        """Subscribes to the order and returns when it has ended."""
        await self.open.wait()
        ended = self._watch(order_id, trace)
        # If the connection is lost now, the next one subscribes.
        with suppress(aiohttp.ClientError, OSError):
            await self._subscribe(order_id)
        await ended.wait()

    async def execute(self, order: Json, trace: Trace) -> None:
        """Submits the order, and returns when it has ended. Raises `Refused`."""
        async with self._turn:
            await self.open.wait()
            assert self._socket is not None
            answer: asyncio.Future[asyncio.Event] = asyncio.get_running_loop().create_future()
            self._executing = trace, answer
            try:
                await self._socket.send_json({"action": "execute", "type": "market", **order})
                ended = await answer
            finally:
                self._executing = None
        await ended.wait()

    def _watch(self, order_id: str, trace: Trace) -> asyncio.Event:
        ended = asyncio.Event()
        self._watched[order_id] = trace, ended
        return ended

    async def _subscribe(self, order_id: str) -> None:
        assert self._socket is not None
        trace, _ = self._watched[order_id]
        after = trace.events[-1]["seq"] if trace.events else 0
        await self._socket.send_json({"action": "subscribe", "orderId": order_id, "after": after})

    def _receive(self, message: Json) -> None:
        order_id = message.get("orderId", "")
        if order_id not in self._watched:
            self._answer(message)
        if order_id in self._watched:
            trace, ended = self._watched[order_id]
            trace.take(message, self._clock())
            if trace.outcome:
                ended.set()
                del self._watched[order_id]

    def _answer(self, message: Json) -> None:
        """Takes an error or the first event of an order as the answer to `execute`."""
        if self._executing is None or self._executing[1].done():
            return
        trace, answer = self._executing
        if "error" in message:
            answer.set_exception(Refused(0, message["error"]["code"], message["error"]["message"], []))
        # A repeated event of an order that ended before its connection was lost is no answer.
        elif message.get("status") == "pending":
            trace.accepted = self._clock()
            # At once, because the next event may already have arrived.
            answer.set_result(self._watch(message["orderId"], trace))


async def send(
    engine: AsyncClient, via: Via, orders: int, rate: float, tell: Callable[[Trace], None]
) -> tuple[list[Trace], float]:
    """Sends `orders` at `rate` a second, whether earlier ones have ended or not; returns their traces and the seconds.

    Calls `tell` with each trace when its order is accepted and when it has ended.
    """
    loop = asyncio.get_running_loop()
    started = loop.time()

    def clock() -> float:
        return loop.time() - started

    async with _lanes(engine, min(CONNECTIONS, orders), clock) as lanes:
        started = loop.time()

        async def one(trace: Trace) -> None:
            await asyncio.sleep(trace.due - clock())
            lane = min(lanes, key=lambda lane: lane.load)
            try:
                async with asyncio.timeout(PATIENCE):
                    if via == "websocket":
                        await lane.execute(ORDER, trace)
                    else:
                        accepted = await engine.submit(ORDER)
                        trace.accepted = clock()
                        tell(trace)
                        await lane.watch(accepted.order_id, trace)
            except Refused as error:
                trace.outcome = error.code
            except TimeoutError:
                trace.outcome = "NotEnded"
            except (Unreachable, aiohttp.ClientError, OSError):
                trace.outcome = "Unreachable"
            trace.ended = clock() if trace.ended is None else trace.ended
            tell(trace)

        traces = [Trace(number / rate) for number in range(orders)]
        await asyncio.gather(*map(one, traces))
        return traces, clock()


@asynccontextmanager
async def _lanes(engine: AsyncClient, number: int, clock: Callable[[], float]) -> AsyncIterator[list[Lane]]:
    url = await engine.websocket_url()
    lanes = [Lane(engine, url, clock) for _ in range(number)]
    running = [asyncio.create_task(lane.run()) for lane in lanes]
    opened = [asyncio.create_task(lane.open.wait()) for lane in lanes]
    try:
        for lane, first in zip(running, opened, strict=True):
            await asyncio.wait([lane, first], return_when=asyncio.FIRST_COMPLETED)
            if lane.done():
                lane.result()
        yield lanes
    finally:
        for task in [*running, *opened]:
            task.cancel()
        await asyncio.gather(*running, *opened, return_exceptions=True)
