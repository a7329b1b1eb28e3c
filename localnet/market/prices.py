"""Prices that move: sums of slow and fast waves around their first values, a function of a seed and of the time."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from localnet.market.tokens import Token

_MILLION = 1_000_000
_PERIOD_SECONDS = 2
_WAVES = ((32, 4), (8, 2), (2, 1))
"""Length in periods, and weight."""
_TOKENS_PERCENT = 45
_POOLS_PERCENT = 10


@dataclass(frozen=True, slots=True)
class Prices:
    """`drift_bps` is the most by which the price of a pool may differ from its first value, in basis points.

    Each token moves by its share of it, stable ones by a tenth of that. Each pool moves by a little more, so that pools
    of one pair drift apart and come back together.
    """

    seed: int = 1
    drift_bps: int = 100

    def price(self, pool: str, token_a: Token, token_b: Token, now: int) -> tuple[int, int]:
        """Base units of token b for one of token a in a pool, as a fraction. `now` is in Unix seconds."""
        factor = _MILLION + self._deviation(pool, now, _POOLS_PERCENT)
        return (
            self._value(token_a, now) * factor * 10**token_b.decimals,
            self._value(token_b, now) * _MILLION * 10**token_a.decimals,
        )

    def _value(self, token: Token, now: int) -> int:
        deviation = self._deviation(token.symbol, now, _TOKENS_PERCENT)
        return token.micro_usd * (_MILLION + (deviation // 10 if token.stable else deviation))

    def _deviation(self, name: str, now: int, percent: int) -> int:
        """The deviation of a price in millionths, at most `percent` of `drift_bps`."""
        period = now // _PERIOD_SECONDS
        total, weights = 0, 0
        for length, weight in _WAVES:
            index, part = divmod(period, length)
            before, after = self._noise(name, length, index), self._noise(name, length, index + 1)
            total += weight * (before * (length - part) + after * part) // length
            weights += weight
        return self.drift_bps * percent * total // (weights * _MILLION)

    def _noise(self, name: str, length: int, index: int) -> int:
        """A pseudorandom number from minus to plus a million, uniform."""
        digest = hashlib.blake2b(f"{self.seed}:{name}:{length}:{index}".encode(), digest_size=8).digest()
        return int.from_bytes(digest) % (2 * _MILLION + 1) - _MILLION
