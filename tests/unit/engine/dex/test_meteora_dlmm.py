from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from decimal import Decimal, localcontext
from itertools import repeat
from typing import Any

import pytest

from order_engine.dex.errors import LiquidityExhausted, Overflow, ZeroOutput
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.meteora_dlmm_bins import FEE_PRECISION, Fill, fill_layer, price_of_bin
from order_engine.dex.pool import Swap, min_out
from tests.unit.engine.dex.vectors import DECIMAL_JS, Row, document, each_row, integers, meteora_dlmm

VECTORS = document("meteora_dlmm")
NOW: int = VECTORS["meta"]["now"]
SLIPPAGE_BPS = 50

POOLS = {name: meteora_dlmm(pool) for name, pool in VECTORS["pools"].items()}

PROGRAM = document("meteora_dlmm_program")


@each_row("meteora_dlmm_bin_price")
def test_a_bin_price_equals_that_of_the_program(row: Row) -> None:
    bin_id, bin_step, expected = row["bin_id"], row["bin_step"], int(row["price_q64"])
    if expected:
        assert price_of_bin(bin_id, bin_step) == expected
    else:
        with pytest.raises(Overflow):
            price_of_bin(bin_id, bin_step)


@pytest.mark.parametrize("name", POOLS)
def test_a_loaded_pool_has_the_bin_prices_and_the_base_fee_of_the_sdk(name: str) -> None:
    given, pool = VECTORS["pools"][name], POOLS[name]
    assert {bin.id: bin.price for bin in pool.bins} == {bin["id"]: int(bin["price_q64"]) for bin in given["bins"]}
    assert replace(pool, variable_fee_control=0).fee_rate(0, 0, 0)[1] == int(given["base_fee_rate_1e9"])


@each_row("meteora_dlmm")
def test_a_swap_equals_that_of_the_sdk(row: Row) -> None:
    pool, expected = POOLS[row["pool"]], row["expected"]
    amount, a_to_b = int(row["amount_in"]), row["swap_for_y"]
    assert pool.fee_on_input(a_to_b) is expected["fee_on_input"]
    if expected["status"] in ("partial", "insufficient_liquidity"):
        for call in (pool.quote, pool.output, pool.swap):
            with pytest.raises(LiquidityExhausted):
                call(amount, a_to_b, NOW)
        consumed = int(expected["consumed_in"])
        assert pool.max_input(a_to_b, NOW) < amount
        assert pool.depth(a_to_b) >= int(expected["amount_out"])
        if not consumed:
            assert pool.max_input(a_to_b, NOW) == pool.depth(a_to_b) == 0
            return
        amount = consumed
    fills = pool.fills(amount, a_to_b, NOW)
    check_fills(row, fills)
    if expected["status"] == "ok_zero_output":
        assert pool.output(amount, a_to_b, NOW) == 0
        with pytest.raises(ZeroOutput):
            pool.quote(amount, a_to_b, NOW)
        return
    swap, after = pool.swap(amount, a_to_b, NOW)
    assert swap == pool.quote(amount, a_to_b, NOW)
    assert (swap.amount_in, swap.amount_out) == integers(expected, "consumed_in", "amount_out")
    assert pool.output(amount, a_to_b, NOW) == swap.amount_out
    assert swap.fees == (*integers(expected, "fee_sdk_after_protocol", "protocol_fee"), 0, 0)
    assert swap.fees.total == int(expected["fee_plus_protocol"])
    assert swap.fee_on_input is expected["fee_on_input"]
    assert min_out(swap.amount_out, SLIPPAGE_BPS) == int(expected["min_amount_out_50bps"])
    assert impact_of_the_sdk(swap, fills, a_to_b) == Decimal(expected["price_impact_percent"])
    check_state(row, pool, after)
    check_price(row, pool, after)


@pytest.mark.parametrize("name", PROGRAM["pools"])
def test_each_swap_leaves_the_state_that_the_program_leaves(name: str) -> None:
    state: dict[str, Any] = PROGRAM["pools"][name]
    for row in PROGRAM["swaps"]:
        if row["pool"] != name:
            continue
        swap, after = MeteoraDlmm.from_json(state).swap(int(row["amount_in"]), row["a_to_b"], row["now"])
        bins = {bin["id"]: bin for bin in [*state["bins"], *row["after"].get("bins", [])]}
        state = state | row["after"] | {"bins": list(bins.values())}
        assert swap.amount_out == int(row["amount_out"]), row["id"]
        assert after == MeteoraDlmm.from_json(state), row["id"]


def test_a_swap_within_the_active_bin_does_not_restart_the_time_after_which_volatility_decays() -> None:
    pool = POOLS["sol_usdc_step10_spot"]
    changed = pool.volatility.last_update_timestamp
    _, within = pool.swap(1_000, False, NOW)
    _, across = within.swap(pool.max_input(False, NOW) // 2, False, NOW + 1)
    assert (within.active_id, within.volatility.last_update_timestamp) == (pool.active_id, changed)
    assert across.active_id != pool.active_id
    assert across.volatility.last_update_timestamp == NOW + 1


def check_fills(row: Row, fills: list[Fill]) -> None:
    expected = row["expected"]
    assert [fill.bin.id for fill in fills] == [bin["bin_id"] for bin in expected["bins"]]
    assert (fills[0].bin.id, fills[-1].bin.id) == (expected["first_bin"], expected["last_filled_bin"])
    for fill, bin in zip(fills, expected["bins"], strict=True):
        amounts = integers(bin, "amount_in", "amount_out", "sdk_fee_after_protocol", "protocol_fee")
        assert (fill.amount_in, fill.amount_out, fill.fee, fill.protocol_fee) == amounts
        assert (fill.fee_rate, fill.accumulator) == integers(bin, "fee_rate_1e9", "volatility_accumulator")


def check_state(row: Row, pool: MeteoraDlmm, after: MeteoraDlmm) -> None:
    """The vectors have no `active_id_after` if the SDK ran out of bins: it searches beyond the last one."""
    expected = row["expected"]
    if expected["active_id_after"] is not None:
        assert after.active_id == expected["active_id_after"]
    names = ("volatility_accumulator", "volatility_reference", "index_reference")
    assert after.volatility[:3] == tuple(expected["v_after"][name] for name in names)
    assert MeteoraDlmm.from_json(after.to_json()) == after


def check_price(row: Row, pool: MeteoraDlmm, after: MeteoraDlmm) -> None:
    with localcontext(DECIMAL_JS):
        price = (1 + Decimal(pool.bin_step) / 10_000) ** after.active_id
    assert price == Decimal(row["expected"]["end_price_raw"])


def impact_of_the_sdk(swap: Swap, fills: list[Fill], a_to_b: bool) -> Decimal:
    """The SDK's price impact in percent: at the first bin's price, with the last bin's fee on the whole input."""
    net = swap.amount_in - -(-swap.amount_in * fills[-1].fee_rate // FEE_PRECISION)
    _, fair = fill_layer(net, 1 << 200, fills[0].bin.price, a_to_b)
    with localcontext(DECIMAL_JS):
        return +abs((Decimal(swap.amount_out) - fair) / fair * 100)


def test_threads_that_share_a_pool_get_the_same_outputs() -> None:
    alone = POOLS["sol_usdc_step10_spot"]
    most = alone.max_input(False, NOW)
    amounts = [most * part // 100 for part in range(1, 101)]
    expected = [alone.output(amount, False, NOW) for amount in amounts]
    with ThreadPoolExecutor(8) as threads:
        for _ in range(20):
            shared = replace(alone)
            assert list(threads.map(shared.output, amounts, repeat(False), repeat(NOW))) == expected
