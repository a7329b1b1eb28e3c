"""Clients that follow docs/api.md: they retry, reconnect, and ask for missed events."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import uuid4

import aiohttp

from tests.faults.arena import Trade
from tests.support.client import FINAL, Json
from tests.support.stack import Stack

PAUSE = 0.3
"""Seconds before a client retries."""

LOST = (aiohttp.ClientError, TimeoutError, ConnectionError)


@dataclass
class Trader:
    """A client with one order, through every interruption. `refusal` is the last one."""

    stack: Callable[[], Stack]
    session: aiohttp.ClientSession
    trade: Trade
    order_id: str | None = None
    linked_id: str | None = None
    events: list[Json] = field(default_factory=list)
    accepted: float = 0.0
    ended: float = 0.0
    refusals: int = 0
    refusal: str | None = None
    unanswered: int = 0
    connections: int = 0
    repeats: int = 0
    problem: str | None = None

    @property
    def is_ready(self) -> bool:
        """Whether it only waits for the order's end."""
        return self.order_id is not None

    async def run(self, pause: float) -> None:
        await self.submit(pause)
        await self.watch()

    async def watch(self) -> None:
        """Reads the order's events until it has ended."""
        while not self.ended:
            try:
                await self._watch()
            except LOST:
                await asyncio.sleep(PAUSE)

    async def form(self) -> Json:
        """What the client asks for."""
        return {
            "type": "market",
            "tokenIn": self.trade.token_in,
            "tokenOut": self.trade.token_out,
            "amountIn": self.trade.amount,
            "slippageBps": self.trade.slippage_bps,
        }

    async def submit(self, pause: float) -> None:
        """Asks until the order is accepted."""
        await asyncio.sleep(pause)
        key = str(uuid4())
        order: Json | None = None
        while self.order_id is None:
            try:
                order = order or {**await self.form(), "clientOrderId": key}
                url = f"{self.stack().rest}/api/orders/execute"
                async with self.session.post(url, json=order, headers={"Idempotency-Key": key}) as response:
                    if response.status == 202:
                        self.order_id, self.linked_id = map((await response.json()).get, ("orderId", "linkedOrderId"))
                        self.accepted = time.monotonic()
                        return
                    if response.status == 400:
                        # The market has moved past its stop.
                        order = None
                    self.refusals += 1
                    self.refusal = await response.text()
            except LOST:
                self.unanswered += 1
            await asyncio.sleep(PAUSE)

    async def _watch(self) -> None:
        """Reads events over one connection until it is lost or the order has ended."""
        async with self.session.ws_connect(self.stack().websocket) as socket:
            self.connections += 1
            await socket.send_json({"action": "subscribe", "orderId": self.order_id, "after": len(self.events)})
            async for message in socket:
                if message.type is not aiohttp.WSMsgType.TEXT:
                    return
                event = message.json()
                if "seq" not in event:
                    # The subscription failed because a part was down.
                    await asyncio.sleep(PAUSE)
                    return
                self._take(event)
                if event["status"] in FINAL:
                    self.ended = time.monotonic()
                    return

    def _take(self, event: Json) -> None:
        expected = len(self.events) + 1
        if event["seq"] == expected:
            self.events.append(event)
        elif event["seq"] > expected:
            self.problem = f"expected event {expected}, was {event['seq']}"
        elif event != self.events[event["seq"] - 1]:
            self.problem = f"expected event {event['seq']} as before, was another"
        else:
            self.repeats += 1
