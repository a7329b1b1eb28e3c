from __future__ import annotations

import pytest
from hypothesis import given

from order_engine.dex.liquidity import liquidity
from order_engine.dex.pool import Pool
from order_engine.dex.routing import Listing
from order_engine.dex.worth import worth
from tests.unit.engine.dex.builders import amm, cp, pools_of_a_pair
from tests.unit.engine.dex.test_routing import listed, listing

SOL = 10**9
MARKET = [listing("market", amm(1_000 * SOL, 170_000 * 10**6), "SOL-USDC")]
"""SOL is worth 170 USDC."""


def held(*pools: Listing, unit: str = "SOL") -> int:
    return liquidity([*MARKET, *pools], "NEW", unit)


@pytest.mark.parametrize("pair", ["NEW-SOL", "SOL-NEW"])
def test_the_side_of_the_paying_token_counts(pair: str) -> None:
    new, sol = 10**15, 50 * SOL
    pool = cp(new, sol) if pair == "NEW-SOL" else cp(sol, new)
    assert held(listing("pool", pool, pair)) == sol


def test_a_pool_of_another_token_is_valued_at_spot() -> None:
    assert held(listing("pool", cp(10**15, 17_000 * 10**6), "NEW-USDC")) == 100 * SOL
    assert held(listing("pool", cp(10**15, 100 * SOL), "NEW-SOL"), unit="USDC") == 17_000 * 10**6


def test_the_deepest_pool_counts_and_not_the_sum() -> None:
    """Many small pools can't take what a large one can."""
    pools = [listing(f"pool {sol}", cp(10**15, sol * SOL), "NEW-SOL") for sol in (30, 50, 20)]
    assert held(*pools) == 50 * SOL


def test_without_a_pool_there_is_no_liquidity() -> None:
    assert held() == 0
    assert liquidity([], "NEW", "SOL") == 0


def test_a_pool_whose_other_token_nothing_values_holds_nothing() -> None:
    assert held(listing("pool", cp(10**15, 10**15), "NEW-FAKE")) == 0


def test_the_tokens_other_pools_do_not_say_what_a_token_is_worth() -> None:
    """GIVEN a pool with a token that nobody else trades, WHEN its maker also makes one that would price it."""
    pools = [listing("pool", cp(10**15, 10**15), "NEW-FAKE"), listing("price", cp(10, 7 * SOL), "NEW-SOL")]
    assert held(*pools) == 7 * SOL


@given(pools_of_a_pair())
def test_it_is_the_depth_of_a_pool_of_any_kind(pools: list[Pool]) -> None:
    listings = [*MARKET, *listed(pools, "NEW-USDC")]
    deepest = max(pool.depth(True) for pool in pools)
    assert liquidity(listings, "NEW", "USDC") == deepest
    assert liquidity(listings, "NEW", "SOL") == worth(MARKET, deepest, "USDC", "SOL")
