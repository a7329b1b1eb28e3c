"""Simulates how many orders a second the engine can run, and how it behaves near that limit: `make capacity`.

The engine is a network of queues (bench/queueing.py) with service times measured on this machine
(bench/service_times.json; `--measure` measures them again). Prints tables and draws the pictures of docs/scaling.md.
`--compare` compares the simulation with a real load on this machine.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import random
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
from order_engine.domain.timing import CONFIRM_SECONDS
from order_engine.simulation.market import LATENCIES
from order_engine_cli.target import Target

TIMES = Path(__file__).parent / "service_times.json"
IMAGES = Path(__file__).parent.parent / "docs" / "images"

STEPS = ("route", "build", "submit", "confirm")

VCPU_MEMORY = 1769
"""The memory in MB at which a function has one vCPU: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""
FUNCTION_MEMORY, DISPATCH_MEMORY = 512, 256
"""The memory in MB that template.yaml sets: of the functions that run steps, and of the one that waits for them."""

ROUND_TRIP = 0.001
"""Assumed: seconds for a round trip between a function and Postgres or SQS within a region."""
START = 0.010
"""Assumed: seconds that Step Functions and Lambda add to an invocation. AWS publishes no figure."""
COLD, COLD_SECONDS = 0.01, (0.8, 1.6)
"""Assumed: the share of invocations that start a new environment, and the seconds that this takes."""
SLIPS, FAILS = 0.02, 0.005
"""Assumed: the share of attempts that end with slippage, and of steps that are retried."""


def on_this_machine(times: dict[str, Any], rate: float, gate: int = 10) -> Model:
    """A model of the emulator with the instant market, where everything shares the cores, including the client."""
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
        # The CPU time that the processes used beyond the duration of the order.
        aside=max(0.0, sum(times["cpu"].values()) - in_line),
    )


def on_aws(
    times: dict[str, Any], rate: float, gate: int, market: str = "realistic", connections: int = 100, burst: float = 1.0
) -> Model:
    """A model of the deployed engine: each invocation has an environment, as slow as its memory makes it.

    `connections` is how many connections Postgres serves at the same time.
    """
    latency = LATENCIES[market]
    result = asked_for(times, latency.confirm) if any(latency.confirm) else None
    statement = _later(quantiles(times["statements"]["move"]), ROUND_TRIP)

    def step(name: str, waiting: Sampler | None = None, memory: int = FUNCTION_MEMORY) -> Step:
        return Step(_later(quantiles(times["seconds"][name], VCPU_MEMORY / memory), START), waiting, statement)

    def venue(name: str, waiting: tuple[float, float]) -> Step:
        return step(name, between(*waiting) if any(waiting) else None)

    return Model(
        rate,
        gate,
        [venue("route", latency.quote), venue("build", latency.build), step("submit"), step("confirm", result)],
        step("accept"),
        step("wake", memory=DISPATCH_MEMORY),
        step("end", memory=DISPATCH_MEMORY),
        connections=connections,
        slips=SLIPS,
        fails=FAILS,
        cold=COLD,
        cold_start=between(*COLD_SECONDS),
        burst=burst,
    )


def asked_for(times: dict[str, Any], delay: tuple[float, float]) -> Sampler:
    """The wait for a result that is there after `delay` seconds: until the state machine asks for it next."""
    between_questions = CONFIRM_SECONDS + START + fmean(times["seconds"]["confirm"]) * VCPU_MEMORY / FUNCTION_MEMORY
    return lambda chance: math.ceil(chance.uniform(*delay) / between_questions) * between_questions


def _later(sampler: Sampler, seconds: float) -> Sampler:
    return lambda chance: seconds + sampler(chance)


def held_seconds(model: Model) -> float:
    """The mean seconds for which an order is running, without a queue."""
    return fmean(simulate(replace(model, rate=0.01, gate=1000, burst=1.0), 5_000).held)


def functions_of_a_run(times: dict[str, Any], market: str, held: float) -> float:
    """How many functions run for a running order, on average: `dispatch`, and a step unless the machine waits."""
    sampler, chance = asked_for(times, LATENCIES[market].confirm), random.Random(1)
    return 2 - fmean(sampler(chance) for _ in range(10_000)) / held


def saturation(model: Model) -> float:
    """The maximum rate of the gate, in orders a second."""
    return model.gate / held_seconds(model)


Row = tuple[float, float, Outcome]
"""The rate, its share of the saturation, and the outcome."""


def load_curve(model_at: Callable[[float], Model], shares: Sequence[float]) -> list[Row]:
    model = model_at(1.0)
    most = saturation(model)
    # Enough orders to use each place at the gate thirty times.
    orders = max(6_000, 30 * model.gate)
    return [(share * most, share, simulate(model_at(share * most), orders)) for share in shares]


SHARES = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 1.05)
GATES = (10, 100, 1000)


def print_capacity(times: dict[str, Any]) -> dict[int, list[Row]]:
    """Prints the capacity; returns the load curves with the realistic market, by gate."""
    rows = []
    for market in LATENCIES:
        for gate in GATES:
            model = on_aws(times, 1.0, gate, market)
            held = held_seconds(model)
            functions = gate * functions_of_a_run(times, market, held)
            rows.append([market, str(gate), f"{held:.2f}", f"{gate / held:.1f}", f"{functions:.0f}"])
    print_table(["market", "MaxRunningOrders", "running, s", "maximum orders/s", "functions, on average"], rows)
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
    print_table(["MaxRunningOrders", "orders/s", "of maximum", "p50, s", "p95", "p99", "queued", "ended/s"], rows)
    print()
    return curves


def print_bursts(times: dict[str, Any]) -> dict[float, Outcome]:
    runs = {burst: simulate(on_aws(times, 8.0, 100, burst=burst), 6_000) for burst in (1.0, 20.0, 100.0)}
    print_table(
        ["orders in a burst", "p50, s", "p95", "p99", "maximum queued"],
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
    """Prints what an order costs the stores, at several rates."""
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
    """The latencies that the simulation predicts for this machine and that `bench.load` measures, in milliseconds."""
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
    parser.add_argument("--measure", action="store_true", help=f"measure {TIMES.name} on this machine first")
    parser.add_argument(
        "--compare",
        type=float,
        nargs="+",
        metavar="RATE",
        help="compare with a real load on this machine at these rates",
    )
    parser.add_argument("--orders", type=int, default=400, help="how many orders of the real load (%(default)s)")
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
