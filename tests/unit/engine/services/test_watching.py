"""The watcher, on a market whose price a test sets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import CorruptPool, EngineError, StoreUnavailable, VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import OrderRequest
from order_engine.domain.terms import Limit, Stop, Wait
from order_engine.ports import PoolList
from order_engine.services.routing import Router
from order_engine.services.watching import LEASE_SECONDS, PAGE, Watched, Watcher
from tests.support.fakes import FakeOrderQueue
from tests.support.waiting import START, FakeOpenOrders
from tests.support.watching import watcher_on

SOL = 10**9
DEPTH = 10**9 * SOL


@dataclass
class Scene:
    """A watcher, its orders, and a market in which one SOL costs `price` USDC and one RAY 2 USDC, without fees.

    Its time passes when it sleeps, and `pause` is called then.
    """

    price: float = 180.0
    down: EngineError | None = None
    unusable: dict[str, EngineError] = field(default_factory=dict)
    orders: FakeOpenOrders = field(default_factory=FakeOpenOrders)
    queue: FakeOrderQueue = field(default_factory=FakeOrderQueue)
    published: list[tuple[Event, Sequence[str]]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    readings: list[Sequence[str]] = field(default_factory=list)
    broken: bool = False
    pause: Callable[[], None] = lambda: None
    name: str = "simulated"

    def pools(self, tokens: Sequence[str]) -> PoolList:
        self.readings.append(tokens)
        if self.down:
            raise self.down
        sol = RaydiumAmmV4(DEPTH, round(DEPTH * self.price / 1_000), 0, 1)
        ray = RaydiumAmmV4(0 if self.broken else 10**18, 2 * 10**18, 0, 1)
        listings = [("SOL", sol), ("RAY", ray)]
        return PoolList([Listing(token, "raydium", token, "USDC", 7, pool) for token, pool in listings], self.unusable)

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.published += [(event, listeners) for event in events]

    def sleep(self, seconds: float) -> None:
        self.orders.now += seconds
        self.pause()

    def watcher(self) -> Watcher:
        return watcher_on(
            self.orders,
            Router(self),
            self.publish,
            self.queue,
            self.warnings.append,
            now=lambda: self.orders.now,
            clock=lambda: 1_800_000_000 + self.orders.now,
            sleep=self.sleep,
        )

    def tick(self) -> Watched:
        """A tick of a watcher that keeps what it has counted."""
        watched = Watched()
        if not hasattr(self, "_watcher"):
            self._watcher = self.watcher()
        self._watcher.tick(watched)
        return watched


def limit(price: str, amount_in: int = SOL, **fields: Any) -> OrderRequest:
    return OrderRequest("limit", "SOL", "USDC", amount_in, terms=Limit(Decimal(price)), **fields)


def stop(price: str, limit_price: str | None = None, ticks: int = 1, **fields: Any) -> OrderRequest:
    terms = Stop(Decimal(price), Decimal(limit_price) if limit_price else None, ticks)
    return OrderRequest("stop", "SOL", "USDC", SOL, terms=terms, **fields)


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Limits and stops


def test_a_limit_runs_once_the_market_pays_it(scene: Scene) -> None:
    order = scene.orders.add(limit("200"))
    assert scene.tick().activated == 0
    assert scene.orders.status(order) is Status.OPEN
    scene.price = 200.01
    assert scene.tick().activated == 1
    assert scene.orders.status(order) is Status.PENDING
    (event,) = scene.orders.moves
    assert event.data == {"reason": "limitMet", "amount_out": 200_009_999, "slot": 7}
    assert scene.published == [(event, [f"listener of {order.id}"])]
    assert scene.queue.enqueued == [order.id]
    # Once.
    assert scene.tick().activated == 0


def test_a_limit_is_that_of_the_exact_quote_for_the_orders_own_amount(scene: Scene) -> None:
    """GIVEN two orders with the same limit, of which the larger one moves the price past it."""
    scene.price = 200.001
    small, large = (scene.orders.add(limit("200", amount)) for amount in (SOL, 10_000 * SOL))
    scene.tick()
    assert (scene.orders.status(small), scene.orders.status(large)) == (Status.PENDING, Status.OPEN)


def test_a_limit_waits_while_the_price_impact_is_too_high(scene: Scene) -> None:
    """GIVEN an order that moves the price by a hundredth."""
    request = limit("100", DEPTH // 99)
    orders = [scene.orders.add(OrderRequest(**{**fields(request), "max_price_impact_bps": bps})) for bps in (99, 101)]
    scene.tick()
    assert [scene.orders.status(order) for order in orders] == [Status.OPEN, Status.PENDING]


def test_a_stop_runs_once_the_market_has_fallen_to_it(scene: Scene) -> None:
    order = scene.orders.add(stop("150"))
    assert scene.tick().activated == 0
    scene.price = 149.9
    assert scene.tick().activated == 1
    assert scene.orders.moves[0].data["reason"] == "stopReached"
    assert scene.queue.enqueued == [order.id]


def test_a_stop_with_a_limit_waits_for_its_limit_once_it_is_reached(scene: Scene) -> None:
    order = scene.orders.add(stop("150", "149"))
    scene.price = 148
    assert scene.tick().activated == 0
    now = scene.orders.orders[order.id]
    assert (now.status, now.waits_for, now.trigger_out) == (Status.OPEN, Wait.AT_LEAST, 149_000_000)
    assert [event.order_id for event, _ in scene.published] == [order.id]
    assert scene.tick().activated == 0
    scene.price = 149.1
    assert scene.tick().activated == 1
    assert scene.orders.moves[-1].data["reason"] == "limitMet"


def test_a_stop_whose_limit_the_market_meets_runs_at_once(scene: Scene) -> None:
    scene.orders.add(stop("150", "149"))
    scene.price = 149.5
    assert scene.tick().activated == 1


def test_a_stop_runs_after_as_many_ticks_in_a_row_as_it_asks_for(scene: Scene) -> None:
    order = scene.orders.add(stop("150", ticks=3))
    for price, activated in ((149, 0), (149, 0), (151, 0), (149, 0), (149, 0), (149, 1)):
        scene.price = price
        assert scene.tick().activated == activated, scene.orders.status(order)


def test_the_ticks_of_a_replaced_stop_begin_anew(scene: Scene) -> None:
    order = scene.orders.add(stop("150", ticks=2))
    scene.price = 149
    scene.tick()
    scene.orders.orders[order.id] = scene.orders.orders[order.id]._replace(seq=2)
    assert [scene.tick().activated for _ in range(2)] == [0, 1]


def test_a_price_that_only_seems_low_reaches_no_stop(scene: Scene) -> None:
    """GIVEN a venue that does not answer, and may be the one that pays more."""
    scene.orders.add(stop("150", ticks=2))
    scene.orders.add(limit("140"))
    scene.price = 149
    assert scene.tick().activated == 1
    scene.unusable = {"meteora": VenueUnavailable("no answer")}
    assert scene.tick().activated == 0
    assert scene.warnings == ["the pools of meteora are not known: no answer"]
    # Ticks without all venues neither count nor begin anew.
    scene.unusable = {"pool": CorruptPool("an impossible state")}
    assert scene.tick().activated == 1


def test_of_two_linked_orders_one_runs(scene: Scene) -> None:
    first = scene.orders.add(limit("170"))
    second = scene.orders.add(stop("190"), linked_id=first.id)
    scene.orders.orders[first.id] = first._replace(linked_id=second.id)
    assert scene.tick().activated == 1
    assert sorted([scene.orders.status(first), scene.orders.status(second)]) == [Status.OPEN, Status.PENDING]


def test_an_order_that_another_watcher_or_its_client_has_moved_is_left_alone(scene: Scene) -> None:
    order = scene.orders.add(limit("170"))
    scene.orders.before_moves = lambda: scene.orders.end(order, Status.CANCELLED)
    assert scene.tick().activated == 0
    assert (scene.published, scene.queue.enqueued) == ([], [])


def test_an_order_expires_before_it_can_run(scene: Scene) -> None:
    orders = [scene.orders.add(limit("170", expires_at=START + timedelta(seconds=10))) for _ in range(PAGE + 5)]
    scene.orders.now = 10
    assert (scene.tick().expired, scene.tick().activated) == (PAGE + 5, 0)
    assert {scene.orders.status(order) for order in orders} == {Status.EXPIRED}
    assert len(scene.published) == PAGE + 5


# Storms


def test_a_storm_is_activated_in_batches_of_the_queue(scene: Scene) -> None:
    orders = [scene.orders.add(limit("170", SOL + number)) for number in range(250)]
    assert scene.tick().activated == 250
    assert sorted(scene.queue.enqueued) == sorted(order.id for order in orders)
    assert len(scene.published) == 250
    assert len(scene.readings) == 1


def test_orders_whose_messages_are_not_sent_are_left_to_the_sweep(scene: Scene) -> None:
    scene.queue.down = True
    orders = [scene.orders.add(limit("170")) for _ in range(15)]
    assert scene.tick().activated == 15
    assert {scene.orders.status(order) for order in orders} == {Status.PENDING}
    assert "the messages of 10 orders were not sent: no queue" in scene.warnings


def test_messages_that_the_queue_refuses_are_named(scene: Scene) -> None:
    class Refusing(FakeOrderQueue):
        def enqueue_all(self, published: Mapping[UUID, int]) -> list[UUID]:
            assert set(published.values()) == {2}
            return list(published)

    scene.queue = Refusing()
    order = scene.orders.add(limit("170"))
    assert scene.tick().activated == 1
    assert scene.warnings == [f"the queue has not taken the messages of orders {order.id}"]


# Failures


def test_while_no_venue_answers_nothing_runs_and_the_watcher_goes_on(scene: Scene) -> None:
    order = scene.orders.add(limit("170"))
    scene.down = VenueUnavailable("no answer")
    assert scene.tick().activated == 0
    assert scene.warnings == ["the reading of the pools: no answer"]
    scene.down = None
    assert scene.tick().activated == 1
    assert scene.orders.status(order) is Status.PENDING


def test_an_error_of_one_pair_holds_back_no_other(scene: Scene) -> None:
    """GIVEN a pool whose state no formula can take."""
    ray = OrderRequest("limit", "RAY", "USDC", 10**6, terms=Limit(Decimal("1.5")))
    first = scene.orders.add(ray)
    second = scene.orders.add(limit("170"))
    scene.broken = True
    assert scene.tick().activated == 1
    assert scene.warnings == ["RAY-USDC: ZeroDivisionError: Fraction(2000000000000000000, 0)"]
    assert (scene.orders.status(first), scene.orders.status(second)) == (Status.OPEN, Status.PENDING)


def test_without_its_store_a_watcher_fails(scene: Scene) -> None:
    def fail() -> None:
        raise StoreUnavailable("no answer")

    scene.orders.add(limit("170"))
    scene.orders.before_moves = fail
    with pytest.raises(StoreUnavailable):
        scene.watcher().watch("a", 60, wait=True)
    assert scene.orders.lease is None


# The loop of a minute


def test_with_nothing_open_a_watcher_asks_once(scene: Scene) -> None:
    assert scene.watcher().watch("a", 60, wait=True).ticks == []
    assert scene.orders.statements == 1
    assert scene.readings == []


def test_a_watcher_looks_at_the_market_every_interval_until_its_time_is_over(scene: Scene) -> None:
    scene.orders.add(limit("200"))
    watched = scene.watcher().watch("a", 60, wait=True)
    assert (watched.open, len(watched.ticks), len(scene.readings)) == (1, 60, 60)
    assert scene.orders.lease is None


def test_a_watcher_sleeps_once_nothing_is_open(scene: Scene) -> None:
    scene.orders.add(limit("200"))

    def rise() -> None:
        scene.price += 5

    scene.pause = rise
    watched = scene.watcher().watch("a", 60, wait=True)
    # The sixth one finds the price, and the seventh one nothing.
    assert (watched.activated, len(watched.ticks)) == (1, 7)


def test_a_second_watcher_takes_over_at_once_and_goes_on_counting(scene: Scene) -> None:
    """GIVEN a stop that asks for more ticks than a watcher has."""
    order = scene.orders.add(stop("150", ticks=60))
    scene.price = 149
    first, second = scene.watcher(), scene.watcher()

    def take_over() -> None:
        if scene.orders.now == 40:
            assert not scene.orders.take_lease("b", 9, wait=True).is_held

    scene.pause = take_over
    ticks = first.watch("a", 90, wait=True).ticks
    assert (len(ticks), scene.orders.now) == (40, 40)
    watched = second.watch("b", 90, wait=True)
    # The last one finds nothing open.
    assert (watched.activated, len(watched.ticks)) == (1, 21)
    assert scene.orders.status(order) is Status.PENDING


def test_a_watcher_counts_anew_after_a_pause_and_after_one_that_was_killed(scene: Scene) -> None:
    """GIVEN a stop that asks for two ticks, of which the first watcher has counted one."""
    scene.orders.add(stop("150", ticks=2))
    scene.price = 149
    assert len(scene.watcher().watch("a", 1, wait=True).ticks) == 1
    scene.orders.now += 6
    assert scene.watcher().watch("b", 1, wait=True).activated == 0
    # The next one goes on from there, and is killed after a tick without the price.
    assert scene.orders.take_lease("c", 1 + LEASE_SECONDS).is_held
    assert scene.watcher().watch("d", LEASE_SECONDS + 2, wait=True).activated == 0


def test_a_watcher_waits_for_another_one_to_hand_over(scene: Scene) -> None:
    scene.orders.add(limit("200"))
    scene.orders.take_lease("a", 9)

    def release() -> None:
        if scene.orders.now > 3:
            scene.orders.release_lease("a", {})

    scene.pause = release
    watched = scene.watcher().watch("b", 60, wait=True)
    assert 55 < len(watched.ticks) < 58
    assert scene.orders.lease is None


def test_a_watcher_takes_over_from_one_that_was_killed(scene: Scene) -> None:
    scene.orders.add(limit("200"))
    scene.orders.take_lease("a", 1 + LEASE_SECONDS)
    watched = scene.watcher().watch("b", 60, wait=True)
    assert len(watched.ticks) == 51


def test_a_watcher_that_was_woken_leaves_another_one_alone(scene: Scene) -> None:
    scene.orders.add(limit("170"))
    scene.orders.take_lease("a", 9)
    assert scene.watcher().watch("b", 60, wait=False).ticks == []
    assert (scene.orders.now, scene.orders.wanted) == (0, False)


def test_a_watcher_waits_as_long_as_it_may_for_one_that_goes_on(scene: Scene) -> None:
    scene.orders.add(limit("200"))
    scene.pause = lambda: assert_held(scene)
    scene.orders.take_lease("a", 9)
    assert scene.watcher().watch("b", 60, wait=True).ticks == []
    assert scene.orders.now == pytest.approx(60, abs=0.5)


def test_a_watcher_that_has_lost_its_lease_ends(scene: Scene) -> None:
    scene.orders.add(limit("200"))

    def take_over() -> None:
        if scene.orders.now == 5:
            scene.orders.lease = ("b", 99)

    scene.pause = take_over
    assert len(scene.watcher().watch("a", 60, wait=True).ticks) == 5
    assert scene.orders.lease == ("b", 99)


def assert_held(scene: Scene) -> None:
    assert scene.orders.take_lease("a", 9).is_held


def fields(request: OrderRequest) -> dict[str, Any]:
    return {name: getattr(request, name) for name in ("type", "token_in", "token_out", "amount_in", "terms")}
