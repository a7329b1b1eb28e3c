"""Submission and standing orders on a real store, with a market of one pool."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from uuid import UUID

from order_engine.domain.errors import EngineError, InsufficientFunds
from order_engine.domain.events import Event
from order_engine.domain.orders import Order, OrderRequest
from order_engine.services.routing import Router
from order_engine.services.standing import Standing
from order_engine.services.starting import Starting
from order_engine.services.submission import Submission
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.standing_orders import PostgresStandingOrders
from tests.support.fakes import FakeOrderQueue, FakeRateLimit, FakeVenue
from tests.support.orders import CLIENT, REQUEST


class FakeWallet:
    """A wallet that can pay for anything, or for nothing."""

    address = "wallet"

    def __init__(self) -> None:
        self.error: EngineError | None = None

    def balances(self) -> dict[str, int]:
        raise AssertionError("nobody asks for the balances")

    def check(self, token_in: str, amount_in: int) -> None:
        if self.error is not None:
            raise self.error

    def empty(self) -> None:
        self.error = InsufficientFunds("expected 1.5 SOL, was 1 SOL")


class Desk:
    """What a client can do with orders that wait. The market pays 180 USDC for one SOL: 270 USDC for 1.5 SOL."""

    def __init__(self, database: Database) -> None:
        self.orders = PostgresOrderStore(database)
        self.open_orders = PostgresOpenOrders(database)
        self.venue = FakeVenue("pool", 270_000_000)
        self.queue = FakeOrderQueue()
        self.rate_limit = FakeRateLimit()
        self.wallet = FakeWallet()
        self.published: list[Event] = []
        self.heard: list[tuple[str, UUID, int]] = []
        self.warnings: list[str] = []
        self.woken = 0
        self.wake_error: Exception | None = None
        router = Router(self.venue)
        self.standing = Standing(
            orders=self.orders,
            standing=PostgresStandingOrders(database),
            open_orders=self.open_orders,
            router=lambda: router,
            starting=Starting(
                open_orders=self.open_orders, publish=self.publish, queue=self.queue, warn=self.warnings.append
            ),
            rate_limit=self.rate_limit,
            publish=self.publish,
            wake=self.wake,
            warn=self.warnings.append,
        )
        self.submission = Submission(
            orders=self.orders,
            quotes=PostgresQuoteStore(database),
            publish=self.publish,
            queue=self.queue,
            rate_limit=self.rate_limit,
            warn=self.warnings.append,
            standing=lambda: self.standing,
            wallet=self.wallet,
        )

    def pays(self, price: str) -> None:
        """Moves the market to this price, in whole USDC for one SOL."""
        self.venue.amount_out = int(Decimal(price) * REQUEST.amount_in / 1_000)

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.published += events
        self.heard += [(listener, event.order_id, event.seq) for event in events for listener in listeners]

    def wake(self) -> None:
        self.woken += 1
        if self.wake_error is not None:
            raise self.wake_error

    def submit(
        self, request: OrderRequest, key: str | None = None, connection_id: str | None = None
    ) -> tuple[Order, bool]:
        return self.submission.submit(request, CLIENT, key, connection_id)
