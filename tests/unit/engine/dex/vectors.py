"""Reads the reference vectors in tests/vectors: swaps as the programs and the official SDKs calculate them.

The `meta` of each file names its generator. Any file of the same format can be read.
"""

from __future__ import annotations

import json
from decimal import ROUND_HALF_UP, Context
from pathlib import Path
from typing import Any

import pytest

from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_cp import RaydiumCp

FOLDER = Path(__file__).parents[3] / "vectors"

DECIMAL_JS = Context(prec=20, rounding=ROUND_HALF_UP)
"""The arithmetic of decimal.js, with which the SDKs calculate prices and impacts."""

Row = dict[str, Any]


def document(name: str) -> Row:
    with (FOLDER / f"{name}.json").open() as file:
        found: Row = json.load(file)
    return found


def each_row(name: str) -> pytest.MarkDecorator:
    """Parametrizes a test with the rows of a file, named by their ids."""
    rows = document(name)["vectors"]
    return pytest.mark.parametrize("row", rows, ids=[row.get("id", f"{name}-{n}") for n, row in enumerate(rows)])


def integers(row: Row, *names: str) -> tuple[int, ...]:
    return tuple(int(row[name]) for name in names)


def raydium_cp(row: Row) -> RaydiumCp:
    pool = row["pool"]
    return RaydiumCp.from_json(
        {
            "reserve_a": pool["reserve_0"],
            "reserve_b": pool["reserve_1"],
            "trade_fee_rate": pool["trade_fee_rate"],
            "protocol_fee_rate": pool["protocol_fee_rate"],
            "fund_fee_rate": pool["fund_fee_rate"],
            "creator_fee_rate": pool["creator_fee_rate"] if pool["enable_creator_fee"] else 0,
            "creator_fee_on": pool["creator_fee_on"],
        }
    )


def raydium_amm_v4(row: Row) -> RaydiumAmmV4:
    pool = row["pool"]
    return RaydiumAmmV4.from_json(
        {
            "reserve_a": pool["reserve_coin"],
            "reserve_b": pool["reserve_pc"],
            "swap_fee_numerator": pool["swap_fee_numerator"],
            "swap_fee_denominator": pool["swap_fee_denominator"],
        }
    )


def meteora_damm_v2(row: Row) -> MeteoraDammV2:
    pool = row["pool"]
    return MeteoraDammV2.from_json(
        {
            "sqrt_price": pool["sqrt_price_x64"],
            "liquidity": pool["liquidity"],
            "base_fee_numerator": pool["base_fee_numerator_1e9"],
            "protocol_fee_percent": pool["protocol_fee_percent"],
            "collect_fee_mode": pool["collect_fee_mode"],
        }
    )


def meteora_dlmm(pool: Row) -> MeteoraDlmm:
    bins = [{name: value for name, value in bin.items() if name != "price_q64"} for bin in pool["bins"]]
    flat = {name: pool[name] for name in ("active_id", "bin_step")}
    return MeteoraDlmm.from_json(flat | pool["parameters"] | pool["v_parameters"] | {"bins": bins})
