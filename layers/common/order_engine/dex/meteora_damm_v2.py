"""Meteora DAMM v2 (cp-amm): one price range with constant liquidity, static base fee.

Source: MeteoraAg/damm-v2, programs/cp-amm/src/liquidity_handler/concentrated_liquidity.rs (price and amounts),
state/pool.rs (`get_swap_result_from_exact_input`, `…_exact_output`) and state/fee.rs (`get_fee_on_amount`,
`get_included_fee_amount`, `split_fees`, `FeeMode::get_fee_mode`). Square roots of prices are Q64.64, b per a;
liquidity has 128 fractional bits.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import isqrt
from typing import ClassVar, Self

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.rounding import U64_MAX, U128_MAX, ceil_div, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import Fees, Swap

FEE = 1_000_000_000
"""What the fee numerator is divided by: FEE_DENOMINATOR."""

MAX_FEE_NUMERATOR = 990_000_000
"""99 %: MAX_FEE_NUMERATOR_V1."""

MIN_SQRT_PRICE = 4295048016
MAX_SQRT_PRICE = 79226673521066979257578248091

BOTH_TOKENS, ONLY_B = range(2)
"""`CollectFeeMode`: the fee is taken from the output, or from b on either side."""


def delta_a(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """`get_delta_amount_a_unsigned_unchecked`: `L · (√P_upper − √P_lower) / (√P_upper · √P_lower)` base units of a."""
    numerator = liquidity * (upper - lower)
    return -(-numerator // (lower * upper)) if round_up else numerator // (lower * upper)


def delta_b(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """`get_delta_amount_b_unsigned_unchecked`: `L · (√P_upper − √P_lower)` base units of b."""
    product = liquidity * (upper - lower)
    return -(-product >> 128) if round_up else product >> 128


def price_after_input(sqrt_price: int, liquidity: int, amount: int, a_to_b: bool) -> int:
    """`get_next_sqrt_price_from_input`: rounded up for a, down for b, so that the price never passes what was paid."""
    if a_to_b:
        return ceil_div(liquidity * sqrt_price, liquidity + amount * sqrt_price)
    return sqrt_price + (amount << 128) // liquidity


def price_after_output(sqrt_price: int, liquidity: int, amount: int, a_to_b: bool) -> int:
    """`get_next_sqrt_price_from_output`. Raises `LiquidityExhausted` where no price gives that much."""
    if a_to_b:
        return sqrt_price - ceil_div(amount << 128, liquidity)
    product = amount * sqrt_price
    if product >= liquidity:
        raise LiquidityExhausted(f"expected less than {liquidity // sqrt_price} out, was {amount}")
    return ceil_div(liquidity * sqrt_price, liquidity - product)


@dataclass(frozen=True, slots=True)
class MeteoraDammV2:
    """`base_fee_numerator` in billionths, `protocol_fee_percent` of the fee, `collect_fee_mode` 0 or 1."""

    kind: ClassVar[str] = "meteora_damm_v2"

    sqrt_price: int
    liquidity: int
    base_fee_numerator: int
    protocol_fee_percent: int
    collect_fee_mode: int
    sqrt_min_price: int = MIN_SQRT_PRICE
    sqrt_max_price: int = MAX_SQRT_PRICE

    def fee_on_input(self, a_to_b: bool) -> bool:
        """`FeeMode::get_fee_mode`."""
        return self.collect_fee_mode == ONLY_B and not a_to_b

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """Exact in. Raises `ZeroOutput`, `LiquidityExhausted` beyond the price range, `Overflow`, `ValueError`."""
        swap, _ = self._exact_in(amount_in, a_to_b)
        if not swap.amount_out:
            raise ZeroOutput(f"expected an input worth a base unit, was {amount_in}")
        return swap

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0."""
        check_amount(amount_in)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        net = amount_in + -amount_in * rate // FEE if on_input else amount_in
        _, gross_out = self._move(net, a_to_b)
        return gross_out if on_input else gross_out + -gross_out * rate // FEE

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`. Raises `LiquidityExhausted`, `Overflow`, `ValueError`."""
        check_amount(amount_out)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        gross_out = amount_out if on_input else ceil_div(amount_out * FEE, FEE - rate)
        price = self.sqrt_price
        next_price = price_after_output(price, self.liquidity, gross_out, a_to_b)
        self._check_range(next_price)
        delta = delta_a if a_to_b else delta_b
        net = delta(min(price, next_price), max(price, next_price), self.liquidity, round_up=True)
        amount_in = ceil_div(net * FEE, FEE - rate) if on_input else net
        self._check_vault(net, a_to_b)
        if amount_in > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} in, was {amount_in}")
        return self._swap(amount_in, amount_out, net, gross_out, on_input, a_to_b)

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """Also the pool after it. No part of the fee moves the price: it is claimed apart."""
        swap, next_price = self._exact_in(amount_in, a_to_b)
        if not swap.amount_out:
            raise ZeroOutput(f"expected an input worth a base unit, was {amount_in}")
        return swap, replace(self, sqrt_price=next_price)

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """Base units out per base unit in, without fee."""
        square = self.sqrt_price * self.sqrt_price
        return (square, 1 << 128) if a_to_b else (1 << 128, square)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The input after which the marginal price, fees deducted, is still at least `price`; 0 if it starts below.

        Without roundings the marginal price is the pool's price after the net input, times what the fee leaves of
        one; the input is rounded down.
        """
        numerator, denominator = price
        left = FEE - self.base_fee_numerator
        if a_to_b:
            target = isqrt(((numerator * FEE << 128) - 1) // (denominator * left)) + 1
            passed, beyond = target >= self.sqrt_price, target < self.sqrt_min_price
        else:
            target = isqrt((denominator * left << 128) // (numerator * FEE))
            passed, beyond = target <= self.sqrt_price, target > self.sqrt_max_price
        if passed:
            return 0
        most = self.max_input(a_to_b, now)
        if beyond:
            return most
        if a_to_b:
            net = delta_a(target, self.sqrt_price, self.liquidity, round_up=False)
        else:
            net = delta_b(self.sqrt_price, target, self.liquidity, round_up=False)
        gross = ((net + 1) * FEE - 1) // left if self.fee_on_input(a_to_b) and net else net
        return min(gross, most)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """What takes the price to the end of its range, or what a u64 can hold."""
        price, liquidity = self.sqrt_price, self.liquidity
        if a_to_b:
            low = self.sqrt_min_price - 1
            net = (liquidity * (price - low) - 1) // (low * price)
        else:
            net = (liquidity * (self.sqrt_max_price - price + 1) - 1) >> 128
        net = min(net, U64_MAX - self.depth(not a_to_b))
        gross = ((net + 1) * FEE - 1) // (FEE - self.base_fee_numerator) if self.fee_on_input(a_to_b) else net
        return min(gross, U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        if a_to_b:
            return delta_b(self.sqrt_min_price, self.sqrt_price, self.liquidity, round_up=False)
        return delta_a(self.sqrt_price, self.sqrt_max_price, self.liquidity, round_up=False)

    def to_json(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Raises `CorruptState`. The price range may be left out: the whole."""
        state = State(value, cls.__slots__[:-2], cls.__slots__[-2:])
        low = state.integer("sqrt_min_price", MIN_SQRT_PRICE, MAX_SQRT_PRICE - 1, MIN_SQRT_PRICE)
        high = state.integer("sqrt_max_price", low + 1, MAX_SQRT_PRICE, MAX_SQRT_PRICE)
        pool = cls(
            state.integer("sqrt_price", low, high),
            state.integer("liquidity", 1, U128_MAX),
            state.integer("base_fee_numerator", 0, MAX_FEE_NUMERATOR),
            state.integer("protocol_fee_percent", 0, 100),
            state.integer("collect_fee_mode", BOTH_TOKENS, ONLY_B),
            low,
            high,
        )
        if pool.depth(True) > U64_MAX or pool.depth(False) > U64_MAX:
            raise CorruptState("liquidity", f"reserves of at most {U64_MAX}", pool.liquidity)
        return pool

    def _exact_in(self, amount_in: int, a_to_b: bool) -> tuple[Swap, int]:
        """`get_swap_result_from_exact_input`: the swap and the square root of the price after it."""
        check_amount(amount_in)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        net = amount_in + -amount_in * rate // FEE if on_input else amount_in
        next_price, gross_out = self._move(net, a_to_b)
        amount_out = gross_out if on_input else gross_out + -gross_out * rate // FEE
        return self._swap(amount_in, amount_out, net, gross_out, on_input, a_to_b), next_price

    def _move(self, net: int, a_to_b: bool) -> tuple[int, int]:
        """`calculate_a_to_b_from_amount_in` or `…_b_to_a_…`: the next square root and what comes out, fee included."""
        price, liquidity = self.sqrt_price, self.liquidity
        next_price = price_after_input(price, liquidity, net, a_to_b)
        self._check_range(next_price)
        self._check_vault(net, a_to_b)
        if a_to_b:
            return next_price, liquidity * (price - next_price) >> 128
        return next_price, liquidity * (next_price - price) // (price * next_price)

    def _check_range(self, next_price: int) -> None:
        if not self.sqrt_min_price <= next_price <= self.sqrt_max_price:
            raise LiquidityExhausted(f"expected a price within the range, was {next_price} (square root, Q64.64)")

    def _check_vault(self, net: int, a_to_b: bool) -> None:
        if net + self.depth(not a_to_b) > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {net} more than {self.depth(not a_to_b)}")

    def _swap(self, amount_in: int, amount_out: int, net: int, gross_out: int, on_input: bool, a_to_b: bool) -> Swap:
        fee = amount_in - net if on_input else gross_out - amount_out
        protocol = fee * self.protocol_fee_percent // 100
        out, into = self.spot_price(a_to_b)
        impact = (net * out - gross_out * into, net * out)
        return Swap(amount_in, amount_out, Fees(fee - protocol, protocol, 0, 0), on_input, impact, on_input)
