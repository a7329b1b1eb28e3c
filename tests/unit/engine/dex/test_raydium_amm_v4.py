from __future__ import annotations

import pytest

from order_engine.dex.errors import LiquidityExhausted, ZeroOutput
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from tests.unit.engine.dex.vectors import Row, each_row, integers, raydium_amm_v4


@each_row("raydium_amm_v4")
def test_a_swap_equals_that_of_the_program(row: Row) -> None:
    pool, expected, amount = raydium_amm_v4(row), row["expected"], int(row["amount_in"])
    a_to_b = row["direction"] == "coin2pc"
    assert pool.output(amount, a_to_b, 0) == int(expected["amount_out"])
    if expected["status"] != "ok":
        assert expected["status"] == "error_zero_output"
        with pytest.raises(ZeroOutput):
            pool.quote(amount, a_to_b, 0)
        return
    swap, after = pool.swap(amount, a_to_b, 0)
    assert swap == pool.quote(amount, a_to_b, 0)
    assert (swap.amount_in, swap.amount_out) == (amount, int(expected["amount_out"]))
    assert swap.fees == (int(expected["fee"]), 0, 0, 0)
    assert swap.fee_on_input
    reserves = (after.reserve_a, after.reserve_b) if a_to_b else (after.reserve_b, after.reserve_a)
    assert reserves == integers(expected, "next_reserve_in", "next_reserve_out")
    x, y = (pool.reserve_a, pool.reserve_b) if a_to_b else (pool.reserve_b, pool.reserve_a)
    net = amount - int(expected["fee"])
    assert swap.price_impact == (net * y - swap.amount_out * x, net * y)


def test_an_exact_output_rounds_both_divisions_up() -> None:
    pool = RaydiumAmmV4(1_000_000, 2_000_000, 25, 10_000)
    swap = pool.quote_exact_out(1_000, True, 0)
    assert swap.amount_in == 503  # 500.25 before the fee, 501 rounded up, 502.26 with it
    assert (swap.amount_out, swap.fees.trade) == (1_000, 2)
    with pytest.raises(LiquidityExhausted):
        pool.quote_exact_out(2_000_000, True, 0)
