"""Measures how fast the engine and the venues' official SDKs in Node quote the same swaps, in one run.

docs/benchmarks.md says what each row means.
"""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any

from bench.quotes import NOW, ROUNDS, SECONDS, Case, cases, cells, measure
from bench.table import print_table

FOLDER = Path(__file__).with_name("npm")


def install() -> None:
    subprocess.run(["npm", "ci", "--silent", "--ignore-scripts", "--prefix", FOLDER], check=True)


def measure_sdks(given: list[Case]) -> list[list[float]]:
    """For each case, the mean duration of a quote in each batch, in µs. Checks that the SDK pays the same amount."""
    asked = [
        {"sdk": case.sdk, "pool": v.pool, "a_to_b": v.a_to_b, "amount_in": str(v.amount_in)}
        for case in given
        for v in [case.vector]
    ]
    request = json.dumps({"now": NOW, "seconds": SECONDS, "cases": asked})
    run = subprocess.run(["node", FOLDER / "sdks.mjs"], input=request, capture_output=True, text=True, timeout=60)
    if run.returncode:
        raise RuntimeError(f"expected the SDKs to quote: {run.stderr[-2000:]}")
    answers: list[dict[str, Any]] = json.loads(run.stdout)
    for case, answer in zip(given, answers, strict=True):
        if int(answer["amount_out"]) != case.vector.amount_out:
            raise RuntimeError(f"{case.sdk}: expected {case.vector.amount_out} out, was {answer['amount_out']}")
    return [answer["us"] for answer in answers]


def main() -> None:
    install()
    given = cases()
    ours: list[list[float]] = [[] for _ in given]
    theirs: list[list[float]] = [[] for _ in given]
    # In turns, so that other work on the machine slows both.
    for _ in range(ROUNDS):
        for taken, case in zip(ours, given, strict=True):
            taken += measure(case)
        for taken, more in zip(theirs, measure_sdks(given), strict=True):
            taken += more
    rows = []
    for case, our, their in zip(given, ours, theirs, strict=True):
        ratio = statistics.median(their) / statistics.median(our)
        rows.append([case.title, *cells(our), f"`{case.sdk}`", *cells(their), f"{ratio:.1f}"])
    print_table(["a quote, µs", "median", "p10–p90", "SDK", "median", "p10–p90", "ratio"], rows)


if __name__ == "__main__":
    main()
