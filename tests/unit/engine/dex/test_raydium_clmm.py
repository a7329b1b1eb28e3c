from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import (
    MAX_SQRT_PRICE,
    MAX_TICK,
    MIN_SQRT_PRICE,
    MIN_TICK,
    compute_swap,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)
from tests.unit.engine.dex.strategies import raydium_clmm, sizes
from tests.unit.engine.dex.vectors import Row, each_row, integers


@each_row("raydium_clmm_step")
def test_a_step_equals_that_of_the_program(row: Row) -> None:
    current, target, liquidity = integers(row, "sqrt_price_current_x64", "sqrt_price_target_x64", "liquidity")
    assert sqrt_price_at_tick(row["tick"]) == current
    step = compute_swap(
        current, target, liquidity, int(row["amount_remaining"]), row["fee_rate_1e6"], True, row["zero_for_one"]
    )
    assert step == integers(row["expected"], "sqrt_price_next_x64", "amount_in", "amount_out", "fee_amount")


@each_row("raydium_clmm_step")
def test_a_pool_with_one_range_swaps_the_step_or_is_exhausted(row: Row) -> None:
    a_to_b, tick = row["zero_for_one"], row["tick"]
    target, liquidity, amount = integers(row, "sqrt_price_target_x64", "liquidity", "amount_remaining")
    end = tick_at_sqrt_price(target)
    assert sqrt_price_at_tick(end) == target
    ticks = Tick(min(end, tick), liquidity), Tick(max(end, tick) + 1 - (not a_to_b), -liquidity)
    pool = RaydiumClmm(sqrt_price_at_tick(tick), tick, liquidity, row["fee_rate_1e6"], 0, 0, ticks)
    price, net, out, fee = integers(row["expected"], "sqrt_price_next_x64", "amount_in", "amount_out", "fee_amount")
    if net + fee < amount:
        with pytest.raises(LiquidityExhausted):
            pool.output(amount, a_to_b, 0)
        assert pool.max_input(a_to_b, 0) == net + fee
    elif out:
        swap, after = pool.swap(amount, a_to_b, 0)
        assert (swap.amount_out, swap.fees.trade, after.sqrt_price) == (out, fee, price)


def test_the_first_and_the_last_tick_have_the_prices_of_the_program() -> None:
    assert sqrt_price_at_tick(MIN_TICK) == MIN_SQRT_PRICE
    assert sqrt_price_at_tick(MAX_TICK) == MAX_SQRT_PRICE
    assert sqrt_price_at_tick(0) == 2**64
    with pytest.raises(Overflow):
        sqrt_price_at_tick(MAX_TICK + 1)
    with pytest.raises(Overflow):
        tick_at_sqrt_price(MAX_SQRT_PRICE)


