"""The first pools of the simulated market: two venues, five kinds of pools, and the tokens' prices.

Prices, sizes and fees are of the same order as on mainnet, but chosen for the simulation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import isqrt
from typing import NamedTuple

from order_engine.dex.errors import Overflow
from order_engine.dex.meteora_damm_v2 import BOTH_TOKENS, MeteoraDammV2
from order_engine.dex.meteora_dlmm import INPUT_ONLY, LIMIT_ORDER, MeteoraDlmm, Volatility
from order_engine.dex.meteora_dlmm_bins import Bin, price_of_bin
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import sqrt_price_at_tick, tick_at_sqrt_price
from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.dex.rounding import Q64
from order_engine.domain.money import BPS
from order_engine.domain.tokens import TOKENS

VENUES = ("raydium", "meteora")

MICRO_USD = {
    "SOL": 170_000_000,
    "USDC": 1_000_000,
    "USDT": 999_800,
    "RAY": 2_400_000,
    "BONK": 20,
    "JUP": 450_000,
    "mSOL": 221_000_000,
}
"""The price of one whole token, in millionths of a dollar."""

STABLE = ("USDC", "USDT")
"""Tokens whose price stays close to a dollar."""


@dataclass(frozen=True, slots=True)
class PoolSetting:
    """A pool: its id, venue, tokens and first state."""

    id: str
    venue: str
    token_a: str
    token_b: str
    pool: Pool


@dataclass(frozen=True, slots=True)
class _Pair:
    """Two tokens, the dollars of each in the pool, and the deviation of its first price in basis points."""

    token_a: str
    token_b: str
    usd: int
    off_bps: int = 0

    @property
    def amount_a(self) -> int:
        return self._amount(self.token_a)

    @property
    def amount_b(self) -> int:
        return self._amount(self.token_b) * (BPS + self.off_bps) // BPS

    def _amount(self, symbol: str) -> int:
        units: int = 10 ** TOKENS[symbol].decimals
        return self.usd * 1_000_000 * units // MICRO_USD[symbol]


class Reserves(NamedTuple):
    """The base units of each token in a pool."""

    amount_a: int
    amount_b: int


NEW_POOLS: dict[str, tuple[str, Callable[[Reserves], Pool]]] = {
    "raydium_cp": ("raydium", lambda reserves: RaydiumCp(*reserves, 2_500, 120_000, 40_000, 0, 0)),
    "raydium_amm_v4": ("raydium", lambda reserves: RaydiumAmmV4(*reserves, 25, BPS)),
    "raydium_clmm": ("raydium", lambda reserves: _clmm(reserves, 60, 2_500)),
    "meteora_dlmm": ("meteora", lambda reserves: _dlmm(reserves, 20)),
    "meteora_damm_v2": ("meteora", lambda reserves: _damm(reserves, 25)),
}
"""The venue of each kind of pool, and how one with these reserves is made."""


def pool_settings() -> Iterator[PoolSetting]:
    """Deep and shallow pools with low and high fees, few at the market's price, so that no venue always wins."""
    raydium_amm = (
        _Pair("SOL", "USDC", 12_000_000),
        _Pair("SOL", "USDT", 4_000_000, 2),
        _Pair("RAY", "SOL", 3_000_000),
        _Pair("RAY", "USDC", 2_000_000, -3),
        _Pair("BONK", "SOL", 2_000_000, 4),
        _Pair("SOL", "mSOL", 3_000_000, -2),
    )
    raydium_cp = (
        (_Pair("SOL", "USDC", 4_000_000, 3), 2_500),
        (_Pair("USDC", "USDT", 5_000_000), 100),
        (_Pair("BONK", "USDC", 1_000_000, -4), 2_500),
        (_Pair("JUP", "SOL", 1_500_000, 2), 2_500),
        (_Pair("USDC", "mSOL", 1_500_000), 2_500),
    )
    raydium_clmm = (
        (_Pair("SOL", "USDC", 5_000_000, -8), 10, 400),
        (_Pair("USDC", "USDT", 4_000_000, -1), 1, 100),
    )
    meteora_dlmm = (
        (_Pair("SOL", "USDC", 7_000_000), 10),
        (_Pair("SOL", "USDT", 1_500_000), 20),
        (_Pair("USDC", "USDT", 6_000_000), 1),
        (_Pair("BONK", "SOL", 1_500_000), 20),
        (_Pair("JUP", "SOL", 1_000_000), 20),
        (_Pair("RAY", "SOL", 800_000), 25),
        (_Pair("SOL", "mSOL", 2_000_000), 5),
    )
    meteora_damm = (
        (_Pair("SOL", "USDC", 2_500_000, -3), 25),
        (_Pair("JUP", "USDC", 1_200_000), 25),
        (_Pair("USDC", "mSOL", 1_000_000, 2), 20),
        (_Pair("BONK", "USDC", 900_000, 3), 30),
    )
    for pair in raydium_amm:
        yield _setting("raydium", "amm", pair, RaydiumAmmV4(pair.amount_a, pair.amount_b, 25, BPS))
    for pair, fee in raydium_cp:
        pool = RaydiumCp(pair.amount_a, pair.amount_b, fee, 120_000, 40_000, 0, 0)
        yield _setting("raydium", "cp", pair, pool)
    for pair, spacing, fee in raydium_clmm:
        yield _setting("raydium", "clmm", pair, _clmm(pair, spacing, fee))
    for pair, step in meteora_dlmm:
        yield _setting("meteora", "dlmm", pair, _dlmm(pair, step))
    for pair, fee_bps in meteora_damm:
        yield _setting("meteora", "damm", pair, _damm(pair, fee_bps))


