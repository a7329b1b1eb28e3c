"""What the property test needs of the market: the one part of it that knows what pools and transactions look like."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from order_engine.domain.errors import EngineError
from order_engine.domain.orders import OrderRequest
from order_engine.storage.database import Database
from order_engine.venues import simulated
from order_engine.venues.base import Transaction, Venue
from order_engine.venues.simulated import VENUES, Latency, SimulatedVenue

Units = Counter[tuple[str, str]]
"""Base units by venue's pair and token: `("raydium:SOL-USDC", "SOL")`."""


@dataclass(frozen=True)
class Swap:
    """What a transaction that was swapped really moved, in base units."""

    token_in: str
    amount_in: int
    amount_out: int


class SimulatedMarket:
    """The venues, on a clock that is moved by hand, and what is on record of them."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.now = 1_000_000.0
        self.names = VENUES
        self.steps = simulated.STEPS
        self.venues: list[Venue] = [
            SimulatedVenue(name, database, Latency(deadline=0), 0, lambda: self.now, lambda seconds: None)
            for name in VENUES
        ]

    def fault(self, venue: str, step: str, kind: str) -> None:
        simulated.set_fault(self._database, venue, step, kind, times=1)

    def clear_faults(self) -> None:
        simulated.clear_faults(self._database)

    def trade(self, request: OrderRequest) -> set[str]:
        """Somebody else swaps, and the price moves. The signature."""
        venue = self.venues[0]
        quote = venue.quote(request.token_in, request.token_out, request.amount_in)
        transaction = venue.build(quote, 0)
        with suppress(EngineError):
            venue.submit(transaction)
        return {transaction.signature}

    def swaps(self) -> dict[str, Swap]:
        """By signature."""
        rows = self._database.fetch("SELECT * FROM market_transactions WHERE swapped")
        return {row["signature"]: _swap(row) for row in rows}

    def units(self) -> Units:
        """What the pools hold and what traders were paid, less what they have paid: must never change."""
        found: Units = Counter()
        for row in self._database.fetch("SELECT * FROM market_pools"):
            pool = f"{row['venue']}:{row['token_a']}-{row['token_b']}"
            found[pool, row["token_a"]] += int(row["reserve_a"])
            found[pool, row["token_b"]] += int(row["reserve_b"])
        for row in self._database.fetch("SELECT * FROM market_transactions WHERE swapped"):
            a, b = sorted((row["token_in"], row["token_out"]))
            found[f"{row['venue']}:{a}-{b}", row["token_in"]] -= int(row["amount_in"])
            found[f"{row['venue']}:{a}-{b}", row["token_out"]] += int(row["amount_out"])
        return found


def min_out(transaction: dict[str, Any]) -> int:
    return Transaction.from_json(transaction).min_out


def _swap(row: dict[str, Any]) -> Swap:
    return Swap(row["token_in"], int(row["amount_in"]), int(row["amount_out"]))
