"""Raydium AMM v4: a constant product whose whole swap fee stays in the reserves.

Source: raydium-io/raydium-amm, program/src/processor.rs (`process_swap_base_in_v2`, `process_swap_base_out_v2`) and
program/src/math.rs (`swap_token_amount_base_in`, `swap_token_amount_base_out`). Token a is the coin, token b the pc.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar, Self

from order_engine.dex.constant_product import ConstantProduct
from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.rounding import U64_MAX, ceil_div, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import Fees, Swap


@dataclass(frozen=True, slots=True)
class RaydiumAmmV4(ConstantProduct):
    """A pool. `reserve_a` (coin) and `reserve_b` (pc) are the vaults' balances less the profit still to be taken.

    The fee is the fraction `swap_fee_numerator / swap_fee_denominator` of the input.
    """

    kind: ClassVar[str] = "raydium_amm_v4"

    reserve_a: int
    reserve_b: int
    swap_fee_numerator: int
    swap_fee_denominator: int

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`. The fee is on the input, rounded up.

        Raises `ZeroOutput`, `Overflow`, `ValueError`.
        """
        check_amount(amount_in)
        x, y = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        fee = -(-amount_in * self.swap_fee_numerator // self.swap_fee_denominator)
        net = amount_in - fee
        amount_out = y * net // (x + net)
        if x + amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {x + amount_in}")
        if not amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        return Swap(amount_in, amount_out, Fees(fee, 0, 0, 0), True, (net * y - amount_out * x, net * y))

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        check_amount(amount_in)
        x, y = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        if x + amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {x + amount_in}")
        net = amount_in + -amount_in * self.swap_fee_numerator // self.swap_fee_denominator
        return y * net // (x + net)

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`, with both divisions rounded up.

        Raises `LiquidityExhausted`, `Overflow`, `ValueError`.
        """
        check_amount(amount_out)
        x, y = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        if amount_out >= y:
            raise LiquidityExhausted(f"expected less than {y} out, was {amount_out}")
        net = ceil_div(x * amount_out, y - amount_out)
        denominator = self.swap_fee_denominator
        amount_in = ceil_div(net * denominator, denominator - self.swap_fee_numerator)
        if x + amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {x + amount_in}")
        return Swap(amount_in, amount_out, Fees(amount_in - net, 0, 0, 0), True, (net * y - amount_out * x, net * y))

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        swap = self.quote(amount_in, a_to_b, now)
        return swap, self.after(swap, a_to_b)

    def after(self, swap: Swap, a_to_b: bool) -> Self:
        """The pool after this swap."""
        gain, loss = (swap.amount_in, -swap.amount_out) if a_to_b else (-swap.amount_out, swap.amount_in)
        return type(self)(
            self.reserve_a + gain, self.reserve_b + loss, self.swap_fee_numerator, self.swap_fee_denominator
        )

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """As for `RaydiumCp`: the marginal price is `(1 − fee) · x · y / (x + net)²`."""
        numerator, denominator = price
        x, y = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        scale = self.swap_fee_denominator
        kept = scale - self.swap_fee_numerator
        net = isqrt(x * y * kept * denominator // (numerator * scale)) - x
        if net <= 0:
            return 0
        return min(((net + 1) * scale - 1) // kept, U64_MAX - x)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Raises `CorruptState`."""
        state = State(value, cls.__slots__)
        pool = cls(
            state.integer("reserve_a", 1, U64_MAX),
            state.integer("reserve_b", 1, U64_MAX),
            state.integer("swap_fee_numerator", 0, U64_MAX),
            state.integer("swap_fee_denominator", 1, U64_MAX),
        )
        if pool.swap_fee_numerator >= pool.swap_fee_denominator:
            raise CorruptState("swap_fee_numerator", "less than swap_fee_denominator", pool.swap_fee_numerator)
        return pool
