"""The pictures of docs/scaling.md."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.figure import Figure

from bench.queueing import Outcome, percentile

COLOURS = ("#1f77b4", "#2ca02c", "#d62728")
SHOWN_SECONDS = 300
# The same figures give the same file.
matplotlib.rcParams["svg.hashsalt"] = "capacity"
matplotlib.rcParams["svg.fonttype"] = "none"


def draw(
    folder: Path,
    curves: Mapping[int, Sequence[tuple[float, float, Outcome]]],
    bursts: Mapping[float, Outcome],
    saturations: Mapping[int, float],
) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    _latency(folder / "capacity-latency.svg", curves, saturations)
    _bursts(folder / "capacity-bursts.svg", bursts)


def _latency(
    path: Path, curves: Mapping[int, Sequence[tuple[float, float, Outcome]]], saturations: Mapping[int, float]
) -> None:
    figure, (latency, queue) = pyplot.subplots(2, 1, figsize=(9, 7), sharex=True, layout="constrained")
    for (gate, curve), colour in zip(curves.items(), COLOURS, strict=True):
        rates = [rate for rate, _, _ in curve]
        for share, style in ((0.5, "-"), (0.99, "--")):
            taken = [percentile(run.latencies, share) for _, _, run in curve]
            label = f"MaxRunningOrders {gate}, p{share * 100:.0f}"
            latency.plot(rates, taken, style, color=colour, marker=".", label=label)
        queue.plot(rates, [max(run.queued, 0.01) for _, _, run in curve], color=colour, marker=".", label=f"{gate}")
        for axes in (latency, queue):
            axes.axvline(saturations[gate], color=colour, linewidth=0.8, linestyle=":")
    latency.set(title="From request to confirmed, realistic market; dotted: maximum rate of the gate", ylabel="s")
    latency.set_yscale("log")
    latency.legend(fontsize=8)
    queue.set(xlabel="orders a second", ylabel="orders in the queue, mean", xscale="log", yscale="log")
    for axes in (latency, queue):
        axes.grid(alpha=0.3)
    _save(figure, path)


def _bursts(path: Path, bursts: Mapping[float, Outcome]) -> None:
    figure, axes = pyplot.subplots(figsize=(9, 3.5), layout="constrained")
    for (burst, run), colour in zip(bursts.items(), COLOURS, strict=True):
        # The maximum of each second, because there are too many changes to draw.
        most, waiting, changes = [], 0, iter([*run.depth, (math.inf, 0)])
        at, then = next(changes)
        for second in range(SHOWN_SECONDS):
            highest = waiting
            while at < second + 1:
                waiting = then
                highest = max(highest, waiting)
                at, then = next(changes)
            most.append(highest)
        axes.plot(most, color=colour, linewidth=0.9, label=f"{burst:.0f} at once")
    axes.set(title="Orders in the queue: 8 a second, in bursts, MaxRunningOrders 100", xlabel="s", ylabel="orders")
    axes.legend(fontsize=8)
    axes.grid(alpha=0.3)
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    figure.savefig(path, metadata={"Date": None})
    pyplot.close(figure)
