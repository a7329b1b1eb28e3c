"""Measures the CPU time of importing each function's handler, the main part of a cold start, in the build.

Fails if a function exceeds its budget. docs/benchmarks.md says what each figure means.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from dataclasses import replace
from pathlib import Path

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


class Measured:
    def __init__(self, functions: list[Function]) -> None:
        bare = replace(functions[0], name="", search_path=())
        handlers = [(function, f"import {function.handler.rpartition('.')[0]}") for function in functions]
        self._cases = {
            "nothing": (bare, ""),
            "reference": (bare, f"import {REFERENCE}"),
            **{function.name: (function, code) for function, code in handlers},
        }
        self._times: dict[str, list[float]] = {name: [] for name in self._cases}

    def again(self, names: set[str]) -> None:
        """Measures each once, in turns, so that a slow phase of the machine affects all of them."""
        for name, (function, code) in self._cases.items():
            if name in names | {"nothing", "reference"}:
                self._times[name].append(measure(function, code))

    def least(self, name: str) -> float:
        return min(self._times[name]) - min(self._times["nothing"])

    def median(self, name: str) -> float:
        return statistics.median(self._times[name]) - statistics.median(self._times["nothing"])

    def budget(self, name: str) -> float:
        """The budget in milliseconds, larger on a slow or busy machine."""
        return BUDGETS.get(name, BUDGET) * max(1.0, self.least("reference") / REFERENCE_MS)

    def beyond(self, names: set[str]) -> set[str]:
        return {name for name in names if self.least(name) > self.budget(name)}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.imports", description=__doc__)
    parser.add_argument("--artifact", type=Path, help="the build to measure (a new one for this machine)")
    parser.add_argument("--runs", type=int, default=7)
    options = parser.parse_args()
    try:
        artifact.python()
    except artifact.NoPython as error:
        sys.exit(str(error))
    functions = artifact.functions(options.artifact.resolve() if options.artifact else artifact.build(artifact.HERE))
    measured, names = Measured(functions), {function.name for function in functions}
    for _ in range(options.runs):
        measured.again(names)
    # Other work may have slowed the machine down: functions beyond their budgets are measured again.
    for _ in range(3 * options.runs):
        if beyond := measured.beyond(names):
            measured.again(beyond)
    columns = {"CPU ms, minimum": measured.least, "median": measured.median, "budget": measured.budget}
    heaviest_first = sorted(names, key=measured.least, reverse=True)
    rows = [[name, *(f"{read(name):.0f}" for read in columns.values())] for name in heaviest_first]
    print_table(["function", *columns], rows)
    if beyond := measured.beyond(names):
        sys.exit(
            f"beyond the budget: {', '.join(sorted(beyond))}. python3.13 -X importtime shows which imports take long."
        )


if __name__ == "__main__":
    main()