@given(st.integers(MIN_TICK, MAX_TICK - 1), st.integers(0, 10**6))
def test_the_tick_at_a_price_is_the_highest_not_above_it(tick: int, part: int) -> None:
    low, high = sqrt_price_at_tick(tick), sqrt_price_at_tick(tick + 1)
    assert tick_at_sqrt_price(low + (high - 1 - low) * part // 10**6) == tick


def test_a_swap_across_a_tick_pays_the_sum_of_its_parts() -> None:
    ticks = Tick(-200, 5 * 10**12), Tick(-100, 3 * 10**12), Tick(100, -8 * 10**12)
    pool = RaydiumClmm(2**64, 0, 8 * 10**12, 2500, 120_000, 40_000, ticks)
    near, far = (step for _, step in pool.steps(60_000_000_000, True, exact_in=True))
    first, between = pool.swap(near.amount_in + near.fee_amount, True, 0)
    assert (between.tick, between.liquidity, between.sqrt_price) == (-101, 5 * 10**12, sqrt_price_at_tick(-100))
    second, end = between.swap(60_000_000_000 - first.amount_in, True, 0)
    whole, same_end = pool.swap(60_000_000_000, True, 0)
    assert first.amount_out + second.amount_out == whole.amount_out == near.amount_out + far.amount_out
    assert end == same_end
    assert RaydiumClmm.from_json(between.to_json()) == between


def test_a_last_unit_consumed_by_the_fee_keeps_the_crossed_tick() -> None:
    ticks = Tick(-200, 5 * 10**12), Tick(-100, 3 * 10**12), Tick(100, -8 * 10**12)
    pool = RaydiumClmm(2**64, 0, 8 * 10**12, 2500, 120_000, 40_000, ticks)
    near, _ = (step for _, step in pool.steps(60_000_000_000, True, exact_in=True))
    _, after = pool.swap(near.amount_in + near.fee_amount + 1, True, 0)
    assert (after.tick, after.liquidity, after.sqrt_price) == (-101, 5 * 10**12, sqrt_price_at_tick(-100))
    assert RaydiumClmm.from_json(after.to_json()) == after


@pytest.mark.parametrize(
    ("tick", "a_to_b", "last"), [(-390_000, True, MIN_SQRT_PRICE + 1), (390_000, False, MAX_SQRT_PRICE - 1)]
)
def test_a_swap_stops_short_of_the_last_price(tick: int, a_to_b: bool, last: int) -> None:
    """The program sets this limit for a swap that names none, so that the first and the last tick are never crossed."""
    ticks = Tick(MIN_TICK, 10**9), Tick(MAX_TICK, -(10**9))
    pool = RaydiumClmm(sqrt_price_at_tick(tick), tick, 10**9, 2500, 120_000, 40_000, ticks)
    _, after = pool.swap(pool.max_input(a_to_b, 0), a_to_b, 0)
    assert (after.sqrt_price, after.liquidity) == (last, 10**9)
    assert RaydiumClmm.from_json(after.to_json()) == after
    assert after.max_input(a_to_b, 0) == 0


# Pools of which only the ticks around the price are known


def known(pool: RaydiumClmm, below: int, above: int) -> RaydiumClmm:
    """The pool with at most that many ticks on either side of its price."""
    state = {name: value for name, value in pool.to_json().items() if name != "ticks"}
    at = sum(tick.id <= pool.tick for tick in pool.ticks)
    return RaydiumClmm.with_ticks(state, pool.ticks[max(at - below, 0) : at + above])


@given(raydium_clmm(), st.integers(0, 4), st.integers(0, 4), sizes(64), st.booleans())
def test_a_pool_promises_no_liquidity_beyond_its_known_ticks(
    pool: RaydiumClmm, below: int, above: int, amount: int, a_to_b: bool
) -> None:
    part = known(pool, below, above)
    assert part.depth(a_to_b) <= pool.depth(a_to_b)
    most = part.max_input(a_to_b, 0)
    assert most <= pool.max_input(a_to_b, 0)
    if amount <= most:
        assert part.output(amount, a_to_b, 0) == pool.output(amount, a_to_b, 0)
    else:
        with pytest.raises((LiquidityExhausted, Overflow)):
            part.output(amount, a_to_b, 0)


def test_a_swap_up_to_the_last_known_tick_leaves_the_liquidity_beyond_it() -> None:
    ticks = Tick(-200, 5 * 10**12), Tick(-100, 3 * 10**12), Tick(100, -8 * 10**12)
    pool = known(RaydiumClmm(2**64, 0, 8 * 10**12, 2500, 120_000, 40_000, ticks), 1, 0)
    _, after = pool.swap(pool.max_input(True, 0), True, 0)
    assert (after.tick, after.liquidity, after.ticks) == (-101, 5 * 10**12, ticks[1:2])
    assert pool.max_input(False, 0) == pool.depth(False) == 0


@pytest.mark.parametrize("ticks", [[Tick(-100, 1_001)], [Tick(100, -1_001)], [Tick(100, 2**128)]])
def test_known_ticks_that_make_the_liquidity_impossible_are_refused(ticks: list[Tick]) -> None:
    state = {"sqrt_price": 2**64, "tick": 0, "liquidity": 1_000}
    rates = dict.fromkeys(("trade_fee_rate", "protocol_fee_rate", "fund_fee_rate"), 0)
    with pytest.raises(CorruptState, match="^ticks: expected liquidity that is never negative, was "):
        RaydiumClmm.with_ticks(state | rates, ticks)
