"""Raydium CLMM: concentrated liquidity between ticks.

Source: raydium-io/raydium-clmm, programs/amm/src/instructions/swap.rs (`swap_internal`), for pools that
have a static fee on the input and no limit orders. Token a is token 0, token b is token 1.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from math import isqrt
from typing import ClassVar, NamedTuple, Self

from order_engine.dex.errors import CorruptState, LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.raydium_clmm_math import (
    FEE_RATE_DENOMINATOR,
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
    """An initialized tick. `liquidity_net` is added to the liquidity when the price rises through it."""

    id: int
    liquidity_net: int


class Range(NamedTuple):
    """The price range up to the next initialized tick, in the direction of a swap.

    `tick` is that tick's id and `target` its square-root price, or the last one that a swap may reach; `liquidity` is
    the liquidity within the range and `liquidity_after` the liquidity beyond it.
    """

    tick: int
    target: int
    liquidity: int
    liquidity_after: int


@dataclass(frozen=True, slots=True)
class RaydiumClmm:
    """A pool: `sqrt_price` in Q64.64, the current `tick`, the `liquidity` there, the initialized `ticks` by id.

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
        """The ranges from the current price on: downwards if token 0 is the input, upwards if token 1 is."""
        liquidity = self.liquidity
        for tick, after in self._liquidity_ahead(a_to_b):
            target = sqrt_price_at_tick(tick)
            target = max(target, MIN_SQRT_PRICE + 1) if a_to_b else min(target, MAX_SQRT_PRICE - 1)
            yield Range(tick, target, liquidity, after)
            liquidity = after

    def _liquidity_ahead(self, a_to_b: bool) -> Iterator[tuple[int, int]]:
        """The initialized ticks ahead, each with the liquidity beyond it."""
        liquidity = self.liquidity
        above = bisect_right(self.ticks, self.tick, key=lambda tick: tick.id)
        for tick, net in reversed(self.ticks[:above]) if a_to_b else islice(self.ticks, above, None):
            liquidity += -net if a_to_b else net
            yield tick, liquidity

    def quote(self, amount_in: int, a_to_b: bool, now: int) -> Swap:
        """The swap of exactly `amount_in`.

        Raises `ZeroOutput`, `LiquidityExhausted`, `Overflow`, and `ValueError` for a bad amount.
        """
        return self._quote(self.steps(amount_in, a_to_b, exact_in=True), a_to_b)

    def output(self, amount_in: int, a_to_b: bool, now: int) -> int:
        """`quote(...).amount_out`, or 0 instead of `ZeroOutput`."""
        return sum(step.amount_out for _, step in self.steps(amount_in, a_to_b, exact_in=True))

    def quote_exact_out(self, amount_out: int, a_to_b: bool, now: int) -> Swap:
        """The swap that pays exactly `amount_out`. Raises `LiquidityExhausted`, `Overflow`, `ValueError`."""
        return self._quote(self.steps(amount_out, a_to_b, exact_in=False), a_to_b)

    def swap(self, amount_in: int, a_to_b: bool, now: int) -> tuple[Swap, Self]:
        """The swap, and the pool after it. The fee is not part of the liquidity, so it does not move the price."""
        steps = list(self.steps(amount_in, a_to_b, exact_in=True))
        before, tick, liquidity = self.sqrt_price, self.tick, self.liquidity
        for ahead, (price, *_) in steps:
            if price == sqrt_price_at_tick(ahead.tick):
                tick, liquidity = ahead.tick - a_to_b, ahead.liquidity_after
            elif price != before:  # an input consumed by the fee keeps the tick that was just crossed
                tick = tick_at_sqrt_price(price)
            before = price
        return self._quote(steps, a_to_b), replace(self, sqrt_price=before, tick=tick, liquidity=liquidity)

    def steps(self, amount: int, a_to_b: bool, exact_in: bool) -> Iterator[tuple[Range, Step]]:
        """The steps of a swap, range by range: the loop of `swap_internal`.

        `amount` is the whole input, fee included, or the whole output.
        """
        check_amount(amount)
        remaining, at = amount, self.sqrt_price
        for ahead in self.ranges_ahead(a_to_b):
            step = compute_swap(at, ahead.target, ahead.liquidity, remaining, self.trade_fee_rate, exact_in, a_to_b)
            yield ahead, step
            remaining -= step.amount_in + step.fee_amount if exact_in else step.amount_out
            at = step.sqrt_price_next
            if not remaining:
                return
        raise LiquidityExhausted(f"expected at most {amount - remaining}, was {amount}")

    def spot_price(self, a_to_b: bool) -> tuple[int, int]:
        """The price without fee: base units out per base unit in, as a fraction."""
        square = self.sqrt_price * self.sqrt_price
        return (square, 1 << 128) if a_to_b else (1 << 128, square)

    def input_until(self, price: tuple[int, int], a_to_b: bool, now: int) -> int:
        """The largest input after which the marginal price, fee deducted, is still at least `price`; perhaps 0.

        A range that is crossed takes the program's input for it; in the last range the input is rounded down.
        """
        numerator, denominator = price
        kept = FEE_RATE_DENOMINATOR - self.trade_fee_rate
        if a_to_b:
            bound = isqrt(((numerator * FEE_RATE_DENOMINATOR << 128) - 1) // (denominator * kept)) + 1
        else:
            bound = isqrt((denominator * kept << 128) // (numerator * FEE_RATE_DENOMINATOR))
        total, at = 0, self.sqrt_price
        for _, target, liquidity, _ in self.ranges_ahead(a_to_b):
            if (target >= bound) if a_to_b else (target <= bound):
                net, _ = delta_amounts(target, at, liquidity, a_to_b)
                total += net + ceil_div(net * self.trade_fee_rate, kept)
                at = target
            else:
                if (at > bound) if a_to_b else (at < bound):
                    net = -delta_amounts(at, bound, -liquidity, a_to_b)[0]  # rounded down
                    total += ((net + 1) * FEE_RATE_DENOMINATOR - 1) // kept if net else 0
                break
        return min(total, U64_MAX)

    def max_input(self, a_to_b: bool, now: int) -> int:
        """The input that takes the price through the last initialized tick, at most a u64."""
        total, at = 0, self.sqrt_price
        for _, target, liquidity, _ in self.ranges_ahead(a_to_b):
            net, _ = delta_amounts(target, at, liquidity, a_to_b)
            total += net + ceil_div(net * self.trade_fee_rate, FEE_RATE_DENOMINATOR - self.trade_fee_rate)
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
        """The pool with this state; its ticks may be in any order. Raises `CorruptState`."""
        state = State(value, cls.__slots__)
        fields = state.objects("ticks", Tick._fields)
        ticks = sorted(
            Tick(tick.integer("id", MIN_TICK, MAX_TICK), tick.integer("liquidity_net", -U128_MAX, U128_MAX))
            for tick in fields
        )
        pool = cls._from_state(state, ticks)
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

    @classmethod
    def with_ticks(cls, value: object, ticks: Sequence[Tick]) -> Self:
        """The pool with this state, which has no ticks in it, and the initialized ticks around its price, in order.

        Ticks beyond them may exist: the pool takes no swap there. Raises `CorruptState`.
        """
        pool = cls._from_state(State(value, cls.__slots__[:-1]), ticks)
        for a_to_b in (True, False):
            for tick, liquidity in pool._liquidity_ahead(a_to_b):
                if not 0 <= liquidity <= U128_MAX:
                    raise CorruptState("ticks", "liquidity that is never negative", f"{liquidity} beyond tick {tick}")
        return pool

    @classmethod
    def _from_state(cls, state: State, ticks: Sequence[Tick]) -> Self:
        pool = cls(
            state.integer("sqrt_price", MIN_SQRT_PRICE, MAX_SQRT_PRICE - 1),
            state.integer("tick", MIN_TICK, MAX_TICK - 1),
            state.integer("liquidity", 0, U128_MAX),
            state.integer("trade_fee_rate", 0, FEE_RATE_DENOMINATOR - 1),
            state.integer("protocol_fee_rate", 0, FEE_RATE_DENOMINATOR),
            state.integer("fund_fee_rate", 0, FEE_RATE_DENOMINATOR),
            tuple(ticks),
        )
        if pool.protocol_fee_rate + pool.fund_fee_rate > FEE_RATE_DENOMINATOR:
            raise CorruptState(
                "fund_fee_rate", f"at most {FEE_RATE_DENOMINATOR} with the protocol fee rate", pool.fund_fee_rate
            )
        if not sqrt_price_at_tick(pool.tick) <= pool.sqrt_price <= sqrt_price_at_tick(pool.tick + 1):
            raise CorruptState("sqrt_price", f"a price within tick {pool.tick}", pool.sqrt_price)
        return pool

    def _quote(self, steps: Iterable[tuple[Range, Step]], a_to_b: bool) -> Swap:
        """The sum of the steps. Protocol and fund take their parts of each step's fee, rounded down (`spilt_fees`)."""
        net = amount_out = fee = protocol = fund = 0
        for _, step in steps:
            net += step.amount_in
            amount_out += step.amount_out
            fee += step.fee_amount
            protocol += step.fee_amount * self.protocol_fee_rate // FEE_RATE_DENOMINATOR
            fund += step.fee_amount * self.fund_fee_rate // FEE_RATE_DENOMINATOR
        amount_in = net + fee
        if not amount_out:
            raise ZeroOutput(f"expected an input that buys at least one base unit, was {amount_in}")
        if max(amount_in, amount_out) > U64_MAX:
            raise Overflow(f"expected amounts of at most {U64_MAX}, was {amount_in} in and {amount_out} out")
        out, into = self.spot_price(a_to_b)
        impact = (net * out - amount_out * into, net * out)
        return Swap(amount_in, amount_out, Fees(fee - protocol - fund, protocol, fund, 0), True, impact)
