"""Measures what could grow: `make scale`. Its parts are orders in a row, subscribers, a full table, and waiting orders.

docs/benchmarks.md says what each figure means.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from bench.full_table import measure_full_table
from bench.meters import by_kind, held
from bench.orders import measure
from bench.paired import settle
from bench.stack import ENGINE, fresh_stack
from bench.storm import measure_storm
from bench.subscribers import measure_subscribers
from bench.table import print_table
from bench.watching import measure_watching

OUTSTANDING = 10
SLICE = 1_000


def measure_in_a_row(orders: int) -> None:
    """Runs so many orders through one stack; prints a row for each thousand."""
    rows: list[dict[str, float]] = []
    with fresh_stack(*ENGINE) as stack:
        settle(stack)
        while len(rows) * SLICE < orders:
            measured = measure(stack, SLICE, OUTSTANDING)
            memory = {kind: size / 2**20 for kind, size in by_kind(held(stack).memory).items()}
            logs = sum(path.stat().st_size for path in (Path(stack["data"]) / "logs").iterdir())
            rows.append(
                {
                    "p50, ms": measured.percentiles[49],
                    "p95": measured.percentiles[94],
                    "CPU, ms an order": sum(measured.cpu_an_order.values()),
                    "memory, MiB": sum(memory.values()),
                    **{f"… {kind}": size for kind, size in memory.items()},
                    "logs, MiB": logs / 2**20,
                }
            )
    cells = [
        [f"{number * SLICE:,}", *(f"{figure:.1f}" for figure in row.values())] for number, row in enumerate(rows, 1)
    ]
    print_table([f"orders, {OUTSTANDING} outstanding", *rows[0]], cells)


PARTS: dict[str, tuple[Callable[[int], None], int]] = {
    "orders": (measure_in_a_row, 10_000),
    "subscribers": (measure_subscribers, 1_000),
    "table": (measure_full_table, 1_000_000),
    "watching": (measure_watching, 100_000),
    "storm": (measure_storm, 1_000),
}
"""Each part with what it measures, and how many."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.scale", description=__doc__)
    parser.add_argument("--part", choices=PARTS, action="append", help="only this one")
    parser.add_argument("--count", type=int, help="how many orders or subscribers, instead of the default")
    arguments = parser.parse_args()
    for name in arguments.part or PARTS:
        take, count = PARTS[name]
        take(arguments.count or count)
        print()


if __name__ == "__main__":
    main()
