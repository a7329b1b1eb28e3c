"""Splits an amount between the pools of one pair so that the output is highest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from order_engine.dex.errors import DexError, LiquidityExhausted
from order_engine.dex.pool import Pool

_PRICE_BITS = 96
"""Prices are fixed-point integers with this number of fractional bits."""

_TOLERANCE_BITS = 20
"""The search ends when its two prices differ by one part in 2 to this power. The loss is about the square of that."""


_ALL_SUBSETS = 4
"""The most pools of which all subsets are tried. Of more pools, those with the least input are left out first."""


class Side(NamedTuple):
    """A pool and the direction of the swap."""

    pool: Pool
    a_to_b: bool

    def output(self, amount_in: int, now: int) -> int:
        return self.pool.output(amount_in, self.a_to_b, now)


class Split(NamedTuple):
    """The input of each side, and the output of all sides together, in base units."""

    amounts: tuple[int, ...]
    amount_out: int

    @property
    def legs(self) -> int:
        return sum(amount > 0 for amount in self.amounts)

    def net(self, leg_cost: int) -> int:
        """The output less the cost of each leg but the first."""
        return self.amount_out - leg_cost * (self.legs - 1)


def best_split(
    sides: Sequence[Side],
    amount_in: int,
    now: int,
    leg_cost: int,
    fits: Callable[[Split], bool] = lambda split: True,
) -> Split | None:
    """The split with the highest output after costs: each leg but the first costs `leg_cost` base units of output.

    Tries subsets of the sides except those that can't beat the best split found. Before costs, a subset never pays
    more than the set. Returns `None` if no split that `fits` can take the amount.
    """
    alone = sorted(unsplit(sides, amount_in, now), key=lambda split: split.amount_out, reverse=True)
    best = next(filter(fits, alone), None)
    if best is not None and best is alone[0] and len(sides) > 1 and _keeps_all(sides, best, now):
        return best
    seen = set()
    subsets = [tuple(range(len(sides)))]
    while subsets:
        chosen = subsets.pop()
        if len(chosen) < 2 or chosen in seen:
            continue
        seen.add(chosen)
        try:
            even = _equalized([sides[index] for index in chosen], amount_in, now)
        except DexError:
            continue
        amounts = dict(zip(chosen, even.amounts, strict=True))
        split = Split(tuple(amounts.get(index, 0) for index in range(len(sides))), even.amount_out)
        if best is not None and split.amount_out - leg_cost <= best.net(leg_cost):
            continue
        if (best is None or split.net(leg_cost) > best.net(leg_cost)) and fits(split):
            best = split
        if leg_cost or best is not split:
            subsets += _narrower(split)
    return best


def unsplit(sides: Sequence[Side], amount_in: int, now: int) -> Iterator[Split]:
    """The whole amount to one side, for each that can take it."""
    for index, side in enumerate(sides):
        try:
            amount_out = side.output(amount_in, now)
        except DexError:
            continue
        yield Split(tuple(amount_in if index == at else 0 for at in range(len(sides))), amount_out)


def at_best_prices(hops: Iterable[Sequence[Side]], amount: int) -> int:
    """What an amount becomes without fees and price impact, at the best spot price of each hop."""
    for sides in hops:
        prices = [side.pool.spot_price(side.a_to_b) for side in sides]
        amount = max(amount * numerator // denominator for numerator, denominator in prices)
    return amount


def _keeps_all(sides: Sequence[Side], alone: Split, now: int) -> bool:
    """Whether there is a price at which one side takes the whole amount and no other takes anything.

    Then no split pays more. What the side pays for as much again is such a price, if there is one with a margin.
    """
    amount_in = max(alone.amounts)
    used = alone.amounts.index(amount_in)
    try:
        # Less what may be rounded: a small amount does not move the price by as much.
        paid = sides[used].output(2 * amount_in, now) - alone.amount_out - 2
    except (DexError, ValueError):
        return False
    if paid <= 0:
        return False
    inputs = [side.pool.input_until((paid, amount_in), side.a_to_b, now) for side in sides]
    return inputs[used] >= amount_in and sum(inputs) == inputs[used]


def _narrower(split: Split) -> Iterator[tuple[int, ...]]:
    """The sides that the split uses, without one of them."""
    used = [index for index, amount in enumerate(split.amounts) if amount]
    least = min(used, key=lambda index: split.amounts[index])
    for left_out in used if len(used) <= _ALL_SUBSETS else [least]:
        yield tuple(index for index in used if index != left_out)


def _equalized(sides: Sequence[Side], amount_in: int, now: int) -> Split:
    """The split after which all used sides have the same marginal price: no other split pays more.

    Bisects that price while more than one side takes anything. Where one price takes many units, as a bin of Meteora's
    DLMM does, the sides are filled one after the other. Raises `LiquidityExhausted`.
    """
    above = [amount_in] * len(sides)

    def inputs_at(price: int) -> list[int]:
        """What the sides take that take anything at the lowest price until now."""
        fraction = price, 1 << _PRICE_BITS
        return [
            side.pool.input_until(fraction, side.a_to_b, now) if more else 0
            for side, more in zip(sides, above, strict=True)
        ]

    spots = [side.pool.spot_price(side.a_to_b) for side in sides]
    high = max((numerator << _PRICE_BITS) // denominator for numerator, denominator in spots) + 1
    low, below = 0, [0] * len(sides)
    # Most orders move the price little, so a few steps down from the top find a narrow bracket.
    step = high >> 12
    while 0 < step < high:
        at = inputs_at(high - step)
        if sum(at) >= amount_in:
            low, above = high - step, at
            break
        high, below, step = high - step, at, step * 4
    else:
        above = [side.pool.max_input(side.a_to_b, now) for side in sides]
        if sum(above) < amount_in:
            raise LiquidityExhausted(f"expected at most {sum(above)} in, was {amount_in}")
    while high - low > max(high >> _TOLERANCE_BITS, 1) and len(above) - above.count(0) > 1:
        price = (low + high) // 2
        at = inputs_at(price)
        if sum(at) >= amount_in:
            low, above = price, at
        else:
            high, below = price, at
    return _interpolated(sides, below, above, amount_in, now)


def _interpolated(sides: Sequence[Side], below: Sequence[int], above: Sequence[int], amount_in: int, now: int) -> Split:
    """The split of `amount_in`, which lies between the inputs `below` and `above` of two nearly equal prices."""
    left = amount_in - sum(below)
    amounts = []
    for fewer, more in zip(below, above, strict=True):
        extra = min(left, more - fewer)
        amounts.append(fewer + extra)
        left -= extra
    outputs = [side.output(amount, now) if amount else 0 for side, amount in zip(sides, amounts, strict=True)]
    # An amount too small to buy anything goes to the side that pays most.
    unpaid = sum(amount for amount, output in zip(amounts, outputs, strict=True) if not output)
    if unpaid:
        best_paid = outputs.index(max(outputs))
        amounts = [amount if output else 0 for amount, output in zip(amounts, outputs, strict=True)]
        amounts[best_paid] += unpaid
        outputs[best_paid] = sides[best_paid].output(amounts[best_paid], now)
    return Split(tuple(amounts), sum(outputs))
