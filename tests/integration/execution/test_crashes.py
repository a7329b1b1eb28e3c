"""A limit order whose run dies at every point, one after the other: it is filled once, at its limit or better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any
from uuid import uuid4

import pytest

from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.money import BPS
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Limit
from order_engine.domain.transactions import Transaction
from order_engine.ports import ExecutionResult
from order_engine.services.dispatching import Dispatch
from order_engine.services.execution import Execution
from order_engine.simulation.faults import set_fault
from order_engine.simulation.pools import VENUES
from order_engine.storage.database import Database
from order_engine.storage.quotes import PostgresQuoteStore
from tests.support.crashes import Crash, CrashingOrders, CrashPoint, Line
from tests.support.databases import clean, pass_time
from tests.support.lifecycles import replayed
from tests.support.market_view import SimulatedMarket
from tests.support.open_orders import SOL, activate, open_order
from tests.support.state_walk import run_to_end

SELL = OrderRequest("market", "SOL", "USDC", 5_000 * SOL)
BUY = OrderRequest("market", "USDC", "SOL", 3_000_000 * 10**6)


class Countdown(CrashPoint):
    """Crashes at the point that is reached after `left` others."""

    def __init__(self, left: int) -> None:
        super().__init__()
        self.left = left

    def reached(self, point: str) -> None:
        self.left -= 1
        if self.left == -1:
            raise Crash


class Scene:
    """A limit order for one SOL whose least is what the market pays at first, and what its client has heard."""

    def __init__(self, database: Database, crash: Countdown, pause: float) -> None:
        self.database = database
        self.crash = crash
        self.pause = pause
        self.market = SimulatedMarket(database)
        self.store = CrashingOrders(database, crash)
        self.execution = Execution(
            orders=self.store,
            quotes=PostgresQuoteStore(database),
            router=lambda: self.market.router,
            chain=Line(self.market.chain, crash, []),
            publish=self.publish,
        )
        self.dispatch = Dispatch(orders=self.store, publish=self.publish, machine=self)
        least = self.market.router.best("SOL", "USDC", SOL, BPS)[0].amount_out
        request = OrderRequest("limit", "SOL", "USDC", SOL, 10_000, terms=Limit(min_out=least))
        self.order = open_order(database, request)
        database.execute("INSERT INTO subscriptions VALUES ('c1', %(id)s)", {"id": self.order.id})
        self.heard = [1]
        self.traded: set[str] = set()

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.crash.reached("before publication")
        self.heard += [event.seq for event in events if listeners and event.seq not in self.heard]

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        """Runs an execution to its end."""
        return run_to_end(self.execution, name, input, self.pass_time)

    def deliver(self) -> None:
        """Delivers the order's message until it is done. Everything dies at the crash; another run resumes later."""
        while True:
            try:
                return self.dispatch.run(self.order.id, str(uuid4()))
            except Crash:
                self.pass_time(self.pause)

    def lives(self) -> Status:
        """Activates the order and delivers its message, which may be the sweep's. Returns what becomes of the order."""
        moved = activate(self.database, self.store.get(self.order.id))
        with suppress(Crash):
            self.publish([moved.event], moved.listeners)
        self.deliver()
        return self.store.get(self.order.id).status

    def pass_time(self, seconds: float) -> None:
        self.market.clock.now += seconds
        pass_time(self.database, seconds)

    def trade(self, request: OrderRequest) -> None:
        self.traded |= self.market.trade(request)


@contextmanager
def nothing_wrong(scene: Scene) -> Iterator[None]:
    yield


@contextmanager
def slipping(scene: Scene) -> Iterator[None]:
    for venue in VENUES:
        set_fault(scene.database, venue, "submit", "slip")
    yield
    scene.market.clear_faults()


@contextmanager
def fallen(scene: Scene) -> Iterator[None]:
    scene.trade(SELL)
    yield
    scene.trade(BUY)


# Shorter and longer than a transaction lives.
@pytest.mark.parametrize("pause", [51.0, 130.0])
@pytest.mark.parametrize(("market", "first"), [(nothing_wrong, "confirmed"), (slipping, "open"), (fallen, "open")])
def test_an_order_is_filled_once_wherever_its_run_dies(
    database: Database,
    database_url: str,
    market: Callable[[Scene], Any],
    first: str,
    pause: float,
) -> None:
    points = 0
    while True:
        clean(database_url)
        scene = Scene(database, Countdown(points), pause)
        with market(scene):
            assert scene.lives() == first
        if first == "open":
            # WHEN the market pays the limit again.
            assert scene.lives() == "confirmed"
        order = scene.store.get(scene.order.id)
        events = scene.store.events(order.id)
        assert replayed([event.dump() for event in events]) is Status.CONFIRMED
        assert scene.heard == list(range(1, order.seq + 1))
        swaps = {signature: swap for signature, swap in scene.market.swaps().items() if signature not in scene.traded}
        assert order.limit_out is not None
        assert order.transaction is not None
        assert [*swaps] == [order.tx_hash] == [Transaction.load(order.transaction).signature]
        assert swaps[order.tx_hash or ""].amount_out >= order.limit_out
        assert scene.market.is_in_order()
        if scene.crash.left >= 0:
            break
        points += 1
    assert points > 8
