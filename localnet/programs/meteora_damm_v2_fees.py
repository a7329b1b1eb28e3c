"""The fee of a Meteora DAMM v2 pool, and the volatility that raises it.

Source: MeteoraAg/damm-v2, programs/cp-amm/src/base_fee and state/fee.rs of version 0.2.0. A rate limiter that is at
work, and fees that compound, fail.
"""

from __future__ import annotations

from localnet.programs.records import Record
from localnet.programs.standin import InstructionFailed
from order_engine.dex.meteora_damm_v2_fees import (
    Schedule,
    dynamic_fee_numerator,
    periods_by_market_cap,
    total_fee_numerator,
)
from order_engine.dex.rounding import Q64
from order_engine.dex.swaps import BPS

_LINEAR, _EXPONENTIAL, _RATE_LIMITER, _LINEAR_BY_MARKET_CAP, _EXPONENTIAL_BY_MARKET_CAP = range(5)
"""`BaseFeeMode`."""
_COMPOUNDING = 2


def fee_numerator(pool: Record, active: int) -> int:
    """The fee of the next swap in billionths, `active` slots or seconds after the pool's activation.

    Raises `InstructionFailed` for a fee that the stand-in lacks.
    """
    mode = pool["base_fee_mode"]
    limited = mode == _RATE_LIMITER and pool["reduction_factor"] and active <= pool["period_frequency_low"]
    if limited or pool["collect_fee_mode"] == _COMPOUNDING:
        raise InstructionFailed("ProgramFailedToComplete", "the stand-in has no such fees", ())
    schedule = Schedule(
        mode in (_EXPONENTIAL, _EXPONENTIAL_BY_MARKET_CAP),
        pool["cliff_fee_numerator"],
        pool["number_of_period"],
        pool["reduction_factor"],
    )
    dynamic = 0
    if pool["dynamic_fee"]:
        accumulator, step = pool["volatility_accumulator"], pool["dynamic_bin_step"]
        dynamic = dynamic_fee_numerator(accumulator, step, pool["variable_fee_control"])
    return total_fee_numerator(schedule.fee_numerator(_periods(pool, active)), dynamic, pool["fee_version"])


def _periods(pool: Record, active: int) -> int:
    """The periods by which the base fee has fallen."""
    mode = pool["base_fee_mode"]
    if mode in (_LINEAR, _EXPONENTIAL):
        return active // pool["period_frequency"] if pool["period_frequency"] else 0
    if mode == _RATE_LIMITER:
        return 0
    if active > pool["period_frequency_high"]:
        return pool["number_of_period"]
    return periods_by_market_cap(pool["sqrt_price"], pool["init_sqrt_price"], pool["period_frequency_low"])


def settle_volatility(pool: Record, old_sqrt_price: int, now: int) -> None:
    """Keeps the volatility up after a swap: `update_references`, which is before it, and `update_post_swap`."""
    if not pool["dynamic_fee"]:
        return
    elapsed = now - pool["last_update_timestamp"]
    if elapsed >= pool["filter_period"]:
        pool["sqrt_price_reference"] = old_sqrt_price
        kept = pool["volatility_accumulator"] * pool["dynamic_reduction_factor"] // BPS
        pool["volatility_reference"] = kept if elapsed < pool["decay_period"] else 0
    crossed = _bins(pool, pool["sqrt_price_reference"], pool["sqrt_price"])
    accumulator = pool["volatility_reference"] + crossed * BPS
    pool["volatility_accumulator"] = min(accumulator, pool["max_volatility_accumulator"])
    if _bins(pool, old_sqrt_price, pool["sqrt_price"]):
        pool["last_update_timestamp"] = now


def _bins(pool: Record, first: int, second: int) -> int:
    """How many steps are between two square-root prices: `get_delta_bin_id`."""
    lower, upper = sorted((first, second))
    return ((upper << 64) // lower - Q64) // pool["bin_step_u128"] * 2
