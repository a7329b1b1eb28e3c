"""Meteora DAMM v2 (cp-amm): constant liquidity in one price range, with a static base fee.

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

FEE_DENOMINATOR = 1_000_000_000
"""Fee numerators are billionths."""

MAX_FEE_NUMERATOR = 990_000_000
"""99 %: MAX_FEE_NUMERATOR_V1."""

MIN_SQRT_PRICE = 4295048016
MAX_SQRT_PRICE = 79226673521066979257578248091

BOTH_TOKENS, ONLY_B = range(2)
"""`CollectFeeMode`: the fee is taken from the output, or always from token b."""


def delta_a(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """Base units of a between two prices: `L · (√P_upper − √P_lower) / (√P_upper · √P_lower)`.

    `get_delta_amount_a_unsigned_unchecked`.
    """
    numerator = liquidity * (upper - lower)
    return -(-numerator // (lower * upper)) if round_up else numerator // (lower * upper)


def delta_b(lower: int, upper: int, liquidity: int, round_up: bool) -> int:
    """Base units of b between two prices: `L · (√P_upper − √P_lower)`.

    `get_delta_amount_b_unsigned_unchecked`.
    """
    product = liquidity * (upper - lower)
    return -(-product >> 128) if round_up else product >> 128


def price_after_input(sqrt_price: int, liquidity: int, amount: int, a_to_b: bool) -> int:
    """The square-root price after an input: `get_next_sqrt_price_from_input`.

    Rounded up for a and down for b: the price moves no further than the input pays for.
    """
    if a_to_b:
        return ceil_div(liquidity * sqrt_price, liquidity + amount * sqrt_price)
    return sqrt_price + (amount << 128) // liquidity


def price_after_output(sqrt_price: int, liquidity: int, amount: int, a_to_b: bool) -> int:
    """The square-root price after an output: `get_next_sqrt_price_from_output`.

    Raises `LiquidityExhausted` if no price pays that much.
    """
    if a_to_b:
        return sqrt_price - ceil_div(amount << 128, liquidity)
    product = amount * sqrt_price
    if product >= liquidity:
        raise LiquidityExhausted(f"expected less than {liquidity // sqrt_price} out, was {amount}")
    return ceil_div(liquidity * sqrt_price, liquidity - product)


@dataclass(frozen=True, slots=True)
class MeteoraDammV2:
    """A pool. `base_fee_numerator` is in billionths, `protocol_fee_percent` a percentage of the fee.

    `collect_fee_mode` is `BOTH_TOKENS` or `ONLY_B`.
    """

    kind: ClassVar[str] = "meteora_damm_v2"

    sqrt_price: int
    liquidity: int
    base_fee_numerator: int
    protocol_fee_percent: int
    collect_fee_mode: int
    sqrt_min_price: int = MIN_SQRT_PRICE
    sqrt_max_price: int = MAX_SQRT_PRICE

    def fee_on_input(self, a_to_b: bool) -> bool:
        """Whether the fee is taken from the input: `FeeMode::get_fee_mode`."""
        return self.collect_fee_mode == ONLY_B and not a_to_b

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`.

        Raises `ZeroOutput`, `LiquidityExhausted` beyond the price range, `Overflow`, `ValueError`.
        """
        return self._exact_in(amount_in, a_to_b)[0]

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        check_amount(amount_in)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        net = amount_in + -amount_in * rate // FEE_DENOMINATOR if on_input else amount_in
        _, gross_out = self._move(net, a_to_b)
        return gross_out if on_input else gross_out + -gross_out * rate // FEE_DENOMINATOR

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`. Raises `LiquidityExhausted`, `Overflow`, `ValueError`."""
        check_amount(amount_out)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        gross_out = amount_out if on_input else ceil_div(amount_out * FEE_DENOMINATOR, FEE_DENOMINATOR - rate)
        price = self.sqrt_price
        next_price = price_after_output(price, self.liquidity, gross_out, a_to_b)
        self._check_range(next_price)
        delta = delta_a if a_to_b else delta_b
        net = delta(min(price, next_price), max(price, next_price), self.liquidity, round_up=True)
        amount_in = ceil_div(net * FEE_DENOMINATOR, FEE_DENOMINATOR - rate) if on_input else net
        self._check_vault(net, a_to_b)
        if amount_in > U64_MAX:
            raise Overflow(f"expected at most {U64_MAX} in, was {amount_in}")
        return self._swap(amount_in, amount_out, net, gross_out, on_input, a_to_b)

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """The swap, and the pool after it. The fee is not part of the liquidity, so it does not move the price."""
        swap, next_price = self._exact_in(amount_in, a_to_b)
        return swap, replace(self, sqrt_price=next_price)

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The price without fee: base units out per base unit in, as a fraction."""
        square = self.sqrt_price * self.sqrt_price
        return (square, 1 << 128) if a_to_b else (1 << 128, square)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The largest input after which the marginal price, fee deducted, is still at least `price`; perhaps 0.

        Before rounding, the marginal price is the pool's price after the net input times `1 − fee`. The input is
        rounded down.
        """
        numerator, denominator = price
        kept = FEE_DENOMINATOR - self.base_fee_numerator
        if a_to_b:
            target = isqrt(((numerator * FEE_DENOMINATOR << 128) - 1) // (denominator * kept)) + 1
            passed, beyond = target >= self.sqrt_price, target < self.sqrt_min_price
        else:
            target = isqrt((denominator * kept << 128) // (numerator * FEE_DENOMINATOR))
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
        gross = ((net + 1) * FEE_DENOMINATOR - 1) // kept if self.fee_on_input(a_to_b) and net else net
        return min(gross, most)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The input that takes the price to the end of its range, at most a u64."""
        price, liquidity = self.sqrt_price, self.liquidity
        if a_to_b:
            low = self.sqrt_min_price - 1
            net = (liquidity * (price - low) - 1) // (low * price)
        else:
            net = (liquidity * (self.sqrt_max_price - price + 1) - 1) >> 128
        net = min(net, U64_MAX - self.depth(not a_to_b))
        gross = (
            ((net + 1) * FEE_DENOMINATOR - 1) // (FEE_DENOMINATOR - self.base_fee_numerator)
            if self.fee_on_input(a_to_b)
            else net
        )
        return min(gross, U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        if a_to_b:
            return delta_b(self.sqrt_min_price, self.sqrt_price, self.liquidity, round_up=False)
        return delta_a(self.sqrt_price, self.sqrt_max_price, self.liquidity, round_up=False)

    def to_json(self) -> dict[str, str]:
        return {name: str(getattr(self, name)) for name in self.__slots__}

    @classmethod
    def from_json(cls, value: object) -> Self:
        """The pool with this state. The price range is optional: by default all prices. Raises `CorruptState`."""
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
        """The swap and the square-root price after it: `get_swap_result_from_exact_input`."""
        check_amount(amount_in)
        rate = self.base_fee_numerator
        on_input = self.fee_on_input(a_to_b)
        net = amount_in + -amount_in * rate // FEE_DENOMINATOR if on_input else amount_in
        next_price, gross_out = self._move(net, a_to_b)
        amount_out = gross_out if on_input else gross_out + -gross_out * rate // FEE_DENOMINATOR
        if not amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        return self._swap(amount_in, amount_out, net, gross_out, on_input, a_to_b), next_price

    def _move(self, net: int, a_to_b: bool) -> tuple[int, int]:
        """The next square-root price, and the output before fee: `calculate_a_to_b_from_amount_in` or `…_b_to_a_…`."""
        price, liquidity = self.sqrt_price, self.liquidity
        next_price = price_after_input(price, liquidity, net, a_to_b)
        self._check_range(next_price)
        self._check_vault(net, a_to_b)
        if a_to_b:
            return next_price, liquidity * (price - next_price) >> 128
        return next_price, liquidity * (next_price - price) // (price * next_price)

    def _check_range(self, next_price: int) -> None:
        if not self.sqrt_min_price <= next_price <= self.sqrt_max_price:
            raise LiquidityExhausted(f"expected a square-root price within the pool's range, was {next_price}")

    def _check_vault(self, net: int, a_to_b: bool) -> None:
        if net + self.depth(not a_to_b) > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {net + self.depth(not a_to_b)}")

    def _swap(self, amount_in: int, amount_out: int, net: int, gross_out: int, on_input: bool, a_to_b: bool) -> Swap:
        fee = amount_in - net if on_input else gross_out - amount_out
        protocol = fee * self.protocol_fee_percent // 100
        out, into = self.spot_price(a_to_b)
        impact = (net * out - gross_out * into, net * out)
        return Swap(amount_in, amount_out, Fees(fee - protocol, protocol, 0, 0), on_input, impact, on_input)
