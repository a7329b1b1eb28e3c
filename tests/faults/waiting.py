"""Clients with orders that wait: for prices close to the market's, in slices, and for prices that they replace."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Context, Decimal
from typing import NamedTuple

from tests.faults.traders import LOST, PAUSE, Trader
from tests.support.client import Json

DIGITS = Context(prec=10)

EXPIRY_SECONDS = (5.0, 30.0)
ACTION_SECONDS = (0.0, 10.0)
"""The shortest and longest time until an order expires, and until its client replaces or cancels it."""


def at(price: Decimal, factor: float) -> str:
    return format(DIGITS.create_decimal(price * Decimal(factor)), "f")


def soon(chance: random.Random) -> str:
    return (datetime.now(UTC) + timedelta(seconds=chance.uniform(*EXPIRY_SECONDS))).isoformat()


class Kind(NamedTuple):
    """An order's terms for a price of the market, and what its client does with it: `replace`, `cancel` or `wait`."""

    terms: Callable[[Decimal, random.Random], Json]
    then: str = "wait"


KINDS = {
    "limits near the market": Kind(
        lambda price, chance: {"type": "limit", "limitPrice": at(price, 1 + chance.uniform(-0.0005, 0.0005))}
    ),
    "limits that are replaced": Kind(lambda price, _: {"type": "limit", "limitPrice": at(price, 1.5)}, "replace"),
    "limits that are cancelled": Kind(lambda price, _: {"type": "limit", "limitPrice": at(price, 1.5)}, "cancel"),
    "limits that expire": Kind(
        lambda price, chance: {"type": "limit", "limitPrice": at(price, 1.5), "expiresAt": soon(chance)}
    ),
    "stops near the market": Kind(
        lambda price, chance: {"type": "stop", "stopPrice": at(price, 0.9998), "confirmTicks": chance.choice([1, 2])}
    ),
    "stops with a limit": Kind(
        lambda price, chance: {"type": "stop", "stopPrice": at(price, 0.9998), "limitPrice": at(price, 0.9997)}
    ),
    "pairs": Kind(
        lambda price, chance: {"type": "oco", "limitPrice": at(price, 1.0003), "stopPrice": at(price, 0.9997)},
    ),
    "pairs that are replaced": Kind(
        lambda price, chance: {"type": "oco", "limitPrice": at(price, 1.3), "stopPrice": at(price, 0.7)}, "replace"
    ),
    "recurring orders": Kind(
        lambda price, chance: {"type": "recurring", "slices": 3, "intervalSeconds": chance.choice([1, 3])}
    ),
}


@dataclass
class WaitingTrader(Trader):
    """A client whose order waits. Once it is `closing`, the client cancels what still waits, but for recurring orders.

    `acted` says that it has done before what it does with such an order.
    """

    kind: Kind = KINDS["limits near the market"]
    chance: random.Random = field(default_factory=random.Random)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    acted: bool = False

    @property
    def name(self) -> str:
        return next(name for name, kind in KINDS.items() if kind is self.kind)

    @property
    def is_ready(self) -> bool:
        return self.acted or bool(self.ended)

    async def run(self, pause: float) -> None:
        await self.submit(pause)
        acting = asyncio.ensure_future(self._act())
        try:
            await self.watch()
        finally:
            acting.cancel()
        if self.linked_id is not None:
            # It waits on if this one has failed.
            await self._insist("DELETE", self.linked_id)

    async def form(self) -> Json:
        return {**await super().form(), **self.kind.terms(await self._price(), self.chance)}

    async def _act(self) -> None:
        await asyncio.sleep(self.chance.uniform(*ACTION_SECONDS))
        match self.kind.then:
            case "replace":
                await self._insist("PATCH", self.order_id, lambda price: {"limitPrice": at(price, 0.97)})
            case "cancel":
                await self._insist("DELETE", self.order_id)
        self.acted = True
        await self.closing.wait()
        while self.kind is not KINDS["recurring orders"]:
            # An order that runs may wait again.
            await self._insist("DELETE", self.order_id)
            await asyncio.sleep(PAUSE)

    async def _insist(self, method: str, id: str | None, body: Callable[[Decimal], Json] | None = None) -> None:
        """Asks until the answer says that it was done, or that it is too late."""
        while True:
            try:
                json = body and body(await self._price())
                url = f"{self.stack().rest}/api/orders/{id}"
                async with self.session.request(method, url, json=json) as response:
                    if response.status in (200, 409):
                        return
            except LOST:
                pass
            await asyncio.sleep(PAUSE)

    async def _price(self) -> Decimal:
        """What the market pays for the order now, in whole output tokens for one input token of the order's amount.

        The quote's own price leaves out what a route does not spend.
        """
        query = {"tokenIn": self.trade.token_in, "tokenOut": self.trade.token_out, "amountIn": self.trade.amount}
        while True:
            try:
                async with self.session.get(f"{self.stack().rest}/api/quotes", params=query) as response:
                    if response.status == 200:
                        offer = await response.json()
                        return Decimal(offer["amountOut"]) / Decimal(offer["amountIn"])
            except LOST:
                pass
            await asyncio.sleep(PAUSE)
