"""The pools of the market: deep and shallow ones, with low and high fees, few at the same price.

Prices, sizes and fees are of the same order as on mainnet, but chosen for the localnet. Where a program orders the
tokens by address, so does the pair.
"""

from __future__ import annotations

from localnet.market.pools.meteora_damm_v2 import MeteoraDammV2Pool
from localnet.market.pools.meteora_dlmm import MeteoraDlmmPool
from localnet.market.pools.pool import MarketPool, Pair
from localnet.market.pools.raydium_amm_v4 import RaydiumAmmV4Pool
from localnet.market.pools.raydium_clmm import Config, RaydiumClmmPool
from localnet.market.pools.raydium_cp import RaydiumCpPool

_MILLION = 1_000_000


def market_pools() -> list[MarketPool]:
    return [
        RaydiumAmmV4Pool(Pair("SOL", "USDC", 12 * _MILLION)),
        RaydiumAmmV4Pool(Pair("SOL", "USDT", 4 * _MILLION, 2)),
        RaydiumAmmV4Pool(Pair("RAY", "SOL", 3 * _MILLION)),
        RaydiumAmmV4Pool(Pair("RAY", "USDC", 2 * _MILLION, -3)),
        RaydiumAmmV4Pool(Pair("BONK", "SOL", 2 * _MILLION, 4)),
        RaydiumAmmV4Pool(Pair("SOL", "mSOL", 3 * _MILLION, -2)),
        RaydiumCpPool(Pair("SOL", "USDC", 4 * _MILLION, 3), 0, 2_500),
        RaydiumCpPool(Pair("USDC", "USDT", 5 * _MILLION), 1, 100),
        RaydiumCpPool(Pair("BONK", "USDC", _MILLION, -4), 0, 2_500),
        RaydiumCpPool(Pair("JUP", "SOL", 1_500_000, 2), 0, 2_500),
        RaydiumCpPool(Pair("mSOL", "USDC", 1_500_000), 0, 2_500),
        RaydiumClmmPool(Pair("SOL", "USDC", 6 * _MILLION, 1), Config(0, 1, 400)),
        RaydiumClmmPool(Pair("USDC", "USDT", 4 * _MILLION, -1), Config(1, 1, 100)),
        RaydiumClmmPool(Pair("RAY", "USDC", 1_200_000, 2), Config(2, 60, 2_500)),
        RaydiumClmmPool(Pair("SOL", "BONK", _MILLION, -2), Config(2, 60, 2_500)),
        RaydiumClmmPool(Pair("SOL", "mSOL", 2 * _MILLION), Config(3, 10, 500)),
        MeteoraDlmmPool(Pair("SOL", "USDC", 7 * _MILLION), 10),
        MeteoraDlmmPool(Pair("SOL", "USDT", 1_500_000), 20),
        MeteoraDlmmPool(Pair("USDC", "USDT", 6 * _MILLION), 1),
        MeteoraDlmmPool(Pair("BONK", "SOL", 1_500_000), 20),
        MeteoraDlmmPool(Pair("JUP", "SOL", _MILLION), 20),
        MeteoraDlmmPool(Pair("RAY", "SOL", 800_000), 25),
        MeteoraDlmmPool(Pair("SOL", "mSOL", 2 * _MILLION), 5),
        MeteoraDammV2Pool(Pair("SOL", "USDC", 2_500_000, -3), 25),
        MeteoraDammV2Pool(Pair("JUP", "USDC", 1_200_000), 25),
        MeteoraDammV2Pool(Pair("USDC", "mSOL", _MILLION, 2), 20),
        MeteoraDammV2Pool(Pair("BONK", "USDC", 900_000, 3), 30),
    ]
