"""Builds pools of all kinds with given reserves, and strategies for such pools of one pair."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isqrt, log

from hypothesis import strategies as st

from order_engine.dex.meteora_damm_v2 import BOTH_TOKENS, ONLY_B, MeteoraDammV2
from order_engine.dex.meteora_dlmm import INPUT_ONLY, LIMIT_ORDER, ONLY_Y, MeteoraDlmm, Volatility
from order_engine.dex.meteora_dlmm_bins import Bin, price_of_bin
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import MAX_TICK, MIN_TICK, sqrt_price_at_tick, tick_at_sqrt_price
from order_engine.dex.raydium_cp import RaydiumCp
from order_engine.dex.routing import Limits, Listing, Paths, Route

NOW = 1_800_000_000

Make = Callable[[int, int], Pool]


def routes(
    listings: Sequence[Listing],
    token_in: str,
    token_out: str,
    amount_in: int,
    now: int,
    leg_cost: int = 0,
    limits: Limits | None = None,
) -> list[Route]:
    """The routes for one amount, the best one first."""
    return Paths(listings, token_in, token_out, now, leg_cost, limits).routes(amount_in)


def amm(x: int, y: int, fee_bps: int = 25) -> RaydiumAmmV4:
    return RaydiumAmmV4(x, y, fee_bps, 10_000)


def cp(x: int, y: int, fee_bps: int = 25, creator_bps: int = 0, creator_fee_on: int = 0) -> RaydiumCp:
    return RaydiumCp(x, y, fee_bps * 100, 120_000, 40_000, creator_bps * 100, creator_fee_on)


def damm(x: int, y: int, fee_bps: int = 25, mode: int = BOTH_TOKENS) -> MeteoraDammV2:
    """A pool with constant liquidity over all prices and about these reserves."""
    sqrt_price = isqrt((y << 128) // x)
    return MeteoraDammV2(sqrt_price, max((y << 128) // sqrt_price, 1), fee_bps * 100_000, 20, mode)


def dlmm(x: int, y: int, step: int = 20, width: int = 20, mode: int = INPUT_ONLY) -> MeteoraDlmm:
    """A pool with these reserves spread over `width` bins on either side. Its base fee is one bin step."""
    active = round(log(y / x) / log(1 + step / 10_000))
    bins = tuple(
        Bin(id, price_of_bin(id, step), x // width if id >= active else 0, y // width if id <= active else 0)
        for id in range(active - width, active + width + 1)
    )
    return MeteoraDlmm(
        *(active, step, 10_000, 0, 30, 600, 5_000, 40_000, 350_000, 500, LIMIT_ORDER, mode),
        Volatility(0, 0, active, 0),
        bins,
    )


def clmm(x: int, y: int, fee_bps: int = 25, width: int = 2_000) -> RaydiumClmm:
    """A pool with about these reserves, half of them over all prices and half within `width` ticks of the price."""
    sqrt_price = isqrt((y << 128) // x)
    tick = tick_at_sqrt_price(sqrt_price)
    positions = [
        (low, high, max((y << 63) // (sqrt_price - sqrt_price_at_tick(low)), 1))
        for low, high in ((MIN_TICK, MAX_TICK), (tick - width, tick + width))
    ]
    ticks = sorted(Tick(*end) for low, high, liquidity in positions for end in ((low, liquidity), (high, -liquidity)))
    liquidity = sum(liquidity for _, _, liquidity in positions)
    return RaydiumClmm(sqrt_price, tick, liquidity, fee_bps * 100, 120_000, 40_000, tuple(ticks))


MAKERS: dict[str, Make] = {"amm": amm, "cp": cp, "clmm": clmm, "damm": damm, "dlmm": dlmm}

fees = st.integers(0, 300)
makers = st.one_of(
    st.builds(lambda fee: lambda x, y: amm(x, y, fee), fees),
    st.builds(
        lambda fee, creator, on: lambda x, y: cp(x, y, fee, creator, on), fees, st.integers(0, 100), st.integers(0, 2)
    ),
    st.builds(lambda fee, width: lambda x, y: clmm(x, y, fee, width), fees, st.integers(1, 5_000)),
    st.builds(lambda fee, mode: lambda x, y: damm(x, y, fee, mode), fees, st.sampled_from((BOTH_TOKENS, ONLY_B))),
    st.builds(
        lambda step, width, mode: lambda x, y: dlmm(x, y, step, width, mode),
        *(st.integers(1, 100), st.integers(1, 40), st.sampled_from((INPUT_ONLY, ONLY_Y))),
    ),
)
"""Functions that build a pool with about the given reserves."""


@st.composite
def pools_of_a_pair(
    draw: st.DrawFn, least: int = 10**6, most: int = 10**13, count: tuple[int, int] = (2, 4)
) -> list[Pool]:
    """Pools of one pair, of all kinds and sizes. Their prices differ by up to a tenth, as in a market."""
    price = draw(st.fractions(1, 1_000, max_denominator=1_000)) ** draw(st.sampled_from((1, -1)))
    found = []
    for _ in range(draw(st.integers(*count))):
        x = draw(st.integers(least, most))
        y = int(x * price) * draw(st.integers(900, 1_100)) // 1_000
        found.append(draw(makers)(x, max(y, 1_000)))
    return found
