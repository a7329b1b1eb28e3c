"""What holds for a pool of any kind."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from order_engine.dex.errors import CorruptState, DexError, ZeroOutput
from order_engine.dex.pool import KINDS, Pool, load, min_out
from order_engine.dex.swaps import Swap
from tests.unit.engine.dex.made_pools import MAKERS, NOW, Make, pools_of_a_pair

pools = pools_of_a_pair(10**4, 10**13, (1, 1)).map(lambda found: found[0])
each_kind = pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
amounts = st.integers(1, 10**13)


def swapped(pool: Pool, amount: int, a_to_b: bool) -> tuple[Swap, Pool]:
    """What a pool that takes the amount does with it."""
    try:
        return pool.swap(amount, a_to_b, NOW)
    except DexError:
        assume(False)
        raise


@given(pools, st.booleans(), amounts)
def test_a_quote_an_output_and_a_swap_agree(pool: Pool, a_to_b: bool, amount: int) -> None:
    swap, after = swapped(pool, amount, a_to_b)
    assert swap == pool.quote(amount, a_to_b, NOW)
    assert swap.amount_in == amount
    assert 0 < swap.amount_out == pool.output(amount, a_to_b, NOW) <= pool.depth(a_to_b)
    assert type(pool).from_json(after.to_json()) == after


@given(pools, st.booleans(), amounts, amounts)
def test_a_larger_input_never_pays_less(pool: Pool, a_to_b: bool, a: int, b: int) -> None:
    small, large = sorted((a, b))
    assume(large <= pool.max_input(a_to_b, NOW))
    assert pool.output(small, a_to_b, NOW) <= pool.output(large, a_to_b, NOW)


@given(pools, st.booleans(), amounts)
def test_there_and_back_is_never_a_gain(pool: Pool, a_to_b: bool, amount: int) -> None:
    there, after = swapped(pool, amount, a_to_b)
    back, _ = swapped(after, there.amount_out, not a_to_b)
    assert back.amount_out <= amount


@given(pools, st.booleans(), st.integers(10**4, 10**12), st.integers(1, 99))
def test_one_swap_in_two_parts_gains_no_more_than_the_rounding(
    pool: Pool, a_to_b: bool, amount: int, percent: int
) -> None:
    whole, _ = swapped(pool, amount, a_to_b)
    first, after = swapped(pool, amount * percent // 100, a_to_b)
    second, _ = swapped(after, amount - amount * percent // 100, a_to_b)
    # What the providers keep of the first part's fee deepens the pool for the second: of nothing else can it be more.
    allowed = Fraction(whole.amount_out, 10**3) if pool.kind.startswith("raydium") else 0
    # A part may end in the middle of a bin, or of a unit of the fee.
    assert first.amount_out + second.amount_out <= whole.amount_out + allowed + 3 * (1 + whole.amount_out // amount)


@given(pools, st.booleans(), amounts)
def test_no_price_is_better_than_the_spot_price(pool: Pool, a_to_b: bool, amount: int) -> None:
    swap, _ = swapped(pool, amount, a_to_b)
    numerator, denominator = pool.spot_price(a_to_b)
    assert swap.amount_out * denominator <= amount * numerator
    assert 0 <= Fraction(*swap.price_impact) <= 1 or not swap.price_impact[1]


@given(pools, st.booleans())
def test_what_a_pool_can_take_it_takes_and_no_more(pool: Pool, a_to_b: bool) -> None:
    most = pool.max_input(a_to_b, NOW)
    assume(0 < most < 2**64 - 1)
    pool.output(most, a_to_b, NOW)
    with pytest.raises(DexError):
        pool.output(most + 1, a_to_b, NOW)


@given(pools, st.booleans(), st.integers(1, 999))
def test_the_input_until_a_price_stops_where_the_price_does(pool: Pool, a_to_b: bool, part: int) -> None:
    numerator, denominator = pool.spot_price(a_to_b)
    fewer = pool.input_until((numerator * (part + 1), denominator * 1_000), a_to_b, NOW)
    more = pool.input_until((numerator * part, denominator * 1_000), a_to_b, NOW)
    assert 0 <= fewer <= more <= pool.max_input(a_to_b, NOW)


@each_kind
@pytest.mark.parametrize("amount", [0, -1, 2**64])
def test_an_amount_that_no_instruction_can_carry_is_refused(make: Make, amount: int) -> None:
    pool = make(10**9, 10**9)
    for call in (pool.quote, pool.output, pool.swap):
        with pytest.raises(ValueError, match=f"expected an amount from 1 to {2**64 - 1} base units, was {amount}"):
            call(amount, True, NOW)


@each_kind
def test_what_is_worth_less_than_a_unit_is_no_swap(make: Make) -> None:
    pool = make(10**12, 10**6)
    assert pool.output(1, True, NOW) == 0
    with pytest.raises(ZeroOutput):
        pool.quote(1, True, NOW)


@each_kind
def test_a_pool_is_loaded_by_its_kind(make: Make) -> None:
    pool = make(10**12, 10**6)
    assert KINDS[pool.kind] is type(pool)
    assert load(pool.kind, pool.to_json()) == pool
    with pytest.raises(CorruptState, match="kind: expected one of raydium_cp, raydium_amm_v4"):
        load("orca", pool.to_json())


@given(st.integers(0, 2**64), st.integers(0, 10_000))
def test_min_out_never_exceeds_the_quote(quoted: int, slippage_bps: int) -> None:
    least = min_out(quoted, slippage_bps)
    assert 0 <= least <= quoted
    assert least * 10_000 <= quoted * (10_000 - slippage_bps) < (least + 1) * 10_000
