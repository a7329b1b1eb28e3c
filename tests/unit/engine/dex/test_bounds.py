"""What a quote of one amount says of all larger ones and of all smaller ones."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from order_engine.dex.bounds import best_price_from, best_price_of_all, worst_price_until
from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.dex.rounding import U64_MAX
from order_engine.dex.routing import Listing, Paths
from tests.unit.engine.dex.builders import NOW, amm, dlmm, pools_of_a_pair
from tests.unit.engine.dex.strategies import POOLS

ONE_POOL = st.one_of(*POOLS.values()).map(lambda pool: [pool])
PAIR = ("RAY", "JUP")


def listed(pools: list[Pool], token_a: str, token_b: str) -> list[Listing]:
    return [
        Listing(f"{token_a}-{token_b}-{number}", "any", token_a, token_b, 1, pool) for number, pool in enumerate(pools)
    ]


@st.composite
def paths(draw: st.DrawFn) -> Paths:
    """One pool of any state, or pools of all kinds at about one price, directly and over a hub."""
    listings = listed(draw(ONE_POOL | pools_of_a_pair(10**3, 10**16, (1, 4))), *PAIR)
    if draw(st.booleans()):
        listings += listed(draw(pools_of_a_pair(10**3, 10**16, (1, 2))), "RAY", "SOL")
        listings += listed(draw(pools_of_a_pair(10**3, 10**16, (1, 2))), "SOL", "JUP")
    return Paths(listings, *PAIR, NOW, draw(st.sampled_from([0, 5_000])))


@settings(max_examples=300)
@given(paths(), st.integers(0, 63), st.data())
def test_no_amount_is_paid_more_or_less_than_its_bounds(paths: Paths, size: int, data: st.DataObject) -> None:
    least, most = 2**size, min(2 ** (size + 1), U64_MAX)
    amount = data.draw(st.integers(least, most) | st.sampled_from([least, most]))
    route = paths.best(amount)
    assume(route is not None)
    assert route is not None
    assert route.amount_out <= best_price_of_all(paths) * amount
    bound = best_price_from(paths, least)
    assert bound is None or route.amount_out <= bound * amount
    assert route.amount_out >= worst_price_until(paths, most) * amount - paths.slack


@given(paths(), st.integers(1, U64_MAX))
@example(Paths(listed([amm(1, 1)], *PAIR), *PAIR, NOW), 1)
@example(Paths(listed([dlmm(10**9, 10**9)], *PAIR), *PAIR, NOW), 10**12)
def test_the_best_route_is_the_first_of_all(paths: Paths, amount: int) -> None:
    try:
        found = paths.routes(amount)[0]
    except DexError:
        assert paths.best(amount) is None
    else:
        assert paths.best(amount) == found


def test_a_bound_is_near_the_price() -> None:
    """GIVEN pools that charge a quarter of a per cent."""
    deep = Paths(listed([amm(10**15, 10**15), amm(10**14, 10**14)], *PAIR), *PAIR, NOW, 5_000)
    price = Fraction(9_975, 10_000)
    for bound in (best_price_from(deep, 10**9), worst_price_until(deep, 10**9)):
        assert bound is not None
        assert abs(bound - price) < price * Fraction(2, 10_000)
    # For a few base units only the spot price says something.
    bound = best_price_from(deep, 10)
    assert bound is not None
    assert bound > 2 > best_price_of_all(deep)


def test_an_amount_that_no_route_takes_says_nothing_of_a_larger_one() -> None:
    """GIVEN a pool that is soon exhausted, and one that pays a unit for a milliard, THEN both take two milliards."""
    found = Paths(listed([dlmm(10**6, 10**6), amm(10**19, 10**10)], *PAIR), *PAIR, NOW)
    assert best_price_from(found, 2 * 10**6) is None
    both = found.best(2 * 10**9)
    assert both is not None
    assert both.amount_out > 10**6 // 2


@pytest.mark.parametrize("amount", [10**10, U64_MAX])
def test_amounts_that_are_too_large_are_bounded_by_the_largest(amount: int) -> None:
    shallow = Paths(listed([dlmm(10**9, 10**9)], *PAIR), *PAIR, NOW)
    assert shallow.best(amount) is None
    largest = shallow.best(10**9)
    assert largest is not None
    assert Fraction(1, 2) < worst_price_until(shallow, amount) < Fraction(largest.amount_out, 10**9)
