"""The simulated market as it is first set up: one Raydium and one Meteora pool for every pair of known tokens.

Prices and depths are of mainnet's order of magnitude; they are a setting for a simulation, not data.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from order_engine.domain.money import TOKENS, Token

_MICRO_USD = {
    "SOL": 170_000_000,
    "USDC": 1_000_000,
    "USDT": 999_800,
    "RAY": 2_400_000,
    "BONK": 20,
    "JUP": 450_000,
    "mSOL": 221_000_000,
}
"""What one whole token is worth, in millionths of a dollar."""

_DEPTH_USD = {
    "SOL": 12_000_000,
    "USDC": 12_000_000,
    "USDT": 6_000_000,
    "RAY": 3_000_000,
    "BONK": 2_000_000,
    "JUP": 2_500_000,
    "mSOL": 4_000_000,
}
"""What one side of a token's deepest pool is worth, in dollars."""


@dataclass(frozen=True, slots=True)
class PoolSetting:
    venue: str
    token_a: str
    token_b: str
    reserve_a: int
    reserve_b: int
    fee_bps: int


def pool_settings() -> Iterator[PoolSetting]:
    """Meteora's pools are smaller, cheaper and a little behind in price: neither venue always wins."""
    for a, b in combinations(sorted(TOKENS.values(), key=lambda token: token.symbol), 2):
        depth = min(_DEPTH_USD[a.symbol], _DEPTH_USD[b.symbol])
        for venue, share, premium_bps, fee_bps in (("raydium", 100, 0, 25), ("meteora", 60, -5, 20)):
            reserve_a, reserve_b = _reserve(a, depth * share // 100), _reserve(b, depth * share // 100)
            yield PoolSetting(
                venue, a.symbol, b.symbol, reserve_a, reserve_b * (10_000 + premium_bps) // 10_000, fee_bps
            )


def _reserve(token: Token, usd: int) -> int:
    units: int = 10**token.decimals
    return usd * 1_000_000 * units // _MICRO_USD[token.symbol]
