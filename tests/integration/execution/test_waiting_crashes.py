"""Orders that wait while everything that handles them dies at every point, one after the other.

A request, a tick of the watcher or a run dies before or after one of its calls to a store, the queue, the chain or its
clients. The client repeats its request, another watcher takes over, and the sweep finds what is left.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any
from uuid import UUID, uuid4

import pytest

from order_engine.api.order_forms import parse_changes
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import FINAL, Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.ports import ExecutionResult
from order_engine.services.dispatching import Dispatch, ExecutionFailed
from order_engine.services.execution import Execution
from order_engine.services.standing import Standing
from order_engine.services.starting import Starting
from order_engine.services.submission import Submission
from order_engine.storage.database import Database
from order_engine.storage.open_orders import PostgresOpenOrders
from order_engine.storage.orders import PostgresOrderStore
from order_engine.storage.quotes import PostgresQuoteStore
from order_engine.storage.standing_orders import PostgresStandingOrders
from tests.support.crashes import Crash
from tests.support.databases import clean, pass_time
from tests.support.fakes import FakeOrderQueue, FakeRateLimit
from tests.support.fragile import Death, Fragile
from tests.support.lifecycles import replayed
from tests.support.market_view import SimulatedMarket
from tests.support.open_orders import SOL, limit, recurring, sniper, stop
from tests.support.orders import CLIENT
from tests.support.state_walk import run_to_end
from tests.support.watching import tick, watcher_on

SELL = OrderRequest("market", "SOL", "USDC", 20_000 * SOL)
BUY = OrderRequest("market", "USDC", "SOL", 3_400_000 * 10**6)
A_WHILE = 61.0
"""Seconds after which every lease is over, and every transaction that was not sent is dead."""


class Scene:
    """The engine with ports that may die, and a client that listens to all its orders."""

    def __init__(self, database: Database, death: Death) -> None:
        self.database = database
        self.death = death
        self.market = SimulatedMarket(database)
        self.queue = FakeOrderQueue()
        self.heard: dict[UUID, set[int]] = {}
        self.traded: set[str] = set()
        self.sees = PostgresOrderStore(database)
        orders: Any = Fragile(self.sees, death)
        queue: Any = Fragile(self.queue, death)
        chain: Any = Fragile(self.market.chain, death)
        self.open_orders: Any = Fragile(PostgresOpenOrders(database), death)
        self.standing = Standing(
            orders=orders,
            standing=Fragile(PostgresStandingOrders(database), death),
            open_orders=self.open_orders,
            router=lambda: self.market.router,
            starting=Starting(open_orders=self.open_orders, publish=self.publish, queue=queue, warn=pytest.fail),
            publish=self.publish,
            wake=lambda: None,
            rate_limit=FakeRateLimit(),
            warn=pytest.fail,
        )
        self.submission = Submission(
            orders=orders,
            quotes=PostgresQuoteStore(database),
            publish=self.publish,
            queue=queue,
            rate_limit=FakeRateLimit(),
            warn=pytest.fail,
            standing=lambda: self.standing,
        )
        self.execution = Execution(
            orders=orders,
            quotes=PostgresQuoteStore(database),
            router=lambda: self.market.router,
            chain=chain,
            publish=self.publish,
        )
        self.dispatch = Dispatch(orders=orders, publish=self.publish, machine=self)
        self.fragile_queue = queue

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.death.passed()
        for event in events:
            if listeners:
                self.heard.setdefault(event.order_id, set()).add(event.seq)
        self.death.passed()

    def run(self, name: str, input: dict[str, Any]) -> ExecutionResult:
        return run_to_end(self.execution, name, input, self.pass_time)

    def insists(self, ask: Callable[[], Any]) -> None:
        """A client repeats what was not answered."""
        try:
            ask()
        except Crash:
            self.others_follow()
            ask()

    def submits(self, request: OrderRequest) -> Order:
        key, answers = str(uuid4()), []
        self.insists(lambda: answers.append(self.submission.submit(request, CLIENT, key, "c1")))
        ((order, is_new),) = answers
        if not is_new:
            # The connection is subscribed to what there is already.
            self.subscribes(order.id)
            self.subscribes(order.linked_id)
        return order

    def subscribes(self, id: UUID | None) -> None:
        if id is not None:
            self.heard[id] = {event.seq for event in self.sees.events(id)}

    def replaces(self, order: Order, **changes: Any) -> None:
        def ask() -> None:
            # The first request may have been carried out.
            if self.sees.get(order.id).status is Status.OPEN:
                self.standing.replace(CLIENT, order.id, partial(parse_changes, changes))

        self.insists(ask)

    def cancels(self, order: Order) -> None:
        self.insists(lambda: self.submission.cancel(CLIENT, order.id))

    def goes_on(self, rounds: int = 12) -> None:
        """Watches, runs and sweeps for a while, or until every order has ended."""
        for _ in range(rounds):
            all_lived = True
            for work in (self.watches, self.delivers, self.sweeps):
                try:
                    work()
                except Crash:
                    self.others_follow()
                    all_lived = False
            if all_lived and not self.waiting():
                return
            self.pass_time(31)

    def others_follow(self) -> None:
        self.death.over()
        self.pass_time(A_WHILE)

    def watches(self) -> None:
        tick(watcher_on(self.open_orders, self.market.router, self.publish, self.fragile_queue), str(uuid4()))

    def delivers(self) -> None:
        while self.queue.enqueued:
            # A message that is not done comes back.
            with suppress(ExecutionFailed):
                self.dispatch.run(self.queue.enqueued[0], str(uuid4()))
                del self.queue.enqueued[0]

    def sweeps(self) -> None:
        self.queue.enqueued += self.sees.take_stalled(45)

    def waiting(self) -> list[UUID]:
        statuses = self.database.fetch("SELECT id, status FROM orders")
        return [row["id"] for row in statuses if row["status"] not in FINAL]

    def pass_time(self, seconds: float) -> None:
        self.market.clock.now += seconds
        pass_time(self.database, seconds)

    def trades(self, request: OrderRequest) -> None:
        self.traded |= self.market.trade(request)

    def price(self, percent: str) -> str:
        """So much of what the market pays for one SOL, in whole USDC."""
        paid = self.market.router.best("SOL", "USDC", SOL, 10_000)[0].amount_out
        return format((Decimal(paid) * Decimal(percent) / 10**8).quantize(Decimal("0.000001")), "f")

    def check(self) -> dict[UUID, Order]:
        """Whatever has died: one fill at most, at the limit or better, and events without gaps. Returns the orders."""
        orders = {row["id"]: self.sees.get(row["id"]) for row in self.database.fetch("SELECT id FROM orders")}
        swaps = {signature: swap for signature, swap in self.market.swaps().items() if signature not in self.traded}
        for order in orders.values():
            events = self.sees.events(order.id)
            assert replayed([event.dump() for event in events]) is order.status
            signed = [event.data["signature"] for event in events if event.status is Status.BUILDING]
            fills = [swaps.pop(signature) for signature in signed if signature in swaps]
            assert len(fills) == (order.status is Status.CONFIRMED and order.type != "recurring")
            assert all(fill.amount_out >= (order.limit_out or 0) for fill in fills)
            if order.parent_id is None:
                assert self.heard[order.id] == set(range(1, order.seq + 1))
        assert swaps == {}
        assert self.market.is_in_order()
        return orders


@dataclass(frozen=True)
class Life:
    """What a client asks for, what happens then, and the statuses in which its orders end."""

    asks: Callable[[Scene], OrderRequest]
    happens: Callable[[Scene, Order], None]
    ends: tuple[str, ...]


def rises(scene: Scene, order: Order) -> None:
    scene.trades(BUY)


def falls(scene: Scene, order: Order) -> None:
    scene.trades(SELL)


def falls_and_rises(scene: Scene, order: Order) -> None:
    scene.trades(SELL)
    scene.goes_on(rounds=2)
    scene.trades(BUY)
    scene.trades(BUY)


def nothing(scene: Scene, order: Order) -> None:
    pass


SOON = timedelta(seconds=100)

LIVES = {
    "a limit that is met": Life(lambda scene: limit(scene.price("99")), nothing, ("confirmed",)),
    "a limit": Life(lambda scene: limit(scene.price("100.05")), rises, ("confirmed",)),
    "a limit that is replaced": Life(
        lambda scene: limit(scene.price("150")),
        lambda scene, order: scene.replaces(order, limitPrice=scene.price("99")),
        ("confirmed",),
    ),
    "a limit that expires": Life(
        lambda scene: limit(scene.price("150"), expires_at=datetime.now(UTC) + SOON), nothing, ("expired",)
    ),
    "a stop": Life(lambda scene: stop(scene.price("99.95")), falls, ("confirmed",)),
    "a stop with a limit": Life(
        lambda scene: stop(scene.price("99.95"), limit_price=scene.price("99.94")), falls_and_rises, ("confirmed",)
    ),
    "a pair": Life(
        lambda scene: replace(limit(scene.price("100.05")), linked=stop(scene.price("90"))),
        rises,
        ("cancelled", "confirmed"),
    ),
    "a pair that is cancelled": Life(
        lambda scene: replace(limit(scene.price("150")), linked=stop(scene.price("50"))),
        lambda scene, order: scene.cancels(order),
        ("cancelled", "cancelled"),
    ),
    "a recurring order": Life(lambda scene: recurring(2, 10 * SOL + 1), nothing, ("confirmed",) * 3),
    "a sniper": Life(lambda scene: sniper(expires_at=datetime.now(UTC) + timedelta(days=1)), nothing, ("confirmed",)),
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES)
def test_an_order_that_waits_ends_as_it_must_wherever_anything_dies(
    database: Database, database_url: str, life: Life
) -> None:
    points = 0
    while True:
        clean(database_url)
        scene = Scene(database, Death(points))
        order = scene.submits(life.asks(scene))
        life.happens(scene, order)
        scene.goes_on()
        orders = scene.check()
        assert tuple(sorted(each.status for each in orders.values())) == life.ends, f"dies at {points}"
        parent, slices = orders[order.id], [each for each in orders.values() if each.parent_id]
        if slices:
            assert sum(slice.amount_in for slice in slices) == parent.amount_in == parent.amount_spent
            assert sum(slice.amount_out or 0 for slice in slices) == parent.amount_out
        if scene.death.left >= 0:
            break
        points += 1
    assert points > 8
