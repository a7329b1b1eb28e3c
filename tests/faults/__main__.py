"""Kills everything under running orders and prints the result: `python -m tests.faults --seed 1`."""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from order_engine.domain.markets import LOCALNET, SIMULATED
from tests.faults.run import Plan, run


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=__doc__)
    parser.add_argument("--market", type=str.capitalize, choices=(LOCALNET, SIMULATED), default=LOCALNET)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--orders", type=int, default=300)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=120, help="how long orders come in and things are killed")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        # Started by root, Postgres runs as another user, who must be able to enter.
        Path(folder).chmod(0o755)
        report = asyncio.run(run(Plan(**vars(arguments)), Path(folder)))
    for what, how_much in report.rows:
        print(f"{what:<46} {how_much}")
    sys.exit("\n".join(report.broken) or None)


if __name__ == "__main__":
    main()
