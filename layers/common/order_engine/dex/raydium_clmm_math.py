"""The arithmetic of a Raydium CLMM swap within one tick range.

Source: raydium-io/raydium-clmm, programs/amm/src/libraries/{swap_math,sqrt_price_math,liquidity_math,tick_math}.rs.
Square roots of prices are Q64.64, token 1 per token 0.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

from order_engine.dex.errors import LiquidityExhausted, Overflow
from order_engine.dex.rounding import Q64, U64_MAX, U128_MAX, ceil_div

FEE_RATE_DENOMINATOR = 1_000_000
"""Fee rates are millionths. FEE_RATE_DENOMINATOR_VALUE in the program."""

MIN_TICK, MAX_TICK = -443_636, 443_636
MIN_SQRT_PRICE = 4295048016
MAX_SQRT_PRICE = 79226673521066979257578248091

_FACTORS = (
    0xFFFCB933BD6FB800,
    0xFFF97272373D4000,
    0xFFF2E50F5F657000,
    0xFFE5CACA7E10F000,
    0xFFCB9843D60F7000,
    0xFF973B41FA98E800,
    0xFF2EA16466C9B000,
    0xFE5DEE046A9A3800,
    0xFCBE86C7900BB000,
    0xF987A7253AC65800,
    0xF3392B0822BB6000,
    0xE7159475A2CAF000,
    0xD097F3BDFD2F2000,
    0xA9F746462D9F8000,
    0x70D869A156F31C00,
    0x31BE135F97ED3200,
    0x9AA508B5B85A500,
    0x5D6AF8DEDC582C,
    0x2216E584F5FA,
)
"""`2⁶⁴ / 1.0001^(2^(i − 1))` for bit i of a tick."""


@lru_cache(maxsize=1 << 16)
def sqrt_price_at_tick(tick: int) -> int:
    """`1.0001^(tick / 2)` in Q64.64: `get_sqrt_price_at_tick`. Raises `Overflow` for a tick out of range."""
    if not MIN_TICK <= tick <= MAX_TICK:
        raise Overflow(f"expected a tick from {MIN_TICK} to {MAX_TICK}, was {tick}")
    ratio = Q64
    for bit, factor in enumerate(_FACTORS):
        if abs(tick) >> bit & 1:
            ratio = ratio * factor >> 64
    return U128_MAX // ratio if tick > 0 else ratio


def tick_at_sqrt_price(sqrt_price: int) -> int:
    """The highest tick whose price is not above `sqrt_price`: `get_tick_at_sqrt_price`.

    A base-2 logarithm to 16 bits and a change of base leave at most two candidates. Raises `Overflow` for a price out
    of range.
    """
    if not MIN_SQRT_PRICE <= sqrt_price < MAX_SQRT_PRICE:
        raise Overflow(f"expected a price from {MIN_SQRT_PRICE} to below {MAX_SQRT_PRICE}, was {sqrt_price}")
    top = sqrt_price.bit_length() - 1
    r = sqrt_price >> top - 63 if top >= 64 else sqrt_price << 63 - top
    fraction = 0
    for bit in range(63, 47, -1):
        r *= r
        above_two = r >> 127
        r >>= 63 + above_two
        fraction |= above_two << bit
    logarithm = ((top - 64 << 32) + (fraction >> 32)) * 59543866431248
    low = logarithm - 184467440737095516 >> 64
    high = logarithm + 15793534762490258745 >> 64
    return high if low == high or sqrt_price_at_tick(high) <= sqrt_price else low


class Step(NamedTuple):
    """The swap within one range: `SwapComputationResult`. `amount_in` does not include a fee on the input."""

    sqrt_price_next: int
    amount_in: int
    amount_out: int
    fee_amount: int


def delta_amounts(sqrt_a: int, sqrt_b: int, liquidity: int, zero_for_one: bool) -> tuple[int, int]:
    """The input, rounded up, and the output, rounded down, between two prices: `get_delta_amounts_for_swap`.

    Either may exceed a u64.
    """
    difference = liquidity * abs(sqrt_b - sqrt_a)
    product = sqrt_a * sqrt_b
    if zero_for_one:
        return -((-difference << 64) // product), difference >> 64
    return -(-difference >> 64), (difference << 64) // product


def sqrt_price_after_input(sqrt_price: int, liquidity: int, amount: int, zero_for_one: bool) -> int:
    """The price after an input, rounded up for token 0, down for token 1: `get_next_sqrt_price_from_input`."""
    if zero_for_one:
        numerator = liquidity << 64
        return ceil_div(numerator * sqrt_price, numerator + amount * sqrt_price)
    return sqrt_price + (amount << 64) // liquidity


def sqrt_price_after_output(sqrt_price: int, liquidity: int, amount: int, zero_for_one: bool) -> int:
    """The price after an output: `get_next_sqrt_price_from_output`. Raises `LiquidityExhausted` if no price pays it."""
    if zero_for_one:
        return sqrt_price - ceil_div(amount << 64, liquidity)
    numerator = liquidity << 64
    if amount * sqrt_price >= numerator:
        raise LiquidityExhausted(f"expected less than {numerator // sqrt_price} out, was {amount}")
    return ceil_div(numerator * sqrt_price, numerator - amount * sqrt_price)


def compute_swap(
    sqrt_price: int,
    sqrt_price_target: int,
    liquidity: int,
    amount_remaining: int,
    fee_rate: int,
    is_base_input: bool,
    zero_for_one: bool,
    is_fee_on_input: bool = True,
) -> Step:
    """The swap of `amount_remaining`, at most up to the target price: `compute_swap`. `fee_rate` is in millionths.

    If the target is not reached, the part of the input that rounding leaves over is fee. Raises `Overflow` if the
    amounts of the step do not fit a u64.
    """
    kept = FEE_RATE_DENOMINATOR - fee_rate
    amount = amount_remaining
    if is_base_input and is_fee_on_input:
        amount = amount_remaining * kept // FEE_RATE_DENOMINATOR
    elif not is_base_input and not is_fee_on_input:
        amount = ceil_div(amount_remaining * FEE_RATE_DENOMINATOR, kept)
    reached = sqrt_price_target
    amount_in, amount_out = delta_amounts(sqrt_price_target, sqrt_price, liquidity, zero_for_one)
    fits = amount_in <= U64_MAX and amount_out <= U64_MAX
    if not fits or amount < (amount_in if is_base_input else amount_out):
        after = sqrt_price_after_input if is_base_input else sqrt_price_after_output
        reached = after(sqrt_price, liquidity, amount, zero_for_one)
        amount_in, amount_out = delta_amounts(reached, sqrt_price, liquidity, zero_for_one)
        if max(amount_in, amount_out) > U64_MAX:
            raise Overflow(f"expected amounts of at most {U64_MAX}, was {amount_in} in and {amount_out} out")
    if is_base_input and is_fee_on_input:
        fee = amount_remaining - amount_in if reached != sqrt_price_target else ceil_div(amount_in * fee_rate, kept)
        return Step(reached, amount_in, amount_out, fee)
    if is_base_input:
        fee = ceil_div(amount_out * fee_rate, FEE_RATE_DENOMINATOR)
        if reached != sqrt_price_target:
            amount_in = amount_remaining
        return Step(reached, amount_in, amount_out - fee, fee)
    if is_fee_on_input:
        return Step(reached, amount_in, min(amount_out, amount_remaining), ceil_div(amount_in * fee_rate, kept))
    net = min(amount_out - ceil_div(amount_out * fee_rate, FEE_RATE_DENOMINATOR), amount_remaining)
    return Step(reached, amount_in, net, amount_out - net)
