from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.pool import Pool
from order_engine.domain.tokens import TOKENS
from order_engine.simulation.pools import MICRO_USD, PoolSetting, pool_settings
from order_engine.simulation.traders import PERIOD_SECONDS, STILL, Flow

SETTINGS = {setting.id: setting for setting in pool_settings()}
AMM, CP, CLMM, DLMM, DAMM = (
    SETTINGS[f"{venue}:SOL-USDC"]
    for venue in ("raydium-amm", "raydium-cp", "raydium-clmm", "meteora-dlmm", "meteora-damm")
)
PERIODS = range(900_000_000, 900_000_200)

each_setting = pytest.mark.parametrize("setting", SETTINGS.values(), ids=SETTINGS)
each_kind = pytest.mark.parametrize("setting", [AMM, CP, CLMM, DLMM, DAMM], ids=lambda setting: setting.id)


def carried(flow: Flow, setting: PoolSetting, period: int, pool: Pool | None = None) -> Pool:
    return flow.carry(pool or setting.pool, setting.id, setting.token_a, setting.token_b, period)


def price(pool: Pool) -> Fraction:
    return Fraction(*pool.spot_price(True))


def market_price(setting: PoolSetting) -> Fraction:
    """The price without drift: base units of b for one of a."""
    values = [Fraction(MICRO_USD[token], 10 ** TOKENS[token].decimals) for token in (setting.token_a, setting.token_b)]
    return values[0] / values[1]


def width(setting: PoolSetting) -> Fraction:
    """The relative distance between two prices of the pool: one bin step, or 0."""
    return Fraction(getattr(setting.pool, "bin_step", 0), 10_000)


@pytest.mark.parametrize(("seconds", "period"), [(0, 0), (PERIOD_SECONDS - 0.001, 0), (PERIOD_SECONDS, 1), (7.5, 3)])
def test_time_is_divided_into_periods(seconds: float, period: int) -> None:
    assert Flow().period(seconds) == period


@each_setting
@given(st.integers(0, 10**10), st.integers(1, 1_000), st.integers(0, 2**63))
def test_a_moment_always_has_the_same_market(setting: PoolSetting, period: int, drift_bps: int, seed: int) -> None:
    first, second = (carried(Flow(drift_bps, seed), setting, period) for _ in range(2))
    assert first == second
    assert type(first).from_json(first.to_json()) == first


@each_setting
def test_without_drift_a_pool_stays_as_it_is(setting: PoolSetting) -> None:
    for period in PERIODS[:20]:
        assert carried(STILL, setting, period) is setting.pool


def test_another_seed_makes_another_market() -> None:
    ways = {tuple(carried(Flow(40, seed), AMM, period) for period in PERIODS[:5]) for seed in range(10)}
    assert len(ways) == 10


@each_setting
@pytest.mark.parametrize("drift_bps", [1, 40, 300])
def test_a_price_never_deviates_by_more_than_the_drift(setting: PoolSetting, drift_bps: int) -> None:
    """The deviations of two tokens and of the pool add up, plus their small product, plus one bin in a pool of bins."""
    fair = market_price(setting)
    bound = Fraction(drift_bps, 10_000) * Fraction(102, 100) + width(setting) + Fraction(1, 10**6)
    for period in PERIODS[::10]:
        assert abs(price(carried(Flow(drift_bps), setting, period)) / fair - 1) <= bound


@each_setting
def test_prices_rise_and_fall_in_small_steps(setting: PoolSetting) -> None:
    drift = 300
    prices = [price(carried(Flow(drift), setting, period)) for period in PERIODS]
    assert min(prices) < market_price(setting) < max(prices) or width(setting)
    assert len(set(prices)) > 5
    steps = [abs(after / before - 1) for before, after in pairwise(prices)]
    assert max(steps) <= Fraction(drift, 10_000) / 2 + 2 * width(setting)


@pytest.mark.parametrize("token", ["SOL", "USDC"])
def test_the_pools_of_a_token_move_together(token: str) -> None:
    """Two thirds of a pool's deviation come from its tokens, one third from the pool itself."""
    flow = Flow(300)
    pairs = [(AMM, SETTINGS["meteora-dlmm:SOL-USDC"]), (CP, DAMM)]
    for one, other in pairs:
        ways = [
            [price(carried(flow, setting, period)) / market_price(setting) - 1 for period in PERIODS]
            for setting in (one, other)
        ]
        together = sum((a > 0) == (b > 0) for a, b in zip(*ways, strict=True))
        assert together > len(PERIODS) * 6 // 10


def test_venues_drift_apart_and_come_back_together() -> None:
    flow = Flow(200)
    gaps = [price(carried(flow, AMM, period)) / price(carried(flow, DAMM, period)) - 1 for period in PERIODS]
    assert max(gaps) > Fraction(10, 10_000)
    assert min(gaps) < -Fraction(10, 10_000)
    assert any(abs(gap) < Fraction(2, 10_000) for gap in gaps)
    assert sum(before * after < 0 for before, after in pairwise(gaps)) >= 3


@each_kind
@given(st.integers(1, 500))
def test_traders_bring_a_moved_pool_back_to_the_market_price(setting: PoolSetting, share: int) -> None:
    flow, period = Flow(20), PERIODS[0]
    moved = setting.pool.swap(setting.pool.depth(False) // (share + 2), True, period * PERIOD_SECONDS)[1]
    back = carried(flow, setting, period + 1, moved)
    target = price(carried(flow, setting, period + 1))
    # In some pools the fee of the trade stays in the reserves and moves the price a little further.
    assert abs(price(back) / target - 1) <= width(setting) + Fraction(25, 10_000 * (share + 2)) + Fraction(1, 10**5)


@each_setting
def test_traders_never_take_value_out_of_a_pool(setting: PoolSetting) -> None:
    """At the market's price, the pool is worth no less when it is back at its first price."""
    fair = market_price(setting)

    def worth(of: Pool) -> Fraction:
        return of.depth(False) * fair + of.depth(True)

    pool = setting.pool
    for period in PERIODS[:80:2]:
        pool = carried(Flow(300), setting, period, pool)
    back = carried(Flow(1), setting, PERIODS[0], pool)
    assert worth(back) >= worth(setting.pool) * (1 - width(setting) - Fraction(1, 10**5))


def test_an_empty_pool_stays_as_it_is() -> None:
    assert isinstance(DLMM.pool, MeteoraDlmm)
    dry = replace(DLMM.pool, bins=tuple(bin._replace(amount_x=0, amount_y=0) for bin in DLMM.pool.bins))
    assert carried(Flow(300), DLMM, PERIODS[0], dry) is dry
