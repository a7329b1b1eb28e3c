"""How an amount is best divided between pools of one pair."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from order_engine.dex.errors import DexError, LiquidityExhausted
from order_engine.dex.pool import Pool

_PRICE_BITS = 96
"""Prices are integers scaled by 2 to this power."""

_NARROW_BITS = 20
"""The search ends with two prices that differ by one part in 2 to this power: what is left to gain is its square."""


class Side(NamedTuple):
    """A pool, and which way to go through it."""

    pool: Pool
    a_to_b: bool

    def output(self, amount_in: int, now: int) -> int:
        return self.pool.output(amount_in, self.a_to_b, now)


class Split(NamedTuple):
    """What goes into each side, in base units, and what comes out of all of them together."""

    amounts: tuple[int, ...]
    amount_out: int

    @property
    def legs(self) -> int:
        return sum(amount > 0 for amount in self.amounts)

    def net(self, leg_cost: int) -> int:
        """The output less the cost of every leg but the first."""
        return self.amount_out - leg_cost * (self.legs - 1)


def best_split(sides: Sequence[Side], amount_in: int, now: int, leg_cost: int) -> Split | None:
    """The division that pays most, where every leg but the first costs `leg_cost` base units of the output.

    Every subset of the sides is looked at, but for those that can't pay more than the best one found: a subset never
    pays more than the whole, apart from costs. `None` where the sides together can't take the amount.
    """
    best: Split | None = None
    for index, side in enumerate(sides):
        try:
            amount_out = side.output(amount_in, now)
        except DexError:
            continue
        if best is None or amount_out > best.amount_out:
            best = Split(tuple(amount_in if index == at else 0 for at in range(len(sides))), amount_out)

    seen = set()
    waiting = [tuple(range(len(sides)))]
    while waiting:
        chosen = waiting.pop()
        if len(chosen) < 2 or chosen in seen:
            continue
        seen.add(chosen)
        try:
            divided = _divided([sides[index] for index in chosen], amount_in, now)
        except DexError:
            continue
        amounts = dict(zip(chosen, divided.amounts, strict=True))
        split = Split(tuple(amounts.get(index, 0) for index in range(len(sides))), divided.amount_out)
        if best is None or split.net(leg_cost) > best.net(leg_cost):
            best = split
        if leg_cost and split.amount_out - leg_cost > best.net(leg_cost):
            used = [index for index in chosen if amounts[index]]
            waiting += [tuple(index for index in used if index != left_out) for left_out in used]
    return best


def _divided(sides: Sequence[Side], amount_in: int, now: int) -> Split:
    """The division after which all sides that are used pay the same for one more unit: no other one pays more.

    Found by bisection on that price. Where many units are to be had at one price, as in a bin of Meteora's DLMM, the
    sides are filled up to it one after the other. Raises `LiquidityExhausted`.
    """
    most = [side.pool.max_input(side.a_to_b, now) for side in sides]
    if sum(most) < amount_in:
        raise LiquidityExhausted(f"expected at most {sum(most)} to go in, was {amount_in}")

    def taken(price: int) -> list[int]:
        fraction = price, 1 << _PRICE_BITS
        return [side.pool.input_until(fraction, side.a_to_b, now) for side in sides]

    spots = [side.pool.spot_price(side.a_to_b) for side in sides]
    high = max((numerator << _PRICE_BITS) // denominator for numerator, denominator in spots) + 1
    low, least = 0, [0] * len(sides)
    # Most orders move a price by little: a few steps down from the top find a narrow bracket.
    step = high >> 12
    while 0 < step < high:
        at = taken(high - step)
        if sum(at) >= amount_in:
            low, most = high - step, at
            break
        high, least, step = high - step, at, step * 4
    while high - low > max(high >> _NARROW_BITS, 1):
        price = (low + high) // 2
        at = taken(price)
        if sum(at) >= amount_in:
            low, most = price, at
        else:
            high, least = price, at
    return _filled_up(sides, least, most, amount_in, now)


def _filled_up(sides: Sequence[Side], least: Sequence[int], most: Sequence[int], amount_in: int, now: int) -> Split:
    """`amount_in` between what the sides take at two prices that are as good as one."""
    left = amount_in - sum(least)
    amounts = []
    for fewer, more in zip(least, most, strict=True):
        extra = min(left, more - fewer)
        amounts.append(fewer + extra)
        left -= extra
    outputs = [side.output(amount, now) if amount else 0 for side, amount in zip(sides, amounts, strict=True)]
    # What is too little to be paid anything for goes with the part that is paid most.
    unpaid = sum(amount for amount, output in zip(amounts, outputs, strict=True) if not output)
    if unpaid:
        most_paid = outputs.index(max(outputs))
        amounts = [amount if output else 0 for amount, output in zip(amounts, outputs, strict=True)]
        amounts[most_paid] += unpaid
        outputs[most_paid] = sides[most_paid].output(amounts[most_paid], now)
    return Split(tuple(amounts), sum(outputs))
