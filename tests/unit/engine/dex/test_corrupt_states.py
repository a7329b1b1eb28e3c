from __future__ import annotations

import copy
import re
from typing import Any

import pytest

from order_engine.dex.errors import CorruptState
from order_engine.dex.pool import load

DLMM = {
    "active_id": 1,
    "bin_step": 10,
    "base_factor": 10_000,
    "base_fee_power_factor": 0,
    "filter_period": 30,
    "decay_period": 600,
    "reduction_factor": 5_000,
    "variable_fee_control": 40_000,
    "max_volatility_accumulator": 350_000,
    "protocol_share": 500,
    "function_type": 2,
    "collect_fee_mode": 0,
    "volatility_accumulator": 0,
    "volatility_reference": 0,
    "index_reference": 0,
    "last_update_timestamp": 0,
    "bins": [
        {"id": 0, "amount_x": "0", "amount_y": "5"},
        {"id": 1, "amount_x": "5", "amount_y": "5"},
        {"id": 2, "amount_x": "5", "amount_y": "0"},
    ],
}

STATES: dict[str, dict[str, Any]] = {
    "raydium_cp": {
        "reserve_a": "1000",
        "reserve_b": "1000",
        "trade_fee_rate": 2500,
        "protocol_fee_rate": 120_000,
        "fund_fee_rate": 40_000,
        "creator_fee_rate": 500,
        "creator_fee_on": 0,
    },
    "raydium_amm_v4": {
        "reserve_a": "1000",
        "reserve_b": "1000",
        "swap_fee_numerator": 25,
        "swap_fee_denominator": 10_000,
    },
    "raydium_clmm": {
        "sqrt_price": str(2**64),
        "tick": 0,
        "liquidity": "1000000",
        "trade_fee_rate": 2500,
        "protocol_fee_rate": 120_000,
        "fund_fee_rate": 40_000,
        "ticks": [{"id": -10, "liquidity_net": "1000000"}, {"id": 10, "liquidity_net": "-1000000"}],
    },
    "meteora_dlmm": DLMM,
    "meteora_damm_v2": {
        "sqrt_price": str(2**64),
        "liquidity": str(2**90),
        "base_fee_numerator": 2_500_000,
        "protocol_fee_percent": 20,
        "collect_fee_mode": 0,
    },
}


def corrupted(kind: str, path: str, value: object) -> dict[str, Any]:
    state = copy.deepcopy(STATES[kind])
    holder: Any = state
    *parents, last = [int(step) if step.isdigit() else step for step in re.findall(r"\w+", path)]
    for parent in parents:
        holder = holder[parent]
    holder[last] = value
    return state


def written(state: Any) -> Any:
    """The state with every integer as a string, as pools write it."""
    if isinstance(state, dict):
        return {name: written(value) for name, value in state.items()}
    if isinstance(state, list):
        return [written(item) for item in state]
    return str(state) if type(state) is int else state


@pytest.mark.parametrize("kind", STATES)
def test_integers_may_be_numbers_or_strings(kind: str) -> None:
    pool = load(kind, STATES[kind])
    assert load(kind, pool.to_json()) == pool


FIELDS = [(kind, field) for kind, state in STATES.items() for field, value in state.items() if field != "bins"]


@pytest.mark.parametrize(("kind", "field"), FIELDS)
def test_a_missing_field_is_named(kind: str, field: str) -> None:
    state = {name: value for name, value in STATES[kind].items() if name != field}
    with pytest.raises(CorruptState, match=f"^{field}: expected a value, was 'nothing'"):
        load(kind, state)


@pytest.mark.parametrize(("kind", "field"), FIELDS)
@pytest.mark.parametrize("value", [None, True, 1.0, "1.5", "", "1e9", " 1", "１", [], -(2**130), 2**130, "9" * 50])
def test_a_mistyped_or_out_of_range_field_is_named(kind: str, field: str, value: object) -> None:
    if field == "ticks" and value == []:
        field, state = "liquidity", corrupted(kind, field, value)  # no tick explains the liquidity
    else:
        state = corrupted(kind, field, value)
    with pytest.raises(CorruptState, match=f"^{field}: expected ") as raised:
        load(kind, state)
    assert raised.value.field == field


@pytest.mark.parametrize("kind", STATES)
def test_an_unknown_field_is_named(kind: str) -> None:
    with pytest.raises(CorruptState, match=r"^surplus: expected one of .*, was 'surplus'"):
        load(kind, STATES[kind] | {"surplus": 1})


