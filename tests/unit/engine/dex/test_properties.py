"""Properties of every kind of pool, in any state, for any amount."""

from __future__ import annotations

import json
from fractions import Fraction

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from order_engine.dex.errors import DexError, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.meteora_damm_v2 import FEE_DENOMINATOR, MeteoraDammV2
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.meteora_dlmm_bins import FEE_PRECISION
from order_engine.dex.meteora_dlmm_fills import UNLIMITED
from order_engine.dex.pool import KINDS, Pool, Swap, load
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm
from order_engine.dex.raydium_cp import FEE_RATE_DENOMINATOR, RaydiumCp
from order_engine.dex.rounding import U64_MAX
from tests.unit.engine.dex.strategies import NOW, POOLS, sizes

every_kind = pytest.mark.parametrize("kind", POOLS)
quickly = settings(max_examples=40)
amounts = sizes(64)
directions = st.booleans()


def a_pool(data: st.DataObject, kind: str) -> Pool:
    return data.draw(POOLS[kind])


def an_amount(data: st.DataObject, pool: Pool, a_to_b: bool) -> int:
    """An amount that the pool takes."""
    most = pool.max_input(a_to_b, NOW)
    assume(most)
    return 1 + (data.draw(amounts) - 1) % most


def a_swap(data: st.DataObject, pool: Pool, a_to_b: bool) -> tuple[Swap, Pool]:
    try:
        return pool.swap(an_amount(data, pool, a_to_b), a_to_b, NOW)
    except ZeroOutput:
        assume(False)
        raise


def test_every_kind_has_a_strategy() -> None:
    assert set(POOLS) == set(KINDS)


