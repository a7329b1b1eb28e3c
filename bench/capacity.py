"""How many orders a second the engine carries, and what happens near that: `make capacity`.

Simulates the engine as a network of queues (bench/queueing.py) with service times measured on this machine
(bench/service_times.json; `--measure` measures them anew). Prints tables and draws the pictures of docs/scaling.md;
`--compare` holds the simulation against a real load on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.capacity_plot import draw
from bench.load import measure
from bench.queueing import Model, Outcome, Sampler, Step, between, percentile, quantiles, simulate
from bench.service_times import service_times
from bench.stack import ENGINE, fresh_stack
from bench.table import print_table
from client.target import Target
from order_engine.simulation.simulated import LATENCIES

TIMES = Path(__file__).parent / "service_times.json"
IMAGES = Path(__file__).parent.parent / "docs" / "images"

STEPS = ("route", "build", "submit", "confirm")

VCPU_MEMORY = 1769
"""MB of memory with which a function has one vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
FUNCTION_MEMORY = 512
"""template.yaml's."""

ROUND_TRIP = 0.001
"""Assumed: seconds from a function to Postgres or SQS and back, within a region."""
START = 0.010
"""Assumed: seconds that Step Functions and Lambda add to an invocation; AWS promises no figure."""
COLD, COLD_SECONDS = 0.01, (0.8, 1.6)
"""Assumed: how often an invocation meets a new environment, and what that takes."""
SLIPS, FAILS = 0.02, 0.005
"""Assumed: attempts that end with slippage; steps that are tried again."""


def on_this_machine(times: dict[str, Any], rate: float, gate: int = 10) -> Model:
    """The emulator with the instant market: everything shares the cores, the load's own client included."""
    parts = {name: Step(quantiles(cuts)) for name, cuts in times["seconds"].items()}
    in_line = sum(sum(cuts) / len(cuts) for cuts in times["seconds"].values())
    return Model(
        rate,
        gate,
        [parts[step] for step in STEPS],
        parts["accept"],
        parts["wake"],
        parts["end"],
        cores=times["cores"],
        # What the processes used of the CPU beyond the time that the order was seen to take.
        aside=max(0.0, sum(times["cpu"].values()) - in_line),
    )


def on_aws(
    times: dict[str, Any], rate: float, gate: int, market: str = "realistic", connections: int = 100, burst: float = 1.0
) -> Model:
    """As deployed: an environment for each invocation, slower for its memory; Postgres behind `connections`."""
    slower = VCPU_MEMORY / FUNCTION_MEMORY
    latency = LATENCIES[market]
    statement = _later(quantiles(times["statements"]["move"]), ROUND_TRIP)

    def step(name: str, waiting: tuple[float, float] = (0, 0)) -> Step:
        return Step(
            _later(quantiles(times["seconds"][name], slower), START),
            between(*waiting) if any(waiting) else None,
            statement,
        )

    return Model(
        rate,
        gate,
        [step("route", latency.quote), step("build", latency.build), step("submit"), step("confirm", latency.confirm)],
        step("accept"),
        step("wake"),
        step("end"),
        connections=connections,
        slips=SLIPS,
        fails=FAILS,
        cold=COLD,
        cold_start=between(*COLD_SECONDS),
        burst=burst,
    )


def _later(sampler: Sampler, seconds: float) -> Sampler:
    return lambda chance: seconds + sampler(chance)


def held_seconds(model: Model) -> float:
    """How long an order holds its place among the running ones, on average and without a queue."""
    return fmean(simulate(replace(model, rate=0.01, gate=1000, burst=1.0), 5_000).held)


def saturation(model: Model) -> float:
    """The orders a second that the gate lets through at most."""
    return model.gate / held_seconds(model)


Row = tuple[float, float, Outcome]
"""The rate, its share of the saturation, what came of it."""


def load_curve(model_at: Callable[[float], Model], shares: Sequence[float]) -> list[Row]:
    model = model_at(1.0)
    most = saturation(model)
    # Long enough for each place at the gate to be taken thirty times.
    orders = max(6_000, 30 * model.gate)
    return [(share * most, share, simulate(model_at(share * most), orders)) for share in shares]


SHARES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.05)
GATES = (10, 100, 1000)


