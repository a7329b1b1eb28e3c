"""Raydium CP-Swap (CPMM): a constant product with trade, protocol, fund and creator fees.

Source: raydium-io/raydium-cp-swap, programs/cp-swap/src/curve/{calculator,constant_product,fees}.rs, states/pool.rs.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import isqrt
from typing import ClassVar, NamedTuple, Self

from order_engine.dex.constant_product import ConstantProduct
from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.rounding import U64_MAX, ceil_div, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import Fees, Swap

FEE_RATE_DENOMINATOR = 1_000_000
"""Fee rates are millionths. FEE_RATE_DENOMINATOR_VALUE in the program."""

BOTH_TOKENS, ONLY_A, ONLY_B = range(3)
"""The tokens that the creator fee is taken from: `CreatorFeeOn`. Token a is token 0, token b is token 1."""


class CurveSwap(NamedTuple):
    """`SwapResult` of calculator.rs, in base units.

    `trade_fee` includes `protocol_fee` and `fund_fee`. `net_in` is the input that enters the curve, after fees;
    `gross_out` is the output of the curve, before fees. Amounts may exceed a u64 here: `RaydiumCp` checks them
    afterwards, as the program does.
    """

    amount_in: int
    amount_out: int
    trade_fee: int
    protocol_fee: int
    fund_fee: int
    creator_fee: int
    net_in: int
    gross_out: int


def swap_base_input(
    amount_in: int,
    reserve_in: int,
    reserve_out: int,
    trade_fee_rate: int,
    creator_fee_rate: int,
    protocol_fee_rate: int,
    fund_fee_rate: int,
    creator_fee_on_input: bool,
) -> CurveSwap:
    """The swap of exactly `amount_in`: `CurveCalculator::swap_base_input`. Rates are in millionths.

    A trade fee and a creator fee on the input are rounded up once, as their sum; the creator's share of it is rounded
    down (`Fees::split_creator_fee`). To round each up would cost the trader one base unit more.
    """
    if creator_fee_on_input:
        rate = trade_fee_rate + creator_fee_rate
        total = -(-amount_in * rate // FEE_RATE_DENOMINATOR)
        creator_fee = total * creator_fee_rate // rate if creator_fee_rate else 0
        trade_fee = total - creator_fee
        net_in = amount_in - total
        amount_out = gross_out = net_in * reserve_out // (reserve_in + net_in)
    else:
        trade_fee = -(-amount_in * trade_fee_rate // FEE_RATE_DENOMINATOR)
        net_in = amount_in - trade_fee
        gross_out = net_in * reserve_out // (reserve_in + net_in)
        creator_fee = -(-gross_out * creator_fee_rate // FEE_RATE_DENOMINATOR)
        amount_out = gross_out - creator_fee
    return CurveSwap(
        amount_in,
        amount_out,
        trade_fee,
        trade_fee * protocol_fee_rate // FEE_RATE_DENOMINATOR,
        trade_fee * fund_fee_rate // FEE_RATE_DENOMINATOR,
        creator_fee,
        net_in,
        gross_out,
    )


def swap_base_output(
    amount_out: int,
    reserve_in: int,
    reserve_out: int,
    trade_fee_rate: int,
    creator_fee_rate: int,
    protocol_fee_rate: int,
    fund_fee_rate: int,
    creator_fee_on_input: bool,
) -> CurveSwap:
    """The swap that pays exactly `amount_out`: `CurveCalculator::swap_base_output`. Rates are in millionths.

    Raises `LiquidityExhausted` for an output of the whole reserve or more.
    """
    gross_out = amount_out if creator_fee_on_input else pre_fee_amount(amount_out, creator_fee_rate)
    if gross_out >= reserve_out:
        raise LiquidityExhausted(f"expected less than {reserve_out} out, was {gross_out}")
    net_in = ceil_div(reserve_in * gross_out, reserve_out - gross_out)
    rate = trade_fee_rate + creator_fee_rate if creator_fee_on_input else trade_fee_rate
    amount_in = pre_fee_amount(net_in, rate)
    total = amount_in - net_in
    if creator_fee_on_input:
        creator_fee = total * creator_fee_rate // rate if creator_fee_rate else 0
        trade_fee = total - creator_fee
    else:
        creator_fee = gross_out - amount_out
        trade_fee = total
    return CurveSwap(
        amount_in,
        amount_out,
        trade_fee,
        trade_fee * protocol_fee_rate // FEE_RATE_DENOMINATOR,
        trade_fee * fund_fee_rate // FEE_RATE_DENOMINATOR,
        creator_fee,
        net_in,
        gross_out,
    )


def pre_fee_amount(amount: int, rate: int) -> int:
    """The smallest amount that leaves `amount` after the fee: `Fees::calculate_pre_fee_amount`."""
    return ceil_div(amount * FEE_RATE_DENOMINATOR, FEE_RATE_DENOMINATOR - rate)


@dataclass(frozen=True, slots=True)
class RaydiumCp(ConstantProduct):
    """A pool. `reserve_a` and `reserve_b` are the vaults' balances less accrued protocol, fund and creator fees.

    Rates are millionths: `trade_fee_rate` and `creator_fee_rate` of the amount, `protocol_fee_rate` and
    `fund_fee_rate` of the trade fee. `creator_fee_rate` is 0 if the pool's creator fee is not enabled.
    """

    kind: ClassVar[str] = "raydium_cp"

    reserve_a: int
    reserve_b: int
    trade_fee_rate: int
    protocol_fee_rate: int
    fund_fee_rate: int
    creator_fee_rate: int
    creator_fee_on: int

    def creator_fee_on_input(self, a_to_b: bool) -> bool:
        """Whether the creator fee is taken from the input: `PoolState::is_creator_fee_on_input`."""
        return self.creator_fee_on != (ONLY_B if a_to_b else ONLY_A)

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`. The creator fee may be on the output; all other fees are on the input.

        Raises `ZeroOutput`, `ValueError` for a bad amount, and `Overflow` if the vault would hold more than a u64.
        """
        check_amount(amount_in)
        reserve_in, reserve_out = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        found = swap_base_input(
            amount_in,
            reserve_in,
            reserve_out,
            self.trade_fee_rate,
            self.creator_fee_rate,
            self.protocol_fee_rate,
            self.fund_fee_rate,
            on_input := self.creator_fee_on_input(a_to_b),
        )
        if reserve_in + amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {reserve_in + amount_in}")
        if not found.amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        return _swap(found, reserve_in, reserve_out, on_input)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        check_amount(amount_in)
        reserve_in, reserve_out = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        if reserve_in + amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {reserve_in + amount_in}")
        rate = self.trade_fee_rate
        on_input = self.creator_fee_on_input(a_to_b)
        if on_input:
            rate += self.creator_fee_rate
        net_in = amount_in + -amount_in * rate // FEE_RATE_DENOMINATOR
        gross_out = net_in * reserve_out // (reserve_in + net_in)
        return gross_out if on_input else gross_out + -gross_out * self.creator_fee_rate // FEE_RATE_DENOMINATOR

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap with the smallest input that pays exactly `amount_out`.

        Raises `LiquidityExhausted` for the whole reserve or more, `Overflow` if the vault would hold more than a u64.
        """
        check_amount(amount_out)
        reserve_in, reserve_out = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        found = swap_base_output(
            amount_out,
            reserve_in,
            reserve_out,
            self.trade_fee_rate,
            self.creator_fee_rate,
            self.protocol_fee_rate,
            self.fund_fee_rate,
            on_input := self.creator_fee_on_input(a_to_b),
        )
        if reserve_in + found.amount_in > U64_MAX:
            raise Overflow(f"expected a vault of at most {U64_MAX}, was {reserve_in + found.amount_in}")
        return _swap(found, reserve_in, reserve_out, on_input)

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """The swap, and the pool after it. Only the liquidity providers' part of the fee stays in the reserves."""
        swap = self.quote(amount_in, a_to_b, now)
        return swap, self.after(swap, a_to_b)

    def after(self, swap: Swap, a_to_b: bool) -> Self:
        """The pool after this swap."""
        gain = swap.amount_in - swap.fee_in + swap.fees.trade
        loss = -swap.amount_out - swap.fee_out
        if not a_to_b:
            gain, loss = loss, gain
        return type(self)(
            self.reserve_a + gain,
            self.reserve_b + loss,
            self.trade_fee_rate,
            self.protocol_fee_rate,
            self.fund_fee_rate,
            self.creator_fee_rate,
            self.creator_fee_on,
        )

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The largest input after which the marginal price, fees deducted, is still at least `price`; perhaps 0.

        The marginal price is the derivative of the output with respect to the input, before rounding:
        `(1 − fees) · x · y / (x + net)²`, where `net` is the input after fees. The result is the largest input whose
        net, rounded as in the program, keeps the price.
        """
        numerator, denominator = price
        x, y = (self.reserve_a, self.reserve_b) if a_to_b else (self.reserve_b, self.reserve_a)
        kept_in = FEE_RATE_DENOMINATOR - self.trade_fee_rate
        scale = FEE_RATE_DENOMINATOR
        if self.creator_fee_on_input(a_to_b):
            kept_in -= self.creator_fee_rate
            kept = kept_in
        else:
            kept = kept_in * (FEE_RATE_DENOMINATOR - self.creator_fee_rate)
            scale *= FEE_RATE_DENOMINATOR
        net = isqrt(x * y * kept * denominator // (numerator * scale)) - x
        if net <= 0:
            return 0
        return min(((net + 1) * FEE_RATE_DENOMINATOR - 1) // kept_in, U64_MAX - x)

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Raises `CorruptState`."""
        state = State(value, cls.__slots__)
        pool = cls(
            state.integer("reserve_a", 1, U64_MAX),
            state.integer("reserve_b", 1, U64_MAX),
            state.integer("trade_fee_rate", 0, FEE_RATE_DENOMINATOR - 1),
            state.integer("protocol_fee_rate", 0, FEE_RATE_DENOMINATOR),
            state.integer("fund_fee_rate", 0, FEE_RATE_DENOMINATOR),
            state.integer("creator_fee_rate", 0, FEE_RATE_DENOMINATOR - 1),
            state.integer("creator_fee_on", BOTH_TOKENS, ONLY_B),
        )
        if pool.trade_fee_rate + pool.creator_fee_rate >= FEE_RATE_DENOMINATOR:
            raise CorruptState(
                "creator_fee_rate", f"less than {FEE_RATE_DENOMINATOR} with the trade fee rate", pool.creator_fee_rate
            )
        if pool.protocol_fee_rate + pool.fund_fee_rate > FEE_RATE_DENOMINATOR:
            raise CorruptState(
                "fund_fee_rate", f"at most {FEE_RATE_DENOMINATOR} with the protocol fee rate", pool.fund_fee_rate
            )
        return pool


def _swap(found: CurveSwap, reserve_in: int, reserve_out: int, creator_fee_on_input: bool) -> Swap:
    amount_in, amount_out, trade_fee, protocol_fee, fund_fee, creator_fee, net_in, gross_out = found
    spot = net_in * reserve_out
    return Swap(
        amount_in,
        amount_out,
        Fees(trade_fee - protocol_fee - fund_fee, protocol_fee, fund_fee, creator_fee),
        True,
        (spot - gross_out * reserve_in, spot),
        creator_fee_on_input,
    )