@pytest.mark.parametrize(
    ("kind", "path", "value", "field"),
    [
        ("raydium_cp", "reserve_a", 0, "reserve_a"),
        ("raydium_cp", "reserve_b", "0", "reserve_b"),
        ("raydium_cp", "reserve_b", 2**64, "reserve_b"),
        ("raydium_cp", "trade_fee_rate", 1_000_000, "trade_fee_rate"),
        ("raydium_cp", "creator_fee_rate", 997_500, "creator_fee_rate"),
        ("raydium_cp", "fund_fee_rate", 880_001, "fund_fee_rate"),
        ("raydium_cp", "creator_fee_on", 3, "creator_fee_on"),
        ("raydium_amm_v4", "reserve_a", 0, "reserve_a"),
        ("raydium_amm_v4", "swap_fee_numerator", 10_000, "swap_fee_numerator"),
        ("raydium_amm_v4", "swap_fee_denominator", 0, "swap_fee_denominator"),
        ("raydium_clmm", "sqrt_price", 4295048015, "sqrt_price"),
        ("raydium_clmm", "sqrt_price", 2**65, "sqrt_price"),
        ("raydium_clmm", "tick", 443_637, "tick"),
        ("raydium_clmm", "liquidity", 999_999, "liquidity"),
        ("raydium_clmm", "fund_fee_rate", 880_001, "fund_fee_rate"),
        ("raydium_clmm", "ticks[0].id", 10, "ticks"),
        ("raydium_clmm", "ticks[0].liquidity_net", -1, "ticks"),
        ("raydium_clmm", "ticks[1].liquidity_net", -1, "ticks"),
        ("raydium_clmm", "ticks[1].id", "x", "ticks[1].id"),
        ("meteora_dlmm", "bin_step", 401, "bin_step"),
        ("meteora_dlmm", "protocol_share", 10_001, "protocol_share"),
        ("meteora_dlmm", "active_id", 2, "bins[1].amount_x"),
        ("meteora_dlmm", "active_id", 0, "bins[1].amount_y"),
        ("meteora_dlmm", "bins", [{"id": 0, "amount_x": 0, "amount_y": 5}], "active_id"),
        ("meteora_dlmm", "bins", [], "active_id"),
        ("meteora_dlmm", "bins", {}, "bins"),
        ("meteora_dlmm", "bins[0]", 5, "bins[0]"),
        ("meteora_dlmm", "bins[0].amount_x", 1, "bins[0].amount_x"),
        ("meteora_dlmm", "bins[2].amount_y", 1, "bins[2].amount_y"),
        ("meteora_dlmm", "bins[2].amount_x", -1, "bins[2].amount_x"),
        ("meteora_dlmm", "bins[1].amount_x", 2**64, "bins[1].amount_x"),
        ("meteora_dlmm", "bins[1].surplus", 1, "bins[1].surplus"),
        ("meteora_dlmm", "bins[1].limit_order_ask_side", 1, "bins[1].limit_order_ask_side"),
        ("meteora_dlmm", "bins[2].open_order_amount", 7, "bins[2].amount_y"),
        ("meteora_dlmm", "bins[2].id", 1, "bins"),
        ("meteora_dlmm", "bins[2].id", 443_637, "bins[2].id"),
        ("meteora_dlmm", "bins[2].id", 443_636, "bins[2].id"),
        ("meteora_damm_v2", "sqrt_price", 4295048015, "sqrt_price"),
        ("meteora_damm_v2", "sqrt_price", 79226673521066979257578248092, "sqrt_price"),
        ("meteora_damm_v2", "liquidity", 0, "liquidity"),
        ("meteora_damm_v2", "liquidity", 2**128 - 1, None),
        ("meteora_damm_v2", "liquidity", 2**128, "liquidity"),
        ("meteora_damm_v2", "base_fee_numerator", 10**9, "base_fee_numerator"),
        ("meteora_damm_v2", "protocol_fee_percent", 101, "protocol_fee_percent"),
        ("meteora_damm_v2", "collect_fee_mode", 2, "collect_fee_mode"),
        ("meteora_damm_v2", "sqrt_max_price", 2**63, "sqrt_price"),
    ],
)
def test_an_impossible_state_is_refused_at_its_field(kind: str, path: str, value: object, field: str | None) -> None:
    state = corrupted(kind, path, value)
    if field is None:
        assert load(kind, state) == load(kind, written(state))
        return
    for given in (state, written(state)):
        with pytest.raises(CorruptState) as raised:
            load(kind, given)
        assert raised.value.field == field


@pytest.mark.parametrize("field", ["id", "amount_x", "amount_y"])
@pytest.mark.parametrize("value", [None, True, 1.0, "1.5", "", "1e9", " 1", "1 ", "1 1", "１", "1_0", [], "9" * 50])
def test_a_mistyped_field_among_strings_is_named(field: str, value: object) -> None:
    state = written(STATES["meteora_dlmm"])
    state["bins"][1][field] = value
    with pytest.raises(CorruptState, match=rf"^bins\[1\].{field}: expected "):
        load("meteora_dlmm", state)


def test_a_missing_field_among_strings_is_named() -> None:
    state = written(STATES["meteora_dlmm"])
    del state["bins"][1]["amount_y"]
    with pytest.raises(CorruptState, match=r"^bins\[1\].amount_y: expected a value, was 'nothing'"):
        load("meteora_dlmm", state)
    state["bins"][1]["surplus"] = "1"
    with pytest.raises(CorruptState, match=r"^bins\[1\].amount_y: expected a value, was 'nothing'"):
        load("meteora_dlmm", state)


def test_reserves_beyond_a_u64_are_refused() -> None:
    state = STATES["meteora_damm_v2"] | {"sqrt_price": 2**70, "liquidity": 2**128 - 1}
    with pytest.raises(CorruptState, match="^liquidity: expected reserves of at most 18446744073709551615"):
        load("meteora_damm_v2", state)


@pytest.mark.parametrize("value", [None, [], "{}", 5])
def test_a_state_that_is_not_an_object_is_refused(value: object) -> None:
    with pytest.raises(CorruptState, match="^state: expected an object"):
        load("raydium_cp", value)


def test_an_unknown_kind_is_refused() -> None:
    with pytest.raises(CorruptState, match="^kind: expected one of raydium_cp, .*, was 'orca'"):
        load("orca", {})
