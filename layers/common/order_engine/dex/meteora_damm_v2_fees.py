"""The fee that a Meteora DAMM v2 pool takes of its next swap, where it is not constant.

Source: MeteoraAg/damm-v2, programs/cp-amm/src/base_fee/{fee_time_scheduler,fee_market_cap_scheduler}.rs,
math/fee_math.rs and state/fee.rs (`get_total_fee_numerator`, `get_variable_fee`). A scheduler lowers the base fee from
period to period; a dynamic fee comes on top. Fee numerators are billionths.
"""

from __future__ import annotations

from typing import NamedTuple

from order_engine.dex.errors import CorruptState
from order_engine.dex.meteora_damm_v2 import MAX_FEE_NUMERATOR
from order_engine.dex.meteora_dlmm_bins import power
from order_engine.dex.rounding import Q64, U64_MAX, ceil_div
from order_engine.dex.swaps import BPS

MAX_FEE_NUMERATORS = (500_000_000, MAX_FEE_NUMERATOR)
"""By the pool's `fee_version`: `get_max_fee_numerator`. The program caps a fee that is higher."""


class Schedule(NamedTuple):
    """How the base fee falls from `cliff_fee_numerator` on, in `number_of_period` periods.

    `reduction_factor` is in billionths for a linear schedule, and in basis points of the fee for an exponential one.
    """

    exponential: bool
    cliff_fee_numerator: int
    number_of_period: int
    reduction_factor: int

    def fee_numerator(self, period: int) -> int:
        """The base fee after that many periods: `get_base_fee_numerator_by_period`. Raises `CorruptState`."""
        passed = min(period, self.number_of_period)
        if not passed:
            return self.cliff_fee_numerator
        if not self.exponential:
            fee = self.cliff_fee_numerator - self.reduction_factor * passed
            if fee < 0:
                raise CorruptState("reduction_factor", "a fee of at least 0", fee)
            return fee
        if self.reduction_factor >= BPS:
            raise CorruptState("reduction_factor", f"less than {BPS}", self.reduction_factor)
        return power(Q64 - (self.reduction_factor << 64) // BPS, passed) * self.cliff_fee_numerator >> 64


def periods_by_market_cap(sqrt_price: int, init_sqrt_price: int, step_bps: int) -> int:
    """The steps by which the square-root price has risen. Raises `CorruptState` for steps of nothing."""
    if sqrt_price <= init_sqrt_price:
        return 0
    for name, value in (("init_sqrt_price", init_sqrt_price), ("sqrt_price_step_bps", step_bps)):
        if not value:
            raise CorruptState(name, "more than 0", value)
    return (sqrt_price - init_sqrt_price) * BPS // init_sqrt_price // step_bps


def dynamic_fee_numerator(volatility_accumulator: int, bin_step: int, variable_fee_control: int) -> int:
    """The fee for volatility: `get_variable_fee`. A swap changes the volatility for the swaps after it only."""
    return ceil_div((volatility_accumulator * bin_step) ** 2 * variable_fee_control, 100_000_000_000)


def total_fee_numerator(base: int, dynamic: int, fee_version: int) -> int:
    """The fee of a swap: `get_total_fee_numerator`. Raises `CorruptState`."""
    if fee_version >= len(MAX_FEE_NUMERATORS):
        raise CorruptState("fee_version", f"at most {len(MAX_FEE_NUMERATORS) - 1}", fee_version)
    if base + dynamic > U64_MAX:
        raise CorruptState("volatility_accumulator", f"a fee of at most {U64_MAX} billionths", base + dynamic)
    return min(base + dynamic, MAX_FEE_NUMERATORS[fee_version])
