"""The recordings in tests/vectors/solana hold every kind of fee against the program; these are its rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from order_engine.dex.errors import CorruptState
from order_engine.dex.meteora_damm_v2_fees import (
    Schedule,
    dynamic_fee_numerator,
    periods_by_market_cap,
    total_fee_numerator,
)

LINEAR = Schedule(False, 500_000_000, 10, 40_000_000)
EXPONENTIAL = Schedule(True, 500_000_000, 10, 800)


@given(st.sampled_from([LINEAR, EXPONENTIAL]), st.integers(0, 20))
def test_a_fee_falls_from_period_to_period_until_the_last(schedule: Schedule, period: int) -> None:
    assert schedule.fee_numerator(0) == 500_000_000
    before, after = schedule.fee_numerator(period), schedule.fee_numerator(period + 1)
    assert (after < before) is (period < 10)
    assert after > 0


def test_an_exponential_schedule_takes_the_same_share_off_each_time() -> None:
    assert [EXPONENTIAL.fee_numerator(period) for period in range(3)] == [500_000_000, 460_000_000, 423_200_000]


@pytest.mark.parametrize(
    ("price", "periods"), [(0, 0), (10_000, 0), (10_099, 0), (10_100, 1), (10_199, 1), (10_200, 2)]
)
def test_a_period_is_a_step_of_the_price(price: int, periods: int) -> None:
    assert periods_by_market_cap(price, 10_000, 100) == periods


def test_a_fee_for_volatility_is_rounded_up() -> None:
    assert [dynamic_fee_numerator(volatility, 1, 1) for volatility in (0, 1, 316_227, 316_228)] == [0, 1, 1, 2]


def test_the_sum_of_the_fees_is_capped() -> None:
    assert total_fee_numerator(400_000_000, 99_999_999, 0) == 499_999_999
    assert [total_fee_numerator(400_000_000, 600_000_000, version) for version in (0, 1)] == [500_000_000, 990_000_000]
    with pytest.raises(CorruptState, match="fee_version: expected at most 1, was '2'"):
        total_fee_numerator(1, 0, 2)
