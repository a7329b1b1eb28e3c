"""Other traders on the simulated market: prices that move, and arbitrage that moves the pools with them.

Everything is a function of a seed and of the period, so that every reader sees the same market at the same moment. A
price is a sum of slow and fast waves around its first value. Every pool deviates a little from it, so that venues drift
apart and come back together.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from fractions import Fraction

from order_engine.dex.errors import DexError
from order_engine.dex.pool import Pool
from order_engine.domain.tokens import TOKENS
from order_engine.simulation.pools import MICRO_USD, STABLE

PERIOD_SECONDS = 2
"""How often other traders come: every five slots of the chain."""

_MILLION = 1_000_000
_WAVES = ((32, 4), (8, 2), (2, 1))
"""Length in periods, and weight."""


@dataclass(frozen=True, slots=True)
class Flow:
    """`drift_bps` is the most by which a price may differ from its first value; 0 leaves the market still."""

    drift_bps: int = 0
    seed: int = 1

    def period(self, now: float) -> int:
        """`now` in Unix seconds."""
        return int(now // PERIOD_SECONDS)

    def carry(self, pool: Pool, id: str, token_a: str, token_b: str, period: int) -> Pool:
        """The pool after other traders have moved it to the period's price: they know tokens with a symbol only."""
        if not self.drift_bps or not {token_a, token_b} <= MICRO_USD.keys():
            return pool
        return _moved(pool, self._price(id, token_a, token_b, period), period * PERIOD_SECONDS)

    def _price(self, id: str, token_a: str, token_b: str, period: int) -> tuple[int, int]:
        """Base units of `token_b` for one of `token_a`."""
        value_a, value_b = self._value(token_a, period), self._value(token_b, period)
        factor = _MILLION + self._deviation(id, period, 10)
        return value_a * factor * 10 ** TOKENS[token_b].decimals, value_b * _MILLION * 10 ** TOKENS[token_a].decimals

    def _value(self, token: str, period: int) -> int:
        deviation = self._deviation(token, period, 45)
        return MICRO_USD[token] * (_MILLION + (deviation // 10 if token in STABLE else deviation))

    def _deviation(self, name: str, period: int, percent: int) -> int:
        """The deviation of a price in millionths, at most `percent` of `drift_bps`."""
        total, weights = 0, 0
        for length, weight in _WAVES:
            index, part = divmod(period, length)
            before, after = _noise(self.seed, name, length, index), _noise(self.seed, name, length, index + 1)
            total += weight * (before * (length - part) + after * part) // length
            weights += weight
        return self.drift_bps * percent * total // (weights * _MILLION)


STILL = Flow()
"""No other traders."""


def _noise(seed: int, name: str, length: int, index: int) -> int:
    """A pseudorandom number from minus to plus a million, uniform."""
    digest = hashlib.blake2b(f"{seed}:{name}:{length}:{index}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) % (2 * _MILLION + 1) - _MILLION


def _moved(pool: Pool, price: tuple[int, int], now: int) -> Pool:
    """The pool after an arbitrage trade that brings its spot price, b for one a, to `price`."""
    numerator, denominator = pool.spot_price(True)
    a_to_b = numerator * price[1] > price[0] * denominator
    target = price if a_to_b else (price[1], price[0])
    try:
        fee, gross = _fee(pool, a_to_b, now)
        amount = pool.input_until((target[0] * (gross - fee), target[1] * gross), a_to_b, now)
        after = pool.swap(amount, a_to_b, now)[1] if amount else pool
    except DexError:
        # There is no liquidity on that side: the price stays where it is.
        return pool
    # A bin is traded as a whole. If that would overshoot by more than the price differs, the pool stays.
    return after if _distance(after, price) < _distance(pool, price) else pool


def _distance(pool: Pool, price: tuple[int, int]) -> Fraction:
    return abs(Fraction(*pool.spot_price(True)) - Fraction(*price))


def _fee(pool: Pool, a_to_b: bool, now: int) -> tuple[int, int]:
    """The fee of a small swap as a fraction."""
    swap = pool.quote(max(pool.depth(not a_to_b) // _MILLION, 10_000), a_to_b, now)
    if swap.fee_in:
        return swap.fee_in, swap.amount_in
    return swap.fee_out, swap.amount_out + swap.fee_out
