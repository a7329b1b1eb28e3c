"""Fakes of the ports: venues, a chain, quotes, a queue, a rate limit and WebSocket connections."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import EngineError, QuoteNotFound
from order_engine.domain.quotes import NO_COSTS, Costs, Offer, Quote
from order_engine.domain.transactions import Fill, Transaction
from order_engine.ports import (
    QUEUE_BATCH,
    Allowance,
    Chain,
    ConnectionGone,
    ConnectionRefused,
    PoolList,
    Publish,
    Venue,
)
from order_engine.services.execution import Execution
from order_engine.services.routing import Router
from order_engine.services.standing import Standing
from order_engine.services.venues import Venues
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from tests.support.orders import REQUEST


@dataclass
class FakeVenue:
    """A venue with one pool, which pays `amount_out` for `REQUEST`. It waits for the event `answers`, if given."""

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
    """A chain that keeps the transactions it gets and fills them with `filled`, or as quoted."""

    filled: int = 0
    sent: list[str] = field(default_factory=list)

    def costs(self, quote: Quote) -> Costs:
        return NO_COSTS

    def build(self, quote: Quote, min_out: int, order_id: UUID) -> Transaction:
        self._quoted_out = quote.amount_out
        signature = f"{quote.venue}-{time.monotonic_ns()}"
        return Transaction.of(quote, min_out, signature=signature, last_valid_height=2**40, instructions=[])

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
    publish: Publish = lambda events, listeners: None,
) -> Execution:
    router = Router(Venues(venues, deadline))
    return Execution(
        orders=PostgresOrderStore(database),
        quotes=PostgresQuoteStore(database),
        router=lambda: router,
        chain=chain or FakeChain(),
        publish=publish,
    )


def no_standing() -> Standing:
    raise AssertionError("a market order does not wait")


class FakeQuoteStore:
    """Offers in memory. They belong to the client that inserts them."""

    def __init__(self) -> None:
        self._offers: dict[UUID, tuple[UUID, Offer]] = {}

    def insert(self, client_id: UUID, offer: Offer) -> None:
        self._offers[offer.id] = client_id, offer

    def get(self, id: UUID) -> Offer:
        if id not in self._offers:
            raise QuoteNotFound(f"no quote with id {id}")
        return self._offers[id][1]

    def owned(self, client_id: UUID, id: UUID) -> Offer:
        offer = self.get(id)
        if self._offers[id][0] != client_id:
            raise QuoteNotFound(f"no quote with id {id}")
        return offer

    def delete_expired(self, limit: int) -> int:
        expired = [id for id, (_, offer) in self._offers.items() if offer.quote.expires_at <= time.time()][:limit]
        for id in expired:
            del self._offers[id]
        return len(expired)


@dataclass
class FakeOrderQueue:
    """Keeps the orders that are enqueued. Fails while `down`; `waiting` says that it is not empty."""

    waiting: bool = False
    enqueued: list[UUID] = field(default_factory=list)
    down: bool = False

    def enqueue(self, order_id: UUID, published_seq: int = 0) -> None:
        if self.down:
            raise ConnectionError("no queue")
        self.enqueued.append(order_id)

    def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
        assert 0 < len(published) <= QUEUE_BATCH
        for order_id, seq in published.items():
            self.enqueue(order_id, seq)
        return []

    def is_empty(self) -> bool:
        return not self.waiting


@dataclass
class FakeRateLimit:
    """Makes every client wait for `wait` seconds."""

    wait: float = 0
    what: str = "order"
    per_minute: int = 100

    def take(self, client_id: UUID) -> float:
        return self.wait

    def left(self, client_id: UUID) -> Allowance | None:
        return None


@dataclass
class Connections:
    """WebSocket connections that keep the messages they get.

    Connections in `gone` and `refusing` accept none; those in `lasting` cannot be closed.
    """

    sent: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    gone: set[str] = field(default_factory=set)
    refusing: set[str] = field(default_factory=set)
    lasting: set[str] = field(default_factory=set)
    closed: list[str] = field(default_factory=list)

    def send(self, connection_id: str, message: dict[str, Any]) -> None:
        if connection_id in self.gone:
            raise ConnectionGone(connection_id)
        if connection_id in self.refusing:
            raise ConnectionRefused("expected status 200, was 500")
        self.sent.append((connection_id, message))

    def is_open(self, connection_id: str) -> bool:
        return connection_id not in self.gone

    def close(self, connection_id: str) -> None:
        if connection_id in self.lasting:
            raise ConnectionRefused("expected status 204 or 410, was 500")
        self.closed.append(connection_id)

    def to(self, connection_id: str) -> list[dict[str, Any]]:
        return [message for to, message in self.sent if to == connection_id]
