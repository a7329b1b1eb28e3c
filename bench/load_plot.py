"""Draws the results of a load: the latency of each order, the steps, and the progress over time."""

from __future__ import annotations

from pathlib import Path

import matplotlib

matplotlib.use("Agg")

from matplotlib import pyplot
from matplotlib.axes import Axes

from bench.traffic import Trace

GOOD, BAD, SOFT = "#1f77b4", "#d62728", "#9ecae1"


def draw(path: Path, title: str, traces: list[Trace], steps: dict[str, dict[str, float]]) -> None:
    figure, (latency, by_step, progress) = pyplot.subplots(3, 1, figsize=(11, 12), layout="constrained")
    figure.suptitle(title, fontsize=13)
    _latency(latency, traces)
    _steps(by_step, steps)
    _progress(progress, traces)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _latency(axes: Axes, traces: list[Trace]) -> None:
    confirmed = [trace for trace in traces if trace.outcome == "confirmed"]
    others = [trace for trace in traces if trace.outcome != "confirmed"]
    for chosen, label, colour in ((confirmed, "confirmed", GOOD), (others, "not confirmed", BAD)):
        if chosen:
            taken = [((trace.ended or 0.0) - trace.due) * 1000 for trace in chosen]
            axes.scatter([trace.due for trace in chosen], taken, s=10, color=colour, label=f"{label}: {len(chosen)}")
    axes.set(title="Latency of each order, from due to end", xlabel="due, s", ylabel="ms")
    axes.set_ylim(bottom=0)
    axes.legend(loc="lower right")
    axes.grid(alpha=0.3)


def _steps(axes: Axes, steps: dict[str, dict[str, float]]) -> None:
    names = list(steps)[::-1]
    for row, name in enumerate(names):
        cuts = steps[name]
        axes.barh(row, cuts["p99"], color=SOFT, height=0.6)
        axes.barh(row, cuts["p50"], color=GOOD, height=0.6)
        axes.plot([cuts["p95"]] * 2, [row - 0.3, row + 0.3], color="black", linewidth=1.5)
        axes.annotate(
            f"{cuts['p50']:.0f} / {cuts['p95']:.0f} / {cuts['p99']:.0f}",
            (cuts["p99"], row), xytext=(5, 0), textcoords="offset points", va="center",
        )  # fmt: skip
    axes.set_yticks(range(len(names)), names)
    axes.set(title="Steps: p50 (dark), p95 (line), p99 (light)", xlabel="ms")
    axes.margins(x=0.15)
    axes.grid(axis="x", alpha=0.3)


def _progress(axes: Axes, traces: list[Trace]) -> None:
    ends = sorted(trace.ended or 0.0 for trace in traces)
    for label, times, colour in (
        ("due", sorted(trace.due for trace in traces), "black"),
        ("accepted", sorted(trace.accepted for trace in traces if trace.accepted is not None), SOFT),
        ("ended", ends, GOOD),
    ):
        axes.step([0.0, *times], range(len(times) + 1), where="post", color=colour, label=label)
    axes.set(title="Orders so far", xlabel="s", ylabel="orders")
    axes.legend(loc="upper left")
    axes.grid(alpha=0.3)
