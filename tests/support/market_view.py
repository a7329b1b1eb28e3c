"""The simulated market of the property test."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from order_engine.domain.errors import EngineError
from order_engine.domain.ids import uuid7
from order_engine.domain.money import BPS
from order_engine.domain.orders import OrderRequest
from order_engine.domain.transactions import Transaction
from order_engine.simulation.chain import SimulatedChain
from order_engine.simulation.faults import FAULTS, clear_faults, set_fault
from order_engine.simulation.market import Latency
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from tests.support.simulation import Clock, market_of, pools, replayed, router_on, settings


@dataclass(frozen=True)
class Swap:
    """The amounts that a swap moved, in base units."""

    token_in: str
    amount_in: int
    amount_out: int


class SimulatedMarket:
    """The venues and the chain on a clock that the test moves, and the recorded swaps.

    A transaction that has landed is confirmed two seconds later.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self.clock = Clock()
        self.names = VENUES
        self.faults = FAULTS
        market = market_of(database, self.clock, latency=Latency(confirm=(2, 2)))
        self.router = router_on(market)
        self.chain = SimulatedChain(market)
        self._start = settings(database)

    def fault(self, venue: str, step: str, kind: str) -> None:
        set_fault(self._database, venue, step, kind, times=1)

    def clear_faults(self) -> None:
        clear_faults(self._database)

    def trade(self, request: OrderRequest) -> set[str]:
        """Swaps for somebody else, which moves the price. Returns the signature."""
        quote = self.router.best(request.token_in, request.token_out, request.amount_in, BPS)[0]
        transaction = self.chain.build(quote, 0, uuid7())
        with suppress(EngineError):
            self.chain.submit(transaction)
        return {transaction.signature}

    def swaps(self) -> dict[str, Swap]:
        """Returns the swaps by signature."""
        rows = self._database.fetch("SELECT * FROM market_transactions WHERE swapped")
        return {
            row["signature"]: Swap(row["swaps"][0]["token_in"], int(row["amount_in"]), int(row["amount_out"]))
            for row in rows
        }

    def is_in_order(self) -> bool:
        """Returns whether replaying the recorded swaps gives the current pools. Fails if a swap paid another amount."""
        return replayed(self._database, self._start) == pools(self._database)


def min_out(transaction: dict[str, Any]) -> int:
    return Transaction.load(transaction).min_out
