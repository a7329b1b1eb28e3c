from __future__ import annotations

from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex import routing
from order_engine.dex.constant_product import Pool, apply, min_out, swap

reserves = st.integers(1_000, 10**18)
pools = st.builds(Pool, reserves, reserves, st.integers(0, 1_000))
amounts = st.integers(1, 10**18)


@given(pools, amounts)
def test_no_swap_takes_value_out_of_the_pool(pool: Pool, amount: int) -> None:
    after = apply(pool, swap(pool, amount))
    assert after.reserve_in * after.reserve_out >= pool.reserve_in * pool.reserve_out
    assert after.reserve_out > 0


@given(pools, amounts, amounts)
def test_a_larger_input_never_pays_less(pool: Pool, a: int, b: int) -> None:
    small, large = sorted((a, b))
    assert swap(pool, small).amount_out <= swap(pool, large).amount_out


@given(pools, amounts)
def test_the_fee_is_at_least_the_stated_rate(pool: Pool, amount: int) -> None:
    assert swap(pool, amount).fee * 10_000 >= amount * pool.fee_bps


def test_a_swap_worked_out_by_hand() -> None:
    found = swap(Pool(1_000_000, 2_000_000, 30), 10_000)
    assert (found.fee, found.amount_out, found.price_impact_bps) == (30, 19_743, 98)


@given(st.integers(0, 2**64), st.integers(0, 10_000))
def test_min_out_never_exceeds_the_quote(quoted: int, slippage_bps: int) -> None:
    least = min_out(quoted, slippage_bps)
    assert 0 <= least <= quoted
    assert least * 10_000 <= quoted * (10_000 - slippage_bps) < (least + 1) * 10_000


@dataclass(frozen=True)
class Offer:
    venue: str
    amount_out: int
    depth: int


def test_the_best_price_wins_whatever_the_order() -> None:
    low, high = Offer("raydium", 100, 9), Offer("meteora", 101, 1)
    assert routing.best([low, high]) == routing.best([high, low]) == high
    assert routing.reason([low, high]) == "meteora pays 100.00 bps more than raydium"


def test_a_tie_goes_to_the_deeper_pool() -> None:
    shallow, deep = Offer("meteora", 100, 1), Offer("raydium", 100, 9)
    assert routing.best([shallow, deep]) == deep
    assert routing.reason([shallow, deep]) == "raydium pays as much as meteora and has the deeper pool"


def test_a_single_quote_wins_by_default() -> None:
    assert routing.reason([Offer("meteora", 100, 1)]) == "meteora is the only venue with a quote"