def _setting(venue: str, kind: str, pair: _Pair, pool: Pool) -> PoolSetting:
    return PoolSetting(f"{venue}-{kind}:{pair.token_a}-{pair.token_b}", venue, pair.token_a, pair.token_b, pool)


def _clmm(pair: _Pair | Reserves, spacing: int, fee: int) -> RaydiumClmm:
    """A pool with half of its tokens within an eighth of the price, and half up to sixteen times the price."""
    sqrt_price = isqrt((pair.amount_b << 128) // pair.amount_a)
    tick = tick_at_sqrt_price(sqrt_price)
    middle = tick // spacing * spacing
    positions = [
        (middle - width, middle + width, (pair.amount_b << 63) // (sqrt_price - sqrt_price_at_tick(middle - width)))
        for width in (1_200, 27_600)
    ]
    return RaydiumClmm(
        sqrt_price=sqrt_price,
        tick=tick,
        liquidity=sum(liquidity for _, _, liquidity in positions),
        trade_fee_rate=fee,
        protocol_fee_rate=120_000,
        fund_fee_rate=40_000,
        ticks=tuple(sorted(Tick(*end) for low, high, net in positions for end in ((low, net), (high, -net)))),
    )


def _dlmm(pair: _Pair | Reserves, bin_step: int) -> MeteoraDlmm:
    """A pool with liquidity spread evenly over 70 bins on either side and a base fee of one bin step."""
    active, width = _bin_below(pair, bin_step), 70
    each_a, each_b = pair.amount_a // width, pair.amount_b // width
    bins = tuple(
        Bin(id, price_of_bin(id, bin_step), each_a if id >= active else 0, each_b if id <= active else 0)
        for id in range(active - width, active + width + 1)
    )
    return MeteoraDlmm(
        active_id=active,
        bin_step=bin_step,
        base_factor=10_000,
        base_fee_power_factor=0,
        filter_period=30,
        decay_period=600,
        reduction_factor=5_000,
        variable_fee_control=40_000 if bin_step > 1 else 0,
        max_volatility_accumulator=350_000,
        protocol_share=500,
        function_type=LIMIT_ORDER,
        collect_fee_mode=INPUT_ONLY,
        volatility=Volatility(0, 0, active, 0),
        bins=bins,
    )


def _bin_below(pair: _Pair | Reserves, bin_step: int) -> int:
    """The highest bin whose price is not above the market's."""
    low, high = -(1 << 17), 1 << 17
    while high - low > 1:
        middle = (low + high) // 2
        try:
            above = price_of_bin(middle, bin_step) * pair.amount_a > pair.amount_b * Q64
        except Overflow:
            above = middle > 0
        low, high = (low, middle) if above else (middle, high)
    return low


def _damm(pair: _Pair | Reserves, fee_bps: int) -> MeteoraDammV2:
    """A pool with liquidity over all prices. The protocol gets a fifth of the fee."""
    sqrt_price = isqrt((pair.amount_b << 128) // pair.amount_a)
    liquidity = (pair.amount_b << 128) // sqrt_price
    return MeteoraDammV2(sqrt_price, liquidity, fee_bps * 100_000, 20, BOTH_TOKENS)
