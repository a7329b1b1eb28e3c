"""Pools whose arrays of ticks or bins are beyond their own bitmaps, on either side."""

from __future__ import annotations

from localnet.market.pools.meteora_dlmm import MeteoraDlmmPool
from localnet.market.pools.pool import MarketPool, Pair
from localnet.market.pools.raydium_clmm import Config, RaydiumClmmPool

EXTENDED_POOLS: list[MarketPool] = [
    RaydiumClmmPool(Pair("SOL", "BONK", 1_000_000), Config(9, 1, 2_500)),
    RaydiumClmmPool(Pair("BONK", "USDC", 1_000_000), Config(9, 1, 2_500)),
    MeteoraDlmmPool(Pair("SOL", "BONK", 1_000_000), 1),
    MeteoraDlmmPool(Pair("BONK", "USDC", 1_000_000), 1),
]