def print_capacity(times: dict[str, Any]) -> dict[int, list[Row]]:
    """By gate, what the realistic market makes of it."""
    rows = []
    for market in LATENCIES:
        for gate in GATES:
            model = on_aws(times, 1.0, gate, market)
            held = held_seconds(model)
            rows.append([market, str(gate), f"{held:.2f}", f"{gate / held:.1f}", f"{2 * gate}"])
    print_table(["market", "MaxRunningOrders", "held, s", "orders/s at most", "functions at once"], rows)
    print()
    curves = {gate: load_curve(lambda rate, gate=gate: on_aws(times, rate, gate), SHARES) for gate in GATES}  # type: ignore[misc]
    rows = [
        [
            str(gate),
            f"{rate:.2f}",
            f"{share:.0%}",
            *(f"{percentile(run.latencies, p):.1f}" for p in (0.5, 0.95, 0.99)),
            f"{run.queued:.1f}",
            f"{run.throughput:.2f}",
        ]
        for gate, curve in curves.items()
        for rate, share, run in curve
    ]
    print_table(["MaxRunningOrders", "orders/s", "of the most", "p50, s", "p95", "p99", "queued", "ended/s"], rows)
    print()
    return curves


def print_bursts(times: dict[str, Any]) -> dict[float, Outcome]:
    runs = {burst: simulate(on_aws(times, 8.0, 100, burst=burst), 6_000) for burst in (1.0, 20.0, 100.0)}
    print_table(
        ["orders in a burst", "p50, s", "p95", "p99", "queued at most"],
        [
            [
                f"{burst:.0f}",
                *(f"{percentile(run.latencies, p):.1f}" for p in (0.5, 0.95, 0.99)),
                str(max(n for _, n in run.depth)),
            ]
            for burst, run in runs.items()
        ],
    )
    print()
    return runs


def print_stores(times: dict[str, Any]) -> None:
    """What an order costs the stores, and what that is at each rate."""
    order = times["order"]
    rows = []
    for rate in (10, 1_000, 100_000):
        day = order["bytes"] * rate * 86_400
        rows.append(
            [
                f"{rate}",
                f"{order['commits'] * rate:.0f}",
                f"{order['wal'] * rate / 2**20:.1f}",
                f"{day / 2**30:.0f}",
                f"{times['cpu']['postgres'] * rate:.2f}",
                f"{order['redis'] * rate:.0f}",
                f"{times['cpu']['functions'] * rate:.1f}",
            ]
        )
    print_table(
        [
            "orders/s",
            "transactions/s",
            "WAL, MiB/s",
            "stored, GiB a day",
            "Postgres, cores",
            "Redis commands/s",
            "functions, cores",
        ],
        rows,
    )
    print()


def compare(
    times: dict[str, Any], rates: Sequence[float], orders: int
) -> list[tuple[float, dict[str, float], dict[str, float]]]:
    """What the simulation says of this machine, and what `bench.load` finds there; milliseconds."""
    found = []
    for rate in rates:
        run = simulate(on_this_machine(times, rate), 20 * orders)
        said = {f"p{p}": 1000 * percentile(run.latencies, p / 100) for p in (50, 95)}
        with fresh_stack(*ENGINE) as stack:
            target = Target(stack["rest"], stack["parameters"]["DevelopmentKey"])
            asyncio.run(measure(target, "rest", 100, 20.0))
            traces, _ = asyncio.run(measure(target, "rest", orders, rate))
        took = [1000 * (trace.ended - trace.due) for trace in traces if trace.ended and trace.outcome == "confirmed"]
        found.append((rate, said, {f"p{p}": percentile(took, p / 100) for p in (50, 95)}))
    print_table(
        ["orders/s", "p50 simulated, ms", "measured", "ratio", "p95 simulated", "measured", "ratio"],
        [
            [
                f"{rate:g}",
                *(text for p in said for text in (f"{said[p]:.1f}", f"{real[p]:.1f}", f"{real[p] / said[p]:.2f}")),
            ]
            for rate, said, real in found
        ],
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.capacity", description=__doc__)
    parser.add_argument("--measure", action="store_true", help=f"measure {TIMES.name} anew on this machine first")
    parser.add_argument("--compare", type=float, nargs="+", metavar="RATE", help="load a stack here at these rates too")
    parser.add_argument("--orders", type=int, default=400, help="of a load to compare with (%(default)s)")
    arguments = parser.parse_args()
    if arguments.measure:
        TIMES.write_text(json.dumps(service_times(), indent=1) + "\n")
    times = json.loads(TIMES.read_text())
    print(f"Service times of {times['measured']}, {times['cores']} cores.\n")
    if arguments.compare:
        compare(times, arguments.compare, arguments.orders)
        return
    curves = print_capacity(times)
    bursts = print_bursts(times)
    print_stores(times)
    draw(IMAGES, curves, bursts, {gate: saturation(on_aws(times, 1.0, gate)) for gate in GATES})


if __name__ == "__main__":
    main()
