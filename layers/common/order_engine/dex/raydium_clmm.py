"""Raydium CLMM: liquidity that changes from tick to tick.

Source: raydium-io/raydium-clmm, programs/amm/src/instructions/swap.rs (`swap_internal`), for pools whose fee is static
and on the input and that hold no limit orders. Token 0 is a, token 1 is b.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from math import isqrt
from typing import ClassVar, NamedTuple, Self

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.raydium_clmm_math import (
    FEE,
    MAX_SQRT_PRICE,
    MAX_TICK,
    MIN_SQRT_PRICE,
    MIN_TICK,
    Step,
    compute_swap,
    delta_amounts,
    sqrt_price_at_tick,
    tick_at_sqrt_price,
)
from order_engine.dex.rounding import U64_MAX, U128_MAX, ceil_div, check_amount
from order_engine.dex.state import State
from order_engine.dex.swaps import Fees, Swap


class Tick(NamedTuple):
    """An initialized tick: by how much liquidity grows where the price rises through it."""

    id: int
    liquidity_net: int


class Range(NamedTuple):
    """The way to the next initialized tick: its id, the square root of its price, the liquidity until and after it."""

    tick: int
    target: int
    liquidity: int
    liquidity_after: int


@dataclass(frozen=True, slots=True)
class RaydiumClmm:
    """`sqrt_price` in Q64.64, the current `tick`, the `liquidity` in its range, the initialized `ticks` by id.

    Rates are millionths: `trade_fee_rate` of the input, `protocol_fee_rate` and `fund_fee_rate` of that fee.
    """

    kind: ClassVar[str] = "raydium_clmm"

    sqrt_price: int
    tick: int
    liquidity: int
    trade_fee_rate: int
    protocol_fee_rate: int
    fund_fee_rate: int
    ticks: tuple[Tick, ...]

    def ranges_ahead(self, a_to_b: bool) -> Iterator[Range]:
        """From the current price on: down where token 0 comes in, up where token 1 does."""
        liquidity = self.liquidity
        above = bisect_right(self.ticks, self.tick, key=lambda tick: tick.id)
        for tick, net in reversed(self.ticks[:above]) if a_to_b else islice(self.ticks, above, None):
            after = liquidity - net if a_to_b else liquidity + net
            yield Range(tick, sqrt_price_at_tick(tick), liquidity, after)
            liquidity = after

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """Exact in. Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, `ValueError` for a bad amount."""
        return self._quote(self._steps(amount_in, a_to_b, exact_in=True), a_to_b)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0."""
        return sum(step.amount_out for _, step in self._steps(amount_in, a_to_b, exact_in=True))

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`. Raises `LiquidityExhausted`, `Overflow`, `ValueError`."""
        return self._quote(self._steps(amount_out, a_to_b, exact_in=False), a_to_b)

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """Also the pool after it. No part of the fee moves the price: it is claimed apart."""
        steps = list(self._steps(amount_in, a_to_b, exact_in=True))
        before, tick, liquidity = self.sqrt_price, self.tick, self.liquidity
        for ahead, (price, *_) in steps:
            if price == ahead.target:
                tick, liquidity = ahead.tick - a_to_b, ahead.liquidity_after
            elif price != before:  # an input that is all fee leaves the tick that was just crossed
                tick = tick_at_sqrt_price(price)
            before = price
        return self._quote(steps, a_to_b), replace(self, sqrt_price=before, tick=tick, liquidity=liquidity)

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """Base units out per base unit in, without fee."""
        square = self.sqrt_price * self.sqrt_price
        return (square, 1 << 128) if a_to_b else (1 << 128, square)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The input after which the marginal price, fee deducted, is still at least `price`; 0 if it starts below.

        Whole ranges cost what the program takes for them; within the last the input is rounded down.
        """
        numerator, denominator = price
        kept = FEE - self.trade_fee_rate
        if a_to_b:
            bound = isqrt(((numerator * FEE << 128) - 1) // (denominator * kept)) + 1
        else:
            bound = isqrt((denominator * kept << 128) // (numerator * FEE))
        total, at = 0, self.sqrt_price
        for _, target, liquidity, _ in self.ranges_ahead(a_to_b):
            if (target >= bound) if a_to_b else (target <= bound):
                net, _ = delta_amounts(target, at, liquidity, a_to_b)
                total += net + ceil_div(net * self.trade_fee_rate, kept)
                at = target
            else:
                if (at > bound) if a_to_b else (at < bound):
                    net = -delta_amounts(at, bound, -liquidity, a_to_b)[0]  # rounded down
                    total += ((net + 1) * FEE - 1) // kept if net else 0
                break
        return min(total, U64_MAX)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """What takes the price through the last initialized tick, or what a u64 can hold."""
        total, at = 0, self.sqrt_price
        for _, target, liquidity, _ in self.ranges_ahead(a_to_b):
            net, _ = delta_amounts(target, at, liquidity, a_to_b)
            total += net + ceil_div(net * self.trade_fee_rate, FEE - self.trade_fee_rate)
            at = target
        return min(total, U64_MAX)

    def depth(self, a_to_b: bool) -> int:
        total, at = 0, self.sqrt_price
        for _, target, liquidity, _ in self.ranges_ahead(a_to_b):
            total += delta_amounts(target, at, liquidity, a_to_b)[1]
            at = target
        return total

    def to_json(self) -> dict[str, object]:
        state: dict[str, object] = {name: str(getattr(self, name)) for name in self.__slots__[:-1]}
        state["ticks"] = [{"id": str(tick), "liquidity_net": str(net)} for tick, net in self.ticks]
        return state

    @classmethod
    def from_json(cls, value: object) -> Self:
        """Ticks in any order. Raises `CorruptState`."""
        state = State(value, cls.__slots__)
        fields = state.objects("ticks", Tick._fields)
        ticks = sorted(
            Tick(tick.integer("id", MIN_TICK, MAX_TICK), tick.integer("liquidity_net", -U128_MAX, U128_MAX))
            for tick in fields
        )
        pool = cls(
            state.integer("sqrt_price", MIN_SQRT_PRICE, MAX_SQRT_PRICE - 1),
            state.integer("tick", MIN_TICK, MAX_TICK - 1),
            state.integer("liquidity", 0, U128_MAX),
            state.integer("trade_fee_rate", 0, FEE - 1),
            state.integer("protocol_fee_rate", 0, FEE),
            state.integer("fund_fee_rate", 0, FEE),
            tuple(ticks),
        )
        if pool.protocol_fee_rate + pool.fund_fee_rate > FEE:
            raise CorruptState("fund_fee_rate", f"at most {FEE} with the protocol fee rate", pool.fund_fee_rate)
        if not sqrt_price_at_tick(pool.tick) <= pool.sqrt_price <= sqrt_price_at_tick(pool.tick + 1):
            raise CorruptState("sqrt_price", f"a price within tick {pool.tick}", pool.sqrt_price)
        for tick, following in pairwise(ticks):
            if tick.id == following.id:
                raise CorruptState("ticks", "each id once", tick.id)
        liquidity = 0
        for tick_id, net in ticks:
            liquidity += net
            if not 0 <= liquidity <= U128_MAX:
                raise CorruptState("ticks", "liquidity that is never negative", f"{liquidity} from tick {tick_id}")
        if liquidity:
            raise CorruptState("ticks", "no liquidity above the last tick", liquidity)
        at_tick = sum(tick.liquidity_net for tick in ticks if tick.id <= pool.tick)
        if at_tick != pool.liquidity:
            raise CorruptState("liquidity", f"{at_tick}, the sum of the ticks up to the current one", pool.liquidity)
        return pool

    def _steps(self, amount: int, a_to_b: bool, exact_in: bool) -> Iterator[tuple[Range, Step]]:
        """`swap_internal`'s loop: `amount` is the whole input, fee included, or the whole output."""
        check_amount(amount)
        remaining, at = amount, self.sqrt_price
        for ahead in self.ranges_ahead(a_to_b):
            step = compute_swap(at, ahead.target, ahead.liquidity, remaining, self.trade_fee_rate, exact_in, a_to_b)
            yield ahead, step
            remaining -= step.amount_in + step.fee_amount if exact_in else step.amount_out
            at = step.sqrt_price_next
            if not remaining:
                return
        raise LiquidityExhausted(f"expected {remaining} less than {amount} at most, was {amount}")

    def _quote(self, steps: Iterable[tuple[Range, Step]], a_to_b: bool) -> Swap:
        """The sum of the steps. `spilt_fees`: protocol and fund take their parts of each step's fee, rounded down."""
        net = amount_out = fee = protocol = fund = 0
        for _, step in steps:
            net += step.amount_in
            amount_out += step.amount_out
            fee += step.fee_amount
            protocol += step.fee_amount * self.protocol_fee_rate // FEE
            fund += step.fee_amount * self.fund_fee_rate // FEE
        amount_in = net + fee
        if not amount_out:
            raise ZeroOutput(f"expected an input worth a base unit, was {amount_in}")
        if max(amount_in, amount_out) > U64_MAX:
            raise Overflow(f"expected amounts of at most {U64_MAX}, was {amount_in} in, {amount_out} out")
        out, into = self.spot_price(a_to_b)
        impact = (net * out - amount_out * into, net * out)
        return Swap(amount_in, amount_out, Fees(fee - protocol - fund, protocol, fund, 0), True, impact)
