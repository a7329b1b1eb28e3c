"""Venues and a chain that do what a test tells them to."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import EngineError
from order_engine.domain.orders import Event
from order_engine.domain.swaps import Fill, Quote, Transaction
from order_engine.execution import Execution
from order_engine.quoting import Quoting
from order_engine.storage.database import Database
from order_engine.storage.orders import OrderStore
from order_engine.storage.quotes import QuoteStore
from order_engine.venues.base import Chain, PoolList, Venue
from tests.integration.support import REQUEST


@dataclass
class FakeVenue:
    """Has one pool, which pays `amount_out` for `REQUEST`. `answers` waits before it lists it, if there is one."""

    name: str
    amount_out: int = 1_000
    refusal: EngineError | None = None
    answers: threading.Event | None = None
    depth: int = 10**6
    unusable: dict[str, EngineError] = field(default_factory=dict)

    def pools(self, tokens: Sequence[str]) -> PoolList:
        if self.answers is not None:
            assert self.answers.wait(60)
        if self.refusal is not None:
            raise self.refusal
        if not self.amount_out:
            return PoolList([], self.unusable)
        # y · a / (x + a) is exact for x = depth · a.
        pool = RaydiumAmmV4(REQUEST.amount_in * self.depth, self.amount_out * (self.depth + 1), 0, 1)
        return PoolList([Listing(f"{self.name}-pool", self.name, "SOL", "USDC", 7, pool)], self.unusable)


@dataclass
class FakeChain:
    """Keeps what it was sent, and fills it: with `filled`, or as quoted."""

    filled: int = 0
    sent: list[str] = field(default_factory=list)

    def build(self, quote: Quote, min_out: int) -> Transaction:
        self._quoted_out = quote.amount_out
        signature = f"{quote.venue}-{time.monotonic_ns()}"
        return Transaction(
            *(signature, quote.venue, quote.token_in, quote.token_out, quote.amount_in, min_out, quote.swaps),
            last_valid_slot=2**40,
        )

    def submit(self, transaction: Transaction) -> None:
        self.sent.append(transaction.signature)

    def confirm(self, transaction: Transaction) -> Fill | None:
        if transaction.signature not in self.sent:
            return None
        return Fill(transaction.signature, transaction.amount_in, self.filled or self._quoted_out, 8)


def fake_execution(
    database: Database,
    *venues: Venue,
    chain: Chain | None = None,
    deadline: float = 10,
    publish: Callable[[Event, Sequence[str]], None] = lambda event, listeners: None,
) -> Execution:
    quoting = Quoting(venues, deadline)
    return Execution(OrderStore(database), QuoteStore(database), quoting, chain or FakeChain(), publish)
