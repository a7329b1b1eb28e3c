"""Measures how fast a pool quotes a swap once its state is loaded.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Protocol

from bench.table import print_table
from order_engine.dex.pool import Pool
from order_engine.dex.raydium_cp import swap_base_input
from tests.unit.engine.dex import vectors
from tests.unit.engine.dex.vectors import Row

NOW = 1_760_000_000  # the time of every vector
ROUNDS = 3
SECONDS = 0.2  # of measuring a case in each round, after as long a warm-up
BATCH_NS = 1_000_000  # of CPU; batches grow to at least half of it, so that reading the clock does not count


class Paid(Protocol):
    @property
    def amount_out(self) -> int: ...


@dataclass(frozen=True)
class Vector:
    """A swap and the state of its pool, from a row of tests/vectors. Amounts are in base units."""

    row: Row
    pool: dict[str, Any]
    a_to_b: bool
    amount_in: int
    amount_out: int


@dataclass(frozen=True)
class Case:
    """`ask` quotes the vector's swap, as `sdk` does in Node. `target` is the duration to reach, in µs."""

    title: str
    target: float | None
    sdk: str
    vector: Vector
    ask: Callable[[], Paid]


def vector(file: str, name: str) -> Vector:
    found = vectors.document(file)
    row = next(row for row in found["vectors"] if row["id"] == name)
    pool = found["pools"][row["pool"]] if "pools" in found else row["pool"]
    direction = next(row[key] for key in ("direction", "a_to_b", "swap_for_y") if key in row)
    amount_in = int(row["amount"] if "amount" in row else row["amount_in"])
    amount_out = int(row["expected"]["amount_out"])
    return Vector(row, pool, direction in (True, "0to1", "coin2pc"), amount_in, amount_out)


def cases() -> list[Case]:
    cp = vector("raydium_cp_swap", "cp-008")
    amm = vector("raydium_amm_v4", "amm4-007")
    one, twenty = vector("meteora_dlmm", "dlmm-053"), vector("meteora_dlmm", "dlmm-059")
    damm = vector("meteora_damm_v2", "damm2-7")
    cp_pool, amm_pool = vectors.raydium_cp(cp.row), vectors.raydium_amm_v4(amm.row)
    dlmm_pool, damm_pool = vectors.meteora_dlmm(one.pool), vectors.meteora_damm_v2(damm.row)
    x, y = cp_pool.reserve_a, cp_pool.reserve_b
    trade, creator, protocol, fund = (cp.pool[f"{kind}_fee_rate"] for kind in ("trade", "creator", "protocol", "fund"))

    def curve() -> Paid:
        return swap_base_input(cp.amount_in, x, y, trade, creator, protocol, fund, True)

    def quote(pool: Pool, of: Vector) -> Callable[[], Paid]:
        return lambda: pool.quote(of.amount_in, of.a_to_b, NOW)

    def first() -> Paid:
        return replace(dlmm_pool).quote(twenty.amount_in, twenty.a_to_b, NOW)

    dlmm = "DLMM.swapQuote"
    return [
        Case("Raydium CP-Swap, the curve alone", None, "CurveCalculator.swapBaseInput", cp, curve),
        Case("Raydium CP-Swap", 3, "CpmmModule.computeSwapAmount", cp, quote(cp_pool, cp)),
        Case("Raydium AMM v4", None, "Liquidity.computeAmountOut", amm, quote(amm_pool, amm)),
        Case("Meteora DLMM within one bin", 10, dlmm, one, quote(dlmm_pool, one)),
        Case("Meteora DLMM across 20 bins", 120, dlmm, twenty, quote(dlmm_pool, twenty)),
        Case("… the first of a state", 120, dlmm, twenty, first),
        Case("Meteora DAMM v2", None, "swapQuoteExactInput", damm, quote(damm_pool, damm)),
    ]


def measure(case: Case) -> list[float]:
    """The mean duration of a quote in each batch, in µs."""
    amount_out = case.ask().amount_out
    if amount_out != case.vector.amount_out:
        raise RuntimeError(f"{case.title}: expected {case.vector.amount_out} out, was {amount_out}")
    for _ in batches(case.ask):
        pass
    return list(batches(case.ask))


def batches(ask: Callable[[], object]) -> Iterator[float]:
    size = 1
    end = time.perf_counter() + SECONDS
    while time.perf_counter() < end:
        started = time.process_time_ns()
        for _ in range(size):
            ask()
        took = time.process_time_ns() - started
        yield took / 1000 / size
        if took < BATCH_NS / 2:
            size *= 2


def cells(taken: list[float]) -> list[str]:
    """The median, and the 10th to the 90th percentile."""
    deciles = statistics.quantiles(taken, n=10, method="inclusive")
    return [f"{statistics.median(taken):.2f}", f"{deciles[0]:.2f}–{deciles[-1]:.2f}"]


def main() -> None:
    rows = []
    for case in cases():
        taken = [us for _ in range(ROUNDS) for us in measure(case)]
        rows.append([case.title, f"{case.target:g}" if case.target else "", *cells(taken)])
    print_table(["a quote, µs", "target", "median", "p10–p90"], rows)


if __name__ == "__main__":
    main()