@every_kind
@quickly
@given(st.data(), directions)
def test_the_output_never_grows_when_the_input_shrinks(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    pool = a_pool(data, kind)
    small, large = sorted((an_amount(data, pool, a_to_b), an_amount(data, pool, a_to_b)))
    assert pool.output(small, a_to_b, NOW) <= pool.output(large, a_to_b, NOW) <= pool.depth(a_to_b)


@every_kind
@quickly
@given(st.data(), directions)
def test_output_and_swap_agree_with_quote(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    pool, amount = a_pool(data, kind), data.draw(amounts)
    results: list[int | type[DexError]] = []
    for call in (pool.output, lambda *args: pool.quote(*args).amount_out, lambda *args: pool.swap(*args)[0].amount_out):
        try:
            results.append(call(amount, a_to_b, NOW))
        except ZeroOutput:
            results.append(0)
        except DexError as error:
            results.append(type(error))
    assert results[0] == results[1] == results[2]


@every_kind
@quickly
@given(st.data(), directions)
def test_a_pool_takes_its_max_input_and_no_more(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    pool = a_pool(data, kind)
    most = pool.max_input(a_to_b, NOW)
    if most:
        assert pool.output(most, a_to_b, NOW) <= pool.depth(a_to_b)
    if most < U64_MAX:
        with pytest.raises((LiquidityExhausted, Overflow)):
            pool.output(most + 1, a_to_b, NOW)


@every_kind
@quickly
@given(st.data(), directions)
def test_two_swaps_never_pay_more_than_one(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    pool = a_pool(data, kind)
    whole = an_amount(data, pool, a_to_b)
    assume(whole > 1)
    part = 1 + (data.draw(amounts) - 1) % (whole - 1)
    try:
        first, after = pool.swap(part, a_to_b, NOW)
        second = after.output(whole - part, a_to_b, NOW)
    except (ZeroOutput, LiquidityExhausted):
        assume(False)
    if isinstance(pool, MeteoraDlmm) and isinstance(after, MeteoraDlmm):
        # The program lets the volatility, and so the fee, decay at every swap within the active bin.
        assume(after.references(NOW)[0] >= pool.references(NOW)[0])
    assert first.amount_out + second <= pool.output(whole, a_to_b, NOW)


@every_kind
@quickly
@given(st.data(), directions)
def test_a_round_trip_never_profits(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    there, after = a_swap(data, a_pool(data, kind), a_to_b)
    assume(there.amount_out <= after.max_input(not a_to_b, NOW))
    assert after.output(there.amount_out, not a_to_b, NOW) <= there.amount_in


@every_kind
@quickly
@given(st.data(), st.lists(directions, min_size=1, max_size=5))
def test_no_sequence_of_swaps_takes_value_out(kind: str, data: st.DataObject, ways: list[bool]) -> None:
    """A vault accounts for every unit, and the pool never promises more than the vault holds.

    Where the state holds a rounded price, the pool may promise one unit less after each swap, and the vault starts
    with the reserves rounded up.
    """
    pool = a_pool(data, kind)
    vault = {way: pool.depth(way) + 1 for way in (True, False)}  # True is b, the output of a swap from a to b
    for a_to_b in ways:
        most = pool.max_input(a_to_b, NOW)
        if not most:
            continue
        try:
            swap, after = pool.swap(1 + (data.draw(amounts) - 1) % most, a_to_b, NOW)
        except ZeroOutput:
            continue
        vault[not a_to_b] += swap.amount_in - taken_out(pool, swap, a_to_b, on_input=True)
        vault[a_to_b] -= swap.amount_out + taken_out(pool, swap, a_to_b, on_input=False)
        assert load(kind, after.to_json()) == after
        assert after.depth(not a_to_b) <= vault[not a_to_b]
        assert after.depth(a_to_b) <= vault[a_to_b]
        if isinstance(pool, RaydiumCp | RaydiumAmmV4):
            assert after.depth(True) * after.depth(False) >= pool.depth(True) * pool.depth(False)
        if isinstance(pool, RaydiumCp | RaydiumAmmV4 | MeteoraDlmm):
            assert {way: after.depth(way) + 1 for way in vault} == vault
        pool = after


def taken_out(pool: Pool, swap: Swap, a_to_b: bool, on_input: bool) -> int:
    """The units that leave the reserves on that side besides the trader's output: fees that do not stay in them.

    In a DLMM pool also the proceeds of limit orders, and a last unit that its fee consumes.
    """
    fees = swap.fee_in if on_input else swap.fee_out
    if isinstance(pool, RaydiumCp | RaydiumAmmV4) and on_input:
        return fees - swap.fees.trade
    if isinstance(pool, MeteoraDlmm) and on_input:
        fills = pool.fills(swap.amount_in, a_to_b, NOW)
        dust = swap.amount_in - fees - sum(fill.net_in for fill in fills)
        assert 0 <= dust <= 1
        return fees + dust + sum(fill.net_in - fill.market_in for fill in fills)
    return fees


@every_kind
@quickly
@given(st.data(), directions)
def test_the_fee_is_at_least_the_stated_rate(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    pool = a_pool(data, kind)
    swap, _ = a_swap(data, pool, a_to_b)
    assert min(swap.fees) >= 0
    if isinstance(pool, MeteoraDlmm):
        for fill in pool.fills(swap.amount_in, a_to_b, NOW):
            base = fill.amount_in if swap.fee_on_input else fill.gross_out
            assert (fill.fee + fill.protocol_fee) * FEE_PRECISION >= base * fill.fee_rate or not fill.net_in
    elif isinstance(pool, RaydiumCp):
        shared = swap.fees.total - swap.fees.creator
        assert shared * FEE_RATE_DENOMINATOR >= swap.amount_in * pool.trade_fee_rate - (
            FEE_RATE_DENOMINATOR if swap.creator_fee_on_input else 0
        )
        if swap.creator_fee_on_input:
            assert swap.fees.total * FEE_RATE_DENOMINATOR >= swap.amount_in * (
                pool.trade_fee_rate + pool.creator_fee_rate
            )
        else:
            assert (
                swap.fees.creator * FEE_RATE_DENOMINATOR
                >= (swap.amount_out + swap.fees.creator) * pool.creator_fee_rate
            )
    else:
        rate = fee_rate(pool)
        base = swap.amount_in if swap.fee_on_input else swap.amount_out + swap.fees.total
        assert swap.fees.total >= base * rate


def fee_rate(pool: Pool) -> Fraction:
    if isinstance(pool, RaydiumAmmV4):
        return Fraction(pool.swap_fee_numerator, pool.swap_fee_denominator)
    if isinstance(pool, MeteoraDammV2):
        return Fraction(pool.base_fee_numerator, FEE_DENOMINATOR)
    assert isinstance(pool, RaydiumCp | RaydiumClmm)
    return Fraction(pool.trade_fee_rate, FEE_RATE_DENOMINATOR)


@every_kind
@quickly
@given(st.data(), directions)
def test_the_price_impact_lies_between_nothing_and_everything(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    swap, _ = a_swap(data, a_pool(data, kind), a_to_b)
    numerator, denominator = swap.price_impact
    assert 0 <= numerator < denominator
    assert swap.price_impact_bps * denominator >= numerator * 10_000


@every_kind
@quickly
@given(st.data(), directions)
def test_the_input_for_an_exact_output_is_enough_and_the_smallest(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    """The quoted input buys the output; in a constant product one unit less does not."""
    pool = a_pool(data, kind)
    depth = pool.depth(a_to_b)
    assume(depth)
    amount_out = 1 + (data.draw(amounts) - 1) % depth
    try:
        swap = pool.quote_exact_out(amount_out, a_to_b, NOW)
    except (LiquidityExhausted, Overflow):
        assume(False)
    assert swap.amount_out == amount_out
    try:
        assert pool.output(swap.amount_in, a_to_b, NOW) >= amount_out
    except LiquidityExhausted:  # rounded up, the input may exceed the end of the range
        assert isinstance(pool, MeteoraDammV2 | RaydiumClmm)
        assert swap.amount_in > pool.max_input(a_to_b, NOW)
    if isinstance(pool, RaydiumCp | RaydiumAmmV4) and swap.amount_in > 1:
        assert pool.output(swap.amount_in - 1, a_to_b, NOW) < amount_out


@every_kind
@quickly
@given(st.data(), directions)
def test_what_a_swap_pays_costs_at_most_its_input(kind: str, data: st.DataObject, a_to_b: bool) -> None:
    """Raydium CLMM may round each range's input up by one more unit."""
    pool = a_pool(data, kind)
    swap, _ = a_swap(data, pool, a_to_b)
    rounding = len(pool.ticks) if isinstance(pool, RaydiumClmm) else 0
    assert pool.quote_exact_out(swap.amount_out, a_to_b, NOW).amount_in <= swap.amount_in + rounding


@every_kind
@quickly
@given(st.data(), directions, st.integers(1, 3_000))
def test_input_until_a_price_stops_at_that_price(kind: str, data: st.DataObject, a_to_b: bool, bps: int) -> None:
    pool = a_pool(data, kind)
    price = Fraction(*pool.spot_price(a_to_b)) * (10_000 - bps) / 10_000
    amount = pool.input_until((price.numerator, price.denominator), a_to_b, NOW)
    most = pool.max_input(a_to_b, NOW)
    assert 0 <= amount <= most
    if amount:
        assert marginal_price(pool, amount, a_to_b) >= price
    more = amount + amount // 100 + 1_000
    if more <= most:
        assert marginal_price(pool, more, a_to_b) <= price * (1 + Fraction(1, 10**6))


def marginal_price(pool: Pool, amount: int, a_to_b: bool) -> Fraction:
    """The output for the next base unit after that input, fee deducted, before rounding.

    In a DLMM pool, what each unit buys that drains the same bin.
    """
    if isinstance(pool, MeteoraDlmm):
        last = pool.fills(amount, a_to_b, NOW)[-1]
        drained = pool.fill(last.bin, last.fee_rate, last.accumulator, UNLIMITED, a_to_b)
        return Fraction(drained.amount_out, drained.amount_in)
    if isinstance(pool, RaydiumCp | RaydiumAmmV4):
        rate, kept_out = fee_rate(pool), Fraction(1)
        if isinstance(pool, RaydiumCp):
            creator = Fraction(pool.creator_fee_rate, FEE_RATE_DENOMINATOR)
            if pool.creator_fee_on_input(a_to_b):
                rate += creator
            else:
                kept_out -= creator
        x, y = pool.depth(not a_to_b), pool.depth(a_to_b)
        net = amount * (1 - rate) // 1
        return kept_out * (1 - rate) * x * y / (x + net) ** 2
    assume(pool.output(amount, a_to_b, NOW))
    _, after = pool.swap(amount, a_to_b, NOW)
    return Fraction(*after.spot_price(a_to_b)) * (1 - fee_rate(pool))


@every_kind
@quickly
@given(st.data())
def test_a_state_survives_json(kind: str, data: st.DataObject) -> None:
    pool = a_pool(data, kind)
    assert load(kind, json.loads(json.dumps(pool.to_json()))) == pool


@every_kind
@pytest.mark.parametrize("amount", [0, -1, U64_MAX + 1])
@settings(max_examples=1)
@given(st.data())
def test_an_amount_that_is_not_a_positive_u64_is_refused(kind: str, amount: int, data: st.DataObject) -> None:
    pool = a_pool(data, kind)
    for call in (pool.quote, pool.output, pool.swap):
        with pytest.raises(ValueError, match=f"expected an amount from 1 to .*, was {amount}"):
            call(amount, True, NOW)
