"""The simulated market of a fault run."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from order_engine.domain.errors import StoreUnavailable
from order_engine.simulation.faults import FAULTS, STEPS, set_fault
from order_engine.simulation.pools import VENUES
from tests.faults.arena import Arena, Evidence, Kill, Trade
from tests.support.market import Market
from tests.support.stack import Stack

PERCENT = 20
"""The percentage of a venue's answers that fail."""


class Simulated(Arena):
    """An `Arena` in the engine's own database."""

    options = ("--parameter", "MarketDriftBps=0")
    kills: Mapping[str, tuple[int, Kill]] = {}
    trades = (
        Trade("SOL", "USDC", "0.01", 500),
        Trade("USDC", "SOL", "1", 500),
        Trade("SOL", "RAY", "0.02", 500),
        Trade("JUP", "USDC", "3", 500),
        # These move the price past the limits and stops of others.
        Trade("SOL", "USDC", "1000", 500),
        Trade("USDC", "SOL", "170000", 500),
    )
    bound = 120.0
    orders: Market

    def open(self, stack: Stack) -> None:
        self.orders = Market(stack.parameters["DatabaseUrl"])
        self.orders.reset()

    def restart(self) -> None:
        """It runs on nothing but the database."""

    async def misbehave(self, chance: random.Random) -> None:
        """Makes about every fifth answer of a venue fail or time out, or a transaction slip or get lost."""
        while True:
            for step in STEPS:
                if chance.random() < 0.6:
                    venue, kind = chance.choice(VENUES), chance.choice(FAULTS[step])
                    with suppress(StoreUnavailable):
                        await asyncio.to_thread(set_fault, self.orders.database, venue, step, kind, None, PERCENT)
            await asyncio.sleep(0.5)

    async def hurry(self) -> None:
        """A transaction lands soon, or never."""

    def settle(self) -> None:
        self.orders.clear_faults()

    def swapped(self) -> Counter[str]:
        rows = self.orders.database.fetch("SELECT signature FROM market_transactions WHERE swapped")
        return Counter(row["signature"] for row in rows)

    def audit(self) -> Evidence:
        """Replays every swap."""
        if not self.orders.unfinished():
            self.orders.assert_in_order()
        return {}

    def rows(self) -> list[tuple[str, str]]:
        return []

    def close(self) -> None:
        """It ends with the database."""
