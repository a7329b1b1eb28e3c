"""Measures the CPU time of importing each function's handler, the main part of a cold start, in the build, by market.

Fails if a function exceeds its budget. docs/benchmarks.md says what each figure means.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench import artifact
from bench.revision import RevisionError, revision
from bench.series import Series
from bench.table import print_table
from emulator.lambda_.records import Function

BUDGET = 350.0  # milliseconds
STATE = 150.0
BUDGETS = {"RouteFunction": STATE, "ExecuteFunction": STATE}
"""The functions that every order waits for."""

REFERENCE = "asyncio, ctypes, http.client, importlib.metadata, inspect, logging, urllib.request, xml.etree.ElementTree"
REFERENCE_MS = 47.0
"""The time of importing these on the machine where the budgets were set, while it was idle."""


def measure(function: Function, modules: str) -> float:
    """The CPU milliseconds, user and system, of a process that imports the modules."""
    return float(artifact.run(function, f"import time\n{modules}\nprint(time.process_time() * 1000)"))


MARKETS = {"simulated": {}, "Solana": artifact.SOLANA}
"""The parameters of each market."""

ALWAYS = ("nothing", "reference")
"""What is measured beside the functions."""


class Case(NamedTuple):
    """A function in a stack that trades on a market."""

    function: str
    market: str


class Measured:
    def __init__(self, build: Path) -> None:
        functions = {
            Case(function.name, market): function
            for market, parameters in MARKETS.items()
            for function in artifact.functions(build, parameters)
        }
        self.cases = set(functions)
        bare = replace(next(iter(functions.values())), name="", search_path=())
        self._code: dict[Case | str, tuple[Function, str]] = {
            "nothing": (bare, ""),
            "reference": (bare, f"import {REFERENCE}"),
            **{case: (found, f"import {found.handler.rpartition('.')[0]}") for case, found in functions.items()},
        }
        self._times: dict[Case | str, list[float]] = {case: [] for case in self._code}

    def again(self, cases: Iterable[Case | str]) -> None:
        """Measures each once, in turns, so that a slow phase of the machine affects all of them."""
        for case in cases:
            self._times[case].append(measure(*self._code[case]))

    def least(self, case: Case | str) -> float:
        return min(self._times[case]) - min(self._times["nothing"])

    def median(self, case: Case) -> float:
        return statistics.median(self._times[case]) - statistics.median(self._times["nothing"])

    def each(self, case: Case) -> list[float]:
        return [taken - min(self._times["nothing"]) for taken in self._times[case]]

    def budget(self, function: str) -> float:
        """The budget in milliseconds, larger on a slow or busy machine."""
        return BUDGETS.get(function, BUDGET) * max(1.0, self.least("reference") / REFERENCE_MS)

    def beyond(self) -> set[Case]:
        return {case for case in self.cases if self.least(case) > self.budget(case.function)}


def compare(base: str, artifact_here: Path, runs: int) -> None:
    """Prints the times of another revision beside those of this one, and their ratios turn by turn."""
    with revision(base) as root:
        before, now = Measured(artifact.build(artifact.HERE, root)), Measured(artifact_here)
        cases = before.cases & now.cases
        turns: list[Case | str] = [*ALWAYS, *cases]
        for _ in range(runs):
            for case in turns:
                before.again([case])
                now.again([case])
    series = Series()
    for case in sorted(cases, key=before.least, reverse=True):
        name = f"{case.function}, {case.market}"
        series.before[name], series.now[name] = before.each(case), now.each(case)
    print_table(["CPU ms of a cold start", base, "this revision", "ratio"], list(series.rows()))


def hold(measured: Measured, runs: int) -> None:
    """Prints the times of this revision. Exits with an error if a function exceeds its budget."""
    for _ in range(runs):
        measured.again((*ALWAYS, *measured.cases))
    # Other work may have slowed the machine down: functions beyond their budgets are measured again.
    for _ in range(3 * runs):
        if beyond := measured.beyond():
            measured.again((*ALWAYS, *beyond))
    functions = {case.function for case in measured.cases}
    rows = []
    for name in sorted(functions, key=lambda name: measured.least(Case(name, "Solana")), reverse=True):
        figures = [read(Case(name, market)) for market in MARKETS for read in (measured.least, measured.median)]
        rows.append([name, *(f"{figure:.0f}" for figure in (*figures, measured.budget(name)))])
    columns = [f"{market}: {what}" for market in MARKETS for what in ("CPU ms, minimum", "median")]
    print_table(["function", *columns, "budget"], rows)
    if beyond := measured.beyond():
        names = ", ".join(sorted(f"{case.function} ({case.market})" for case in beyond))
        sys.exit(f"beyond the budget: {names}. python3.13 -X importtime shows which imports take long.")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--artifact", type=Path, help="the build to measure (a new one for this machine)")
    parser.add_argument("--base", help="compare with this revision, in turns, instead of with the budgets")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    try:
        artifact.python()
        build = options.artifact.resolve() if options.artifact else artifact.build(artifact.HERE)
        if options.base:
            compare(options.base, build, options.runs)
        else:
            hold(Measured(build), options.runs)
    except (artifact.NoPython, RevisionError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
