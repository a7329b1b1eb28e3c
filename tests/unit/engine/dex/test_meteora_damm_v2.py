from __future__ import annotations

from decimal import Decimal, localcontext

import pytest

from order_engine.dex.errors import LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.pool import min_out
from tests.unit.engine.dex.vectors import DECIMAL_JS, Row, each_row, integers, meteora_damm_v2

SLIPPAGE_BPS = 1
"""The vectors pass 0.5 to the SDK, which means basis points there, and its integers cut 10000 − 0.5 to 9999."""


@each_row("meteora_damm_v2")
def test_a_swap_equals_that_of_the_sdk(row: Row) -> None:
    pool, expected, amount, a_to_b = meteora_damm_v2(row), row["expected"], int(row["amount_in"]), row["a_to_b"]
    if "error" in expected:
        assert expected["error"] == "Error:Amount out must be greater than 0"
        assert pool.output(amount, a_to_b, 0) == 0
        with pytest.raises(ZeroOutput):
            pool.quote(amount, a_to_b, 0)
        return
    swap, after = pool.swap(amount, a_to_b, 0)
    assert swap == pool.quote(amount, a_to_b, 0)
    assert pool.output(amount, a_to_b, 0) == swap.amount_out == int(expected["amount_out"])
    assert swap.fees == (*integers(expected, "lp_claiming_fee", "protocol_fee"), 0, 0)
    assert swap.amount_in - swap.fee_in == int(expected["excluded_fee_input"])
    assert after.sqrt_price == int(expected["next_sqrt_price"])
    assert min_out(swap.amount_out, SLIPPAGE_BPS) == int(expected["minimum_amount_out"])
    assert impact_with_fee(pool, swap.amount_in, swap.amount_out, a_to_b) == Decimal(expected["price_impact"])


def impact_with_fee(pool: MeteoraDammV2, amount_in: int, amount_out: int, a_to_b: bool) -> Decimal:
    """The SDK's `getPriceImpact` in percent. It includes the fee, and compares b per a in both directions."""
    with localcontext(DECIMAL_JS):
        root = Decimal(pool.sqrt_price)
        spot = root * root / Decimal(2) ** 128
        paid = Decimal(amount_in) / Decimal(amount_out)
        paid = 1 / paid if a_to_b else paid
        return +(abs(paid - spot) / spot * 100)


def test_a_swap_beyond_the_price_range_is_refused() -> None:
    pool = MeteoraDammV2(2**64, 10**9 << 64, 0, 20, 0, 2**63, 2**65)
    for a_to_b in (True, False):
        most = pool.max_input(a_to_b, 0)
        assert pool.output(most, a_to_b, 0) > 0
        with pytest.raises(LiquidityExhausted):
            pool.quote(most + 1, a_to_b, 0)
        with pytest.raises(LiquidityExhausted):
            pool.quote_exact_out(pool.depth(a_to_b) + 1, a_to_b, 0)


def test_an_exact_output_whose_input_exceeds_a_u64_is_an_overflow() -> None:
    pool = MeteoraDammV2(
        2_230_274_066_383_268_660_163_945, 703_624_481_627_718_025_317_764_482_197_083, 990_000_000, 0, 1
    )
    with pytest.raises(Overflow):
        pool.quote_exact_out(12_134_150, False, 0)
