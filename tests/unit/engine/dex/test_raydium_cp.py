from __future__ import annotations

import pytest

from order_engine.dex.errors import LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.pool import min_out
from order_engine.dex.raydium_cp import RaydiumCp, swap_base_input, swap_base_output
from order_engine.dex.rounding import U64_MAX
from tests.unit.engine.dex.vectors import Row, each_row, integers, raydium_cp

FEES = ("trade_fee", "protocol_fee", "fund_fee", "creator_fee")


@each_row("raydium_cp_swap")
def test_the_curve_equals_that_of_the_program(row: Row) -> None:
    pool, expected = raydium_cp(row), row["expected"]
    a_to_b, exact_in = row["direction"] == "0to1", row["swap"] == "exact_in"
    x, y = (pool.reserve_a, pool.reserve_b) if a_to_b else (pool.reserve_b, pool.reserve_a)
    on_input = pool.creator_fee_on_input(a_to_b)
    assert on_input is expected["creator_fee_on_input"]
    rates = pool.trade_fee_rate, pool.creator_fee_rate, pool.protocol_fee_rate, pool.fund_fee_rate
    curve = swap_base_input if exact_in else swap_base_output
    found = curve(int(row["amount"]), x, y, *rates, on_input)
    assert (found.amount_in, found.amount_out) == integers(expected, "amount_in", "amount_out")
    assert (found.trade_fee, found.protocol_fee, found.fund_fee, found.creator_fee) == integers(expected, *FEES)
    assert x + found.net_in == int(expected["new_input_vault_ex_fee"])
    assert y - found.gross_out == int(expected["new_output_vault"])
    least = {bps: str(min_out(found.amount_out, int(bps))) for bps in expected["min_out_floor_by_bps"]}
    assert least == expected["min_out_floor_by_bps"]
    if expected["price_impact_excl_fee"] is None:
        assert found.net_in == 0
    else:
        impact = found.net_in * y - found.gross_out * x, found.net_in * y
        assert impact == integers(expected["price_impact_excl_fee"], "num", "den")
    impact = found.amount_in * y - found.amount_out * x, found.amount_in * y
    assert impact == integers(expected["price_impact_incl_fee"], "num", "den")


@each_row("raydium_cp_swap")
def test_a_swap_equals_that_of_the_program(row: Row) -> None:
    pool, expected, amount = raydium_cp(row), row["expected"], int(row["amount"])
    a_to_b = row["direction"] == "0to1"
    call = pool.quote if row["swap"] == "exact_in" else pool.quote_exact_out
    if expected["status"] != "ok":
        errors = {"error_zero_output": ZeroOutput, "error_overflow_u64": Overflow, "error_program_panic": Overflow}
        with pytest.raises(errors[expected["status"]]):
            call(amount, a_to_b, 0)
        return
    swap = call(amount, a_to_b, 0)
    trade, protocol, fund, creator = integers(expected, *FEES)
    assert (swap.amount_in, swap.amount_out) == integers(expected, "amount_in", "amount_out")
    assert swap.fees == (trade - protocol - fund, protocol, fund, creator)
    assert swap.fee_on_input
    assert swap.creator_fee_on_input is expected["creator_fee_on_input"]
    assert swap.price_impact == integers(expected["price_impact_excl_fee"], "num", "den")
    after = pool.after(swap, a_to_b)
    reserves = (after.reserve_a, after.reserve_b) if a_to_b else (after.reserve_b, after.reserve_a)
    assert reserves == integers(expected, "next_reserve_in", "next_reserve_out")
    if row["swap"] == "exact_in":
        assert pool.output(amount, a_to_b, 0) == swap.amount_out
        assert pool.swap(amount, a_to_b, 0) == (swap, after)


def test_trade_and_creator_fee_on_the_input_are_rounded_up_once() -> None:
    pool = RaydiumCp(10**12, 10**12, 2500, 120_000, 40_000, 500, 0)
    fees = pool.quote(301, True, 0).fees
    assert fees.total == 1  # the sum of 0.753 and 0.151, rounded up
    assert fees.creator == 0


def test_the_whole_reserve_cannot_be_bought() -> None:
    pool = RaydiumCp(1_000, 1_000, 2500, 120_000, 40_000, 0, 0)
    for amount in (1_000, 1_001, U64_MAX):
        with pytest.raises(LiquidityExhausted):
            pool.quote_exact_out(amount, True, 0)


def test_a_vault_beyond_a_u64_is_an_overflow() -> None:
    pool = RaydiumCp(U64_MAX - 1_000, 10**9, 0, 0, 0, 0, 0)
    assert pool.max_input(True, 0) == 1_000
    for call in (pool.quote, pool.output, pool.swap):
        with pytest.raises(Overflow):
            call(1_001, True, 0)
