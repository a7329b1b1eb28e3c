"""Measures the CPU time of importing each function's handler, the main part of a cold start, in the build, by market.

Fails if a function exceeds its budget. docs/benchmarks.md says what each figure means.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from bench import artifact
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

    def again(self, cases: set[Case]) -> None:
        """Measures each once, in turns, so that a slow phase of the machine affects all of them."""
        for case, (function, code) in self._code.items():
            if case in cases | {"nothing", "reference"}:
                self._times[case].append(measure(function, code))

    def least(self, case: Case | str) -> float:
        return min(self._times[case]) - min(self._times["nothing"])

    def median(self, case: Case) -> float:
        return statistics.median(self._times[case]) - statistics.median(self._times["nothing"])

    def budget(self, function: str) -> float:
        """The budget in milliseconds, larger on a slow or busy machine."""
        return BUDGETS.get(function, BUDGET) * max(1.0, self.least("reference") / REFERENCE_MS)

    def beyond(self) -> set[Case]:
        return {case for case in self.cases if self.least(case) > self.budget(case.function)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--artifact", type=Path, help="the build to measure (a new one for this machine)")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    try:
        artifact.python()
    except artifact.NoPython as error:
        sys.exit(str(error))
    measured = Measured(options.artifact.resolve() if options.artifact else artifact.build(artifact.HERE))
    for _ in range(options.runs):
        measured.again(measured.cases)
    # Other work may have slowed the machine down: functions beyond their budgets are measured again.
    for _ in range(3 * options.runs):
        if beyond := measured.beyond():
            measured.again(beyond)
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


if __name__ == "__main__":
    main()
