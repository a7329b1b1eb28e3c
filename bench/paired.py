"""Measures this revision's orders against those of another one: `make bench BASE=REVISION`.

Both stacks run on the same Python and take turns, A B B A and so on, so that a slow phase of the machine affects both.
What submits the orders and measures is this revision's for both. The memory is that of a stack which runs alone, after
its orders.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.meters import Part, by_kind, cpu_seconds, held
from bench.orders import MARKETS, measure
from bench.revision import RevisionError, revision
from bench.series import Series
from bench.stack import ENGINE, ROOT, fresh_stack
from bench.table import print_table

ORDERS = {1: 150, 10: 300}
"""How many orders a turn measures, by how many are outstanding."""
CROWD = 100
"""How many orders are outstanding at most, for the memory."""

QUIET_SHARE, QUIET_SECONDS, QUIET_LIMIT = 0.02, 2.0, 60.0
"""A stack has started when it uses less than this share of a CPU for so long."""

Start = Callable[[], AbstractContextManager[dict[str, Any]]]
"""Starts a stack of one revision."""


def settle(stack: dict[str, Any]) -> None:
    """Waits until the stack has nothing to do: after its start it prepares processes in the background."""
    until = time.monotonic() + QUIET_LIMIT
    while time.monotonic() < until:
        used = sum(cpu_seconds(stack).values())
        time.sleep(QUIET_SECONDS)
        if sum(cpu_seconds(stack).values()) - used < QUIET_SHARE * QUIET_SECONDS:
            return
    print(f"The stack at {stack['rest']} is not quiet after {QUIET_LIMIT:.0f} s.", file=sys.stderr)


def titles(cpu: Mapping[Part, float]) -> dict[str, float]:
    """By kind, the functions also one by one, and all together."""
    functions = {f"… {which.function}": figure for which, figure in sorted(cpu.items()) if which.function}
    kinds = by_kind(cpu)
    rest = {kind: figure for kind, figure in kinds.items() if kind != "functions"}
    return {"functions": kinds["functions"], **functions, **rest, "all": sum(cpu.values())}


@dataclass
class Results:
    """What was measured. `parts` is the CPU by part, by how many orders are outstanding."""

    speed: Series = field(default_factory=Series)
    parts: dict[int, Series] = field(default_factory=lambda: {outstanding: Series() for outstanding in ORDERS})
    space: Series = field(default_factory=Series)
    idle: list[float] = field(default_factory=list)
    """The share of a CPU that the other stack used during a turn."""


def measure_speed(stacks: dict[bool, dict[str, Any]], rounds: int, results: Results) -> None:
    for stack in stacks.values():
        settle(stack)
    for number in range(rounds):
        turns = (True, False) if number % 2 == 0 else (False, True)
        figures: dict[bool, dict[str, float]] = {True: {}, False: {}}
        for outstanding, orders in ORDERS.items():
            for is_base in turns:
                other = stacks[not is_base]
                used, started = sum(cpu_seconds(other).values()), time.monotonic()
                measured = measure(stacks[is_base], orders, outstanding)
                results.idle.append((sum(cpu_seconds(other).values()) - used) / (time.monotonic() - started))
                cuts, cpu = measured.percentiles, measured.cpu_an_order
                figures[is_base] |= {
                    f"CPU an order, ms, {outstanding} outstanding": sum(cpu.values()),
                    f"p50, ms, {outstanding} outstanding": cuts[49],
                    f"p95, ms, {outstanding} outstanding": cuts[94],
                    f"orders/s, {outstanding} outstanding": measured.orders_a_second,
                }
                results.parts[outstanding].add(is_base, titles(cpu))
        for is_base in turns:
            results.speed.add(is_base, figures[is_base])
        print(f"Round {number + 1} of {rounds} has ended.", file=sys.stderr)


def measure_space(starts: dict[bool, Start], rounds: int, results: Results) -> None:
    for number in range(rounds):
        for is_base in (True, False) if number % 2 == 0 else (False, True):
            with starts[is_base]() as stack:
                settle(stack)
                figures: dict[str, float] = {}
                for outstanding in (0, 10, CROWD):
                    if outstanding:
                        measure(stack, 2 * CROWD, outstanding)
                    now = held(stack)
                    after = f"{outstanding} outstanding" if outstanding else "at rest"
                    figures |= {
                        f"memory, MiB, {after}": sum(now.memory.values()) / 2**20,
                        **{f"… {kind}, {after}": memory / 2**20 for kind, memory in by_kind(now.memory).items()},
                        f"processes, {after}": sum(now.processes.values()),
                        f"Postgres connections, {after}": now.connections,
                    }
                results.space.add(is_base, figures)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.paired", description=__doc__)
    parser.add_argument("--base", required=True, help="the revision to compare with")
    parser.add_argument("--market", choices=MARKETS, default="simulated")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--space-rounds", type=int, default=2, help="of the memory (%(default)s)")
    arguments = parser.parse_args()
    results = Results()
    try:
        with revision(arguments.base) as base:

            def start(root: Path) -> AbstractContextManager[dict[str, Any]]:
                return fresh_stack(*ENGINE, localnet=MARKETS[arguments.market], root=root)

            starts: dict[bool, Start] = {True: lambda: start(base), False: lambda: start(ROOT)}
            with ExitStack() as resources:
                stacks = {is_base: resources.enter_context(begin()) for is_base, begin in starts.items()}
                measure_speed(stacks, arguments.rounds, results)
            measure_space(starts, arguments.space_rounds, results)
    except RevisionError as error:
        sys.exit(str(error))
    columns = [arguments.base, "this revision", "ratio"]
    print_table([f"{arguments.market} market", *columns], list(results.speed.rows()))
    for outstanding, series in results.parts.items():
        print()
        print_table([f"CPU, ms an order, {outstanding} outstanding", *columns], list(series.rows()))
    print()
    print_table(["a stack alone", *columns], list(results.space.rows()))
    print(
        f"\nMedians of {arguments.rounds} turns each, with the least and the most; the ratio is that of each pair of"
        f" turns.\nThe stack that waited used {statistics.median(results.idle):.1%} of a CPU"
        f" (at most {max(results.idle):.1%})."
    )


if __name__ == "__main__":
    main()
