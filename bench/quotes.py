"""How fast a pool whose state is loaded quotes a swap.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bench.stack import ROOT
from bench.table import print_table
from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_dlmm import MeteoraDlmm
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_cp import RaydiumCp, swap_base_input

VECTORS = ROOT / "tests" / "vectors"
NOW = 1_760_000_000  # of every vector
ROUNDS = 3
SECONDS = 0.2  # in each round for the quotes of a case that count; as many before them do not
BATCH_NS = 1_000_000  # at least half of it, so that the clock takes no part of a quote's time

RENAMED = {
    "reserve_0": "reserve_a",
    "reserve_1": "reserve_b",
    "reserve_coin": "reserve_a",
    "reserve_pc": "reserve_b",
    "sqrt_price_x64": "sqrt_price",
    "base_fee_numerator_1e9": "base_fee_numerator",
}
LEFT_OUT = {
    *("name", "decimals_0", "decimals_1", "decimals_coin", "decimals_pc", "enable_creator_fee"),
    *("parameters", "v_parameters", "base_fee_rate_1e9", "price_q64"),
}


class Paid(Protocol):
    @property
    def amount_out(self) -> int: ...


@dataclass(frozen=True)
class Vector:
    """A swap on a pool in that state, which is in the vectors' words. Amounts in base units."""

    pool: dict[str, Any]
    a_to_b: bool
    amount_in: int
    amount_out: int

    @classmethod
    def read(cls, file: str, name: str) -> Vector:
        document = json.loads((VECTORS / f"{file}.json").read_text())
        vector = next(vector for vector in document["vectors"] if vector["id"] == name)
        pool = document["pools"][vector["pool"]] if "pools" in document else vector["pool"]
        direction = next(vector[key] for key in ("direction", "a_to_b", "swap_for_y") if key in vector)
        amount_in = int(vector["amount"] if "amount" in vector else vector["amount_in"])
        return cls(pool, direction in (True, "0to1", "coin2pc"), amount_in, int(vector["expected"]["amount_out"]))


@dataclass(frozen=True)
class Case:
    """`ask` quotes the vector's swap, as the function `sdk` does in Node; `wanted` is the most µs that it may take."""

    title: str
    wanted: float | None
    sdk: str
    vector: Vector
    ask: Callable[[], Paid]


def cases() -> list[Case]:
    cp = Vector.read("raydium_cp_swap", "cp-008")
    cp_pool = RaydiumCp.from_json(state(cp.pool))
    amm = Vector.read("raydium_amm_v4", "amm4-007")
    amm_pool = RaydiumAmmV4.from_json(state(amm.pool))
    one, twenty = Vector.read("meteora_dlmm", "dlmm-053"), Vector.read("meteora_dlmm", "dlmm-059")
    dlmm_pool = MeteoraDlmm.from_json(state(one.pool))
    damm = Vector.read("meteora_damm_v2", "damm2-7")
    damm_pool = MeteoraDammV2.from_json(state(damm.pool))

    curve = (cp_pool.reserve_a, cp_pool.reserve_b, cp_pool.trade_fee_rate, cp_pool.creator_fee_rate)
    shares = (cp_pool.protocol_fee_rate, cp_pool.fund_fee_rate)
    return [
        Case(
            "Raydium CP-Swap, the curve alone",
            None,
            "CurveCalculator.swapBaseInput",
            cp,
            lambda: swap_base_input(cp.amount_in, *curve, *shares, True),
        ),
        Case(
            "Raydium CP-Swap",
            3,
            "CpmmModule.computeSwapAmount",
            cp,
            lambda: cp_pool.quote(cp.amount_in, cp.a_to_b, NOW),
        ),
        Case(
            "Raydium AMM v4",
            None,
            "Liquidity.computeAmountOut",
            amm,
            lambda: amm_pool.quote(amm.amount_in, amm.a_to_b, NOW),
        ),
        Case(
            "Meteora DLMM within one bin",
            10,
            "DLMM.swapQuote",
            one,
            lambda: dlmm_pool.quote(one.amount_in, one.a_to_b, NOW),
        ),
        Case(
            "Meteora DLMM across 20 bins",
            120,
            "DLMM.swapQuote",
            twenty,
            lambda: dlmm_pool.quote(twenty.amount_in, twenty.a_to_b, NOW),
        ),
        Case(
            "… the first of a state",
            120,
            "DLMM.swapQuote",
            twenty,
            lambda: replace(dlmm_pool).quote(twenty.amount_in, twenty.a_to_b, NOW),
        ),
        Case(
            "Meteora DAMM v2",
            None,
            "swapQuoteExactInput",
            damm,
            lambda: damm_pool.quote(damm.amount_in, damm.a_to_b, NOW),
        ),
    ]


def state(pool: dict[str, Any]) -> dict[str, Any]:
    """What the vectors say of a pool, in the words of its `from_json`."""
    flat = pool | pool.get("parameters", {}) | pool.get("v_parameters", {})
    kept = {RENAMED.get(name, name): value for name, value in flat.items() if name not in LEFT_OUT}
    if "bins" in kept:
        kept["bins"] = [state(bin) for bin in kept["bins"]]
    return kept


def measure(case: Case) -> list[float]:
    """The mean time of a quote in each batch, in µs."""
    amount_out = case.ask().amount_out
    if amount_out != case.vector.amount_out:
        raise RuntimeError(f"{case.title}: expected {case.vector.amount_out} out, was {amount_out}")
    for _ in _batches(case.ask):
        pass
    return list(_batches(case.ask))


def _batches(ask: Callable[[], Paid]) -> Iterator[float]:
    size = 1
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        started = time.perf_counter_ns()
        for _ in range(size):
            ask()
        took = time.perf_counter_ns() - started
        yield took / 1000 / size
        if took < BATCH_NS / 2:
            size *= 2


def cells(taken: list[float]) -> list[str]:
    """Median, and 10th to 90th percentile."""
    deciles = statistics.quantiles(taken, n=10, method="inclusive")
    return [f"{statistics.median(taken):.2f}", f"{deciles[0]:.2f}–{deciles[-1]:.2f}"]


def main() -> None:
    rows = [
        [case.title, f"{case.wanted:g}" if case.wanted else "", *cells([us for _ in range(ROUNDS) for us in measure(case)])]
        for case in cases()
    ]
    print_table(["a quote, µs", "wanted", "median", "p10–p90"], rows)


if __name__ == "__main__":
    main()
