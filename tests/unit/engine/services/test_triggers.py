"""Which orders a tick finds, against a look at every order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from order_engine.dex.pool import Pool
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.routing import Listing, Paths
from order_engine.domain.orders import Order, OrderRequest
from order_engine.domain.terms import Limit, Stop, Terms, Wait
from order_engine.ports import PoolList
from order_engine.services.routing import Router, Snapshot
from order_engine.services.triggers import by_direction, reached, within_reach
from tests.support.waiting import FakeOpenOrders
from tests.unit.engine.dex.builders import NOW, amm, pools_of_a_pair
from tests.unit.engine.dex.strategies import POOLS

ONE_POOL = st.one_of(*POOLS.values()).map(lambda pool: [pool])
TERMS: dict[Wait, tuple[str, Terms]] = {
    Wait.AT_LEAST: ("limit", Limit(Decimal(1))),
    Wait.AT_MOST: ("stop", Stop(Decimal(1))),
}


@dataclass
class Venue:
    listings: Sequence[Listing]
    name: str = "simulated"

    def pools(self, tokens: Sequence[str]) -> PoolList:
        return PoolList(self.listings, {}, NOW)


def listed(pools: Sequence[Pool], token_a: str, token_b: str) -> list[Listing]:
    return [
        Listing(f"{token_a}-{token_b}-{number}", "any", token_a, token_b, 1, pool) for number, pool in enumerate(pools)
    ]


def snapshot(listings: Sequence[Listing]) -> Snapshot:
    return Router(Venue(listings), now=lambda: NOW).read(("RAY", "JUP"))


def add(orders: FakeOpenOrders, waits_for: Wait, amount_in: int, trigger_out: int, **fields: Any) -> Order:
    type, terms = TERMS[waits_for]
    request = OrderRequest(type, "RAY", "JUP", amount_in, terms=terms, **fields)
    return orders.add(request, waits_for=waits_for, trigger_out=trigger_out)


def found(orders: FakeOpenOrders, at: Snapshot) -> set[Any]:
    """The orders that a tick reads."""
    return {
        order.id
        for of_direction in by_direction(orders.groups())
        for group, bound in within_reach(of_direction, at)
        for order in orders.candidates(group, bound, None, len(orders.orders))
    }


@settings(max_examples=200)
@given(ONE_POOL | pools_of_a_pair(10**3, 10**16, (1, 4)), st.booleans(), st.data())
def test_no_order_that_may_run_is_skipped(pools: list[Pool], has_hub: bool, data: st.DataObject) -> None:
    """GIVEN orders of all sizes, whose triggers lie at and around what they are paid."""
    hub = [*listed([amm(10**13, 10**13)], "RAY", "SOL"), *listed([amm(10**13, 10**13)], "SOL", "JUP")]
    at = snapshot(listed(pools, "RAY", "JUP") + (hub if has_hub else []))
    orders = FakeOpenOrders()
    sizes = st.integers(0, 63).flatmap(lambda size: st.integers(2**size, min(2 ** (size + 1) - 1, U64_MAX)))
    for amount in data.draw(st.lists(sizes, min_size=1, max_size=8)):
        route = at.quote("RAY", "JUP", amount, 10_000)
        paid = route.amount_out if route else data.draw(st.integers(1, 10**9))
        near = st.sampled_from([Fraction(1), Fraction(999, 1000), Fraction(1001, 1000), Fraction(1, 2), Fraction(2)])
        trigger = min(max(int(paid * data.draw(near)) + data.draw(st.integers(-1, 1)), 1), U64_MAX)
        add(orders, data.draw(st.sampled_from(list(TERMS))), amount, trigger, max_price_impact_bps=10_000)
    expected = {order.id for order in orders.orders.values() if reached(order, at)}
    assert expected <= found(orders, at)


def test_an_amount_between_one_that_pays_nothing_and_one_that_is_too_large_is_read() -> None:
    """GIVEN a pool that pays something for 3 base units only: nothing for 2, and it can't take 4."""
    ticks = (Tick(-2, 32_768), Tick(0, -32_768))
    at = snapshot(listed([RaydiumClmm(18_445_821_805_675_395_072, -1, 32_768, 1, 0, 0, ticks)], "RAY", "JUP"))
    orders = FakeOpenOrders()
    order = add(orders, Wait.AT_LEAST, 3, 1, max_price_impact_bps=10_000)
    assert reached(order, at)
    assert found(orders, at) == {order.id}


def test_orders_out_of_reach_are_neither_read_nor_quoted(monkeypatch: pytest.MonkeyPatch) -> None:
    """GIVEN a market in which one RAY costs 0.9975 JUP after its fee."""
    at = snapshot(listed([amm(10**15, 10**15)], "RAY", "JUP"))
    orders = FakeOpenOrders()
    far = [add(orders, Wait.AT_LEAST, 2**size, 2**size * 101 // 100) for size in range(20, 40)]
    far += [add(orders, Wait.AT_MOST, 2**size, 2**size * 90 // 100) for size in range(20, 40)]
    quoted: list[int] = []
    best = Paths.best

    def counted(paths: Paths, amount_in: int) -> Any:
        quoted.append(amount_in)
        return best(paths, amount_in)

    monkeypatch.setattr(Paths, "best", counted)
    assert found(orders, at) == set()
    # Above the spot price no limit is met, and what the largest amount is paid is above all stops.
    assert (quoted, orders.read) == ([], [])
    near = add(orders, Wait.AT_LEAST, 10**9, 997_499_000)
    assert found(orders, at) == {near.id}
    assert len(far) == 40


def test_a_group_between_the_spot_price_and_its_bound_is_not_read() -> None:
    """GIVEN limits that large amounts do not meet, but a small one would."""
    at = snapshot(listed([amm(10**12, 10**12)], "RAY", "JUP"))
    orders = FakeOpenOrders()
    large = [add(orders, Wait.AT_LEAST, 10**11 + number, 10**11 * 96 // 100) for number in range(5)]
    assert not any(reached(order, at) for order in large)
    assert found(orders, at) == set()
    small = add(orders, Wait.AT_LEAST, 10**8, 10**8 * 96 // 100)
    assert found(orders, at) == {small.id}


def test_orders_of_a_pair_without_pools_are_not_read() -> None:
    orders = FakeOpenOrders()
    order = add(orders, Wait.AT_LEAST, 10**9, 1)
    at = snapshot([])
    assert found(orders, at) == set()
    assert reached(order, at) is None
