"""Slices of recurring orders."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.routing import Listing
from order_engine.domain.errors import EngineError, VenueUnavailable
from order_engine.domain.events import Event
from order_engine.domain.lifecycle import Status
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Recurring
from order_engine.ports import PoolList
from order_engine.services.recurring import Slicing
from order_engine.services.routing import Router, Snapshot
from order_engine.services.starting import Starting
from tests.support.fakes import FakeOrderQueue
from tests.support.waiting import START, FakeOpenOrders

SOL = 10**9
DEPTH = 10**9 * SOL


@dataclass
class Scene:
    """A market in which one SOL costs `price` USDC, without fees."""

    price: int = 180
    unusable: dict[str, EngineError] = field(default_factory=dict)
    orders: FakeOpenOrders = field(default_factory=FakeOpenOrders)
    queue: FakeOrderQueue = field(default_factory=FakeOrderQueue)
    published: list[Event] = field(default_factory=list)
    name: str = "simulated"

    def pools(self, tokens: Sequence[str]) -> PoolList:
        pool = RaydiumAmmV4(DEPTH, DEPTH * self.price // 1_000, 0, 1)
        return PoolList([Listing("pool", "raydium", "SOL", "USDC", 7, pool)], self.unusable)

    def publish(self, events: Sequence[Event], listeners: Sequence[str]) -> None:
        self.published += events

    def advance(self, is_known: bool = True) -> int:
        """Takes all orders further that are due, and returns how many slices were made."""
        starting = Starting(open_orders=self.orders, publish=self.publish, queue=self.queue, warn=print)
        slicing = Slicing(open_orders=self.orders, starting=starting)
        snapshot: Snapshot | None = Router(self).read(("SOL", "USDC")) if is_known else None
        return sum(slicing.advance(order, snapshot) for order in self.orders.due(None, 10))

    def fill(self, parent: Order, status: Status = Status.CONFIRMED) -> None:
        """Ends all slices that run."""
        for slice in self.orders.slices(parent):
            if slice.status is Status.PENDING:
                filled = status is Status.CONFIRMED
                self.orders.end(slice, status, slice.amount_in if filled else 0, 7 if filled else 0)


def recurring(slices: int = 3, interval: int = 60, amount_in: int = 10 * SOL, **fields: Any) -> OrderRequest:
    prices = {name: Decimal(fields.pop(name)) for name in ("min_price", "max_price") if name in fields}
    terms = Recurring(slices, interval, **prices)
    return OrderRequest("recurring", "SOL", "USDC", amount_in, terms=terms, **fields)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_the_first_slice_is_made_at_once_and_the_others_every_interval(scene: Scene) -> None:
    parent = scene.orders.add(recurring())
    made = []
    for scene.orders.now in range(0, 200, 10):
        if scene.advance():
            made.append(scene.orders.now)
    assert made == [0, 60, 120]
    slices = scene.orders.slices(parent)
    assert [slice.amount_in for slice in slices] == [3_333_333_333, 3_333_333_333, 3_333_333_334]
    assert scene.queue.enqueued == [slice.id for slice in slices]
    # The parent's event and that of the slice.
    assert [(event.order_id, event.status) for event in scene.published[:2]] == [
        (parent.id, Status.OPEN),
        (slices[0].id, Status.PENDING),
    ]


@given(st.integers(2, 1_000), st.integers(0, 2**64 - 1_001))
def test_the_slices_are_the_whole_amount(slices: int, more: int) -> None:
    terms, amount = Recurring(slices, 1), slices + more
    made = [terms.slice_amount(amount, number) for number in range(slices)]
    assert sum(made) == amount
    assert max(made) - min(made) <= 1
    assert min(made) > 0


def test_the_first_slice_waits_for_its_start(scene: Scene) -> None:
    scene.orders.add(recurring(start_at=START + timedelta(seconds=30)))
    assert scene.advance() == 0
    scene.orders.now = 30
    assert scene.advance() == 1


def test_what_an_outage_has_missed_is_made_up_once_and_the_grid_goes_on(scene: Scene) -> None:
    parent = scene.orders.add(recurring(slices=5))
    scene.advance()
    made = []
    for scene.orders.now in range(310, 600, 10):
        if scene.advance():
            made.append(scene.orders.now)
    assert made == [310, 360, 420, 480]
    assert len(scene.orders.slices(parent)) == 5


@pytest.mark.parametrize(
    ("prices", "made"),
    [
        ({"min_price": "170", "max_price": "190"}, 1),
        ({"min_price": "179.9999"}, 1),
        ({"min_price": "180.0001"}, 0),
        ({"max_price": "180"}, 1),
        ({"max_price": "179.99"}, 0),
    ],
)
def test_a_slice_waits_for_a_price_in_the_range(scene: Scene, prices: dict[str, Any], made: int) -> None:
    scene.orders.add(recurring(**prices))
    assert scene.advance() == made


def test_a_slice_that_waited_for_its_price_moves_the_end_and_not_the_grid(scene: Scene) -> None:
    scene.orders.add(recurring(min_price="200"))
    made = []
    for scene.orders.now in range(0, 300, 10):
        scene.price = 180 if scene.orders.now < 90 else 210
        if scene.advance():
            made.append(scene.orders.now)
    assert made == [90, 120, 180]


def test_without_a_price_only_slices_without_a_range_are_made(scene: Scene) -> None:
    free, bound = scene.orders.add(recurring()), scene.orders.add(recurring(min_price="1"))
    assert scene.advance(is_known=False) == 1
    assert (len(scene.orders.slices(free)), len(scene.orders.slices(bound))) == (1, 0)


def test_a_price_that_only_seems_low_is_not_below_a_maximum(scene: Scene) -> None:
    scene.orders.add(recurring(max_price="190"))
    above = scene.orders.add(recurring(min_price="170"))
    scene.unusable = {"meteora": VenueUnavailable("no answer")}
    assert scene.advance() == 1
    assert len(scene.orders.slices(above)) == 1


def test_an_order_is_complete_once_its_last_slice_has_ended(scene: Scene) -> None:
    parent = scene.orders.add(recurring(slices=2))
    scene.advance()
    scene.fill(parent)
    scene.orders.now = 60
    scene.advance()
    for scene.orders.now in (61, 62):
        scene.advance()
        assert scene.orders.status(parent) is Status.OPEN
    scene.fill(parent)
    scene.orders.now = 63
    scene.advance()
    ended = scene.orders.orders[parent.id]
    assert (ended.status, ended.amount_spent, ended.amount_out) == (Status.CONFIRMED, 10 * SOL, 14)
    assert scene.published[-1].status is Status.CONFIRMED
    assert len(scene.orders.slices(parent)) == 2


def test_an_order_of_which_no_slice_was_filled_fails(scene: Scene) -> None:
    parent = scene.orders.add(recurring(slices=2, interval=1))
    for scene.orders.now in range(5):
        scene.advance()
        scene.fill(parent, Status.FAILED)
    assert scene.orders.status(parent) is Status.FAILED


@pytest.mark.parametrize("status", [Status.CANCELLED, Status.EXPIRED])
def test_an_order_that_has_ended_makes_no_more_slices(scene: Scene, status: Status) -> None:
    parent = scene.orders.add(recurring())
    scene.advance()
    scene.orders.end(parent, status)
    scene.orders.now = 60
    assert scene.advance() == 0
    (slice,) = scene.orders.slices(parent)
    assert slice.status is Status.PENDING
