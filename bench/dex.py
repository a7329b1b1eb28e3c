"""How long quotes take, in microseconds: one process, no I/O, the pools' states in memory.

`cold` is the first quote of a state, as after each swap that moves it; otherwise a state is quoted again and again, as
by a router that tries amounts.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import NamedTuple

from order_engine.dex.meteora_damm_v2 import MeteoraDammV2
from order_engine.dex.meteora_dlmm import LIQUIDITY_MINING, MeteoraDlmm, Volatility
from order_engine.dex.meteora_dlmm_bins import Bin, price_of_bin
from order_engine.dex.raydium_amm_v4 import RaydiumAmmV4
from order_engine.dex.raydium_clmm import RaydiumClmm, Tick
from order_engine.dex.raydium_clmm_math import sqrt_price_at_tick
from order_engine.dex.raydium_cp import RaydiumCp

SAMPLES, SECONDS_PER_SAMPLE = 200, 0.002
NOW = 1_760_000_000
SOL = 10**9
STEP, ACTIVE = 10, -1_898  # basis points; a bin at 0.15 base units of USDC per lamport

CP = RaydiumCp(50_000 * SOL, 7_500_000_000_000, 2_500, 120_000, 40_000, 500, 0)
AMM_V4 = RaydiumAmmV4(40_000 * SOL, 6_000_000_000_000, 25, 10_000)
DAMM_V2 = MeteoraDammV2(7_144_417_222_144_942_538, 10**13 << 64, 2_500_000, 20, 0)
CLMM = RaydiumClmm(
    sqrt_price_at_tick(-18_973),
    -18_973,
    20 * 10**12,
    2_500,
    120_000,
    40_000,
    (
        *(Tick(-18_973 - 10 * n, 10**12) for n in range(20, 0, -1)),
        *(Tick(-18_973 + 10 * n, -(10**12)) for n in range(1, 21)),
    ),
)


def dlmm() -> MeteoraDlmm:
    """81 bins of 12 SOL or 1 800 USDC each."""
    ids = range(ACTIVE - 40, ACTIVE + 41)
    bins = [
        Bin(id, price_of_bin(id, STEP), 12 * SOL if id >= ACTIVE else 0, 1_800 * 10**6 if id <= ACTIVE else 0)
        for id in ids
    ]
    quiet = Volatility(0, 0, ACTIVE, NOW - 100_000)
    return MeteoraDlmm(
        ACTIVE, STEP, 10_000, 0, 30, 600, 5_000, 40_000, 350_000, 500, LIQUIDITY_MINING, 0, quiet, tuple(bins)
    )


class Row(NamedTuple):
    """What is measured, and the median that is wanted, if any, in microseconds."""

    wanted: float | None
    call: Callable[[], object]


def rows() -> dict[str, Row]:
    pool = dlmm()
    state = [getattr(pool, field.name) for field in fields(pool) if field.init]
    through = CLMM.max_input(True, NOW)
    one, twenty = 5 * SOL, 12 * SOL * 19 + 5 * SOL
    if [len(pool.fills(amount, True, NOW)) for amount in (one, twenty)] != [1, 20]:
        raise RuntimeError("expected swaps over one bin and over twenty")
    return {
        "CP-Swap quote": Row(3, lambda: CP.quote(SOL, True, NOW)),
        "CP-Swap quote, exact out": Row(None, lambda: CP.quote_exact_out(150_000_000, True, NOW)),
        "CP-Swap output": Row(None, lambda: CP.output(SOL, True, NOW)),
        "CP-Swap input until a price": Row(5, lambda: CP.input_until((149, 1_000), True, NOW)),
        "AMM v4 quote": Row(None, lambda: AMM_V4.quote(SOL, True, NOW)),
        "AMM v4 quote, exact out": Row(None, lambda: AMM_V4.quote_exact_out(150_000_000, True, NOW)),
        "AMM v4 output": Row(None, lambda: AMM_V4.output(SOL, True, NOW)),
        "DAMM v2 quote": Row(None, lambda: DAMM_V2.quote(SOL, True, NOW)),
        "DAMM v2 quote, exact out": Row(None, lambda: DAMM_V2.quote_exact_out(150_000_000, True, NOW)),
        "DAMM v2 output": Row(None, lambda: DAMM_V2.output(SOL, True, NOW)),
        "DAMM v2 input until a price": Row(None, lambda: DAMM_V2.input_until((149, 1_000), True, NOW)),
        "CLMM quote within one range": Row(None, lambda: CLMM.quote(SOL, True, NOW)),
        "CLMM quote, exact out": Row(None, lambda: CLMM.quote_exact_out(150_000_000, True, NOW)),
        "CLMM quote across 20 ranges": Row(None, lambda: CLMM.quote(through, True, NOW)),
        "CLMM input until a price": Row(None, lambda: CLMM.input_until((149, 1_000), True, NOW)),
        "DLMM quote within one bin": Row(10, lambda: pool.quote(one, True, NOW)),
        "DLMM quote within one bin, cold": Row(10, lambda: MeteoraDlmm(*state).quote(one, True, NOW)),
        "DLMM quote across 20 bins": Row(120, lambda: pool.quote(twenty, True, NOW)),
        "DLMM quote across 20 bins, cold": Row(120, lambda: MeteoraDlmm(*state).quote(twenty, True, NOW)),
        "DLMM output across 20 bins": Row(None, lambda: pool.output(twenty, True, NOW)),
        "DLMM input until a price": Row(None, lambda: pool.input_until((149, 1_000), True, NOW)),
        "DLMM swap across 20 bins": Row(None, lambda: pool.swap(twenty, True, NOW)),
    }


def samples(call: Callable[[], object]) -> list[float]:
    """Microseconds per call, each the mean over a batch of some milliseconds, without the garbage collector."""
    started = time.perf_counter()
    call()
    batch = max(1, int(SECONDS_PER_SAMPLE / (time.perf_counter() - started)))
    taken = []
    gc.disable()
    try:
        for _ in range(SAMPLES):
            started = time.perf_counter()
            for _ in range(batch):
                call()
            taken.append((time.perf_counter() - started) / batch * 1e6)
    finally:
        gc.enable()
    return taken


def show(rows: Mapping[str, Row]) -> None:
    table = [["µs", "wanted", "median", "p95", "middle half"], ["---", *["---:"] * 4]]
    for name, (wanted, call) in rows.items():
        taken = samples(call)
        low, median, high = statistics.quantiles(taken, n=4, method="inclusive")
        p95 = statistics.quantiles(taken, n=20, method="inclusive")[-1]
        figures = [f"{median:.2f}", f"{p95:.2f}", f"{low:.2f}–{high:.2f}"]
        table.append([name, f"{wanted:g}" if wanted else "", *figures])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for line in table:
        print("|", " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)), "|")


if __name__ == "__main__":
    show(rows())
