"""Measures what uses the CPU of an order, by cause, in the functions and in the emulator: `make causes BASE=REVISION`.

The processes are sampled while they run (`bench/sampling`). A sample counts for the innermost frame that has a cause;
json, ssl or logging have none of their own. The samples are shares of the CPU time that the kernel counts.
"""

from __future__ import annotations

import argparse
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from bench.meters import by_kind
from bench.orders import MARKETS, measure
from bench.paired import settle
from bench.revision import RevisionError, revision
from bench.series import Series
from bench.stack import ENGINE, ROOT, fresh_stack
from bench.table import print_table

SAMPLING = Path(__file__).with_name("sampling")

CAUSES = {
    "functions": {
        "Postgres: psycopg, statements": r"psycopg|order_engine\.storage\.(?!redis_client|active_orders|rate_limit)",
        "Redis": r"redis|order_engine\.storage",
        "pushes": r"order_engine\.(aws\.connections|services\.notifications)",
        "other AWS calls": r"botocore|boto3|order_engine\.aws\.(queues|state_machine)",
        "runtime client, log lines": r"awslambdaric|runtime_client|__main__",
        "Powertools": r"aws_lambda_powertools|order_engine\.aws\.observability",
        "requests and answers": r"pydantic|order_engine\.api",
        "pool states": r"order_engine\.dex\.(.*\.from_json|state|pool)|order_engine\.simulation\.(market|stored_pools)",
        "threads": r"threading|concurrent\.futures",
        "routes, quotes, swaps": r"order_engine\.(dex|services\.(routing|quoting|decisions))",
        "the market": r"order_engine\.(simulation|solana)",
        "the rest of the engine": r"order_engine\.(?!aws)|app\.",
    },
    "emulator": {
        "API Gateway": r"emulator\.apigateway",
        "Step Functions": r"emulator\.states",
        "SQS": r"emulator\.(sqs|lambda_\.event_source)",
        "Lambda": r"emulator\.lambda_",
        "HTTP server": r"aiohttp|emulator\.(common|endpoint)",
        "the event loop": r"asyncio|uvloop|selectors",
    },
}
"""The frames of each cause, by kind of process. The first that matches counts."""

REST = "other"


def cause(kind: str, frames: Iterable[str]) -> str:
    """The cause of a sample. The frames are from the outermost to the innermost, each with its module."""
    for frame in reversed([*frames]):
        for name, pattern in CAUSES[kind].items():
            if re.match(pattern, frame):
                return name
    return REST


def causes(lines: Iterable[str]) -> dict[str, Counter[str]]:
    """How many samples each cause has, by kind of process."""
    counted = {kind: Counter[str]() for kind in CAUSES}
    for line in lines:
        name, _, frames = line.rstrip("\n").partition("\t")
        kind = "emulator" if name == "emulator" else "functions"
        counted[kind][cause(kind, frames.split(";"))] += 1
    return counted


def sampled(stack: dict[str, Any], samples: Path, orders: int, outstanding: int) -> dict[str, dict[str, float]]:
    """The CPU milliseconds an order of each cause, by kind of process."""
    before = samples.stat().st_size
    cpu = by_kind(measure(stack, orders, outstanding).cpu_an_order)
    with samples.open() as file:
        file.seek(before)
        counted = causes(file)
    return {
        kind: {
            **{name: count / counts.total() * cpu[kind] for name in (*CAUSES[kind], REST) if (count := counts[name])},
            "all": cpu[kind],
        }
        for kind, counts in counted.items()
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.causes", description=__doc__)
    parser.add_argument("--base", help="a revision to compare with, in turns")
    parser.add_argument("--market", choices=MARKETS, default="simulated")
    parser.add_argument("--outstanding", type=int, default=1, help="orders at a time (%(default)s)")
    parser.add_argument("--orders", type=int, default=300, help="orders of a turn (%(default)s)")
    parser.add_argument("--rounds", type=int, default=4)
    arguments = parser.parse_args()
    series = {kind: Series() for kind in CAUSES}
    with ExitStack() as resources:
        folder = Path(resources.enter_context(tempfile.TemporaryDirectory()))
        try:
            base = resources.enter_context(revision(arguments.base)) if arguments.base else None
        except RevisionError as error:
            sys.exit(str(error))
        stacks = {}
        for is_base, root in ((True, base), (False, ROOT)):
            if root is not None:
                samples = folder / ("base" if is_base else "now")
                environment = {"PYTHONPATH": str(SAMPLING), "SAMPLES": str(samples)}
                localnet = MARKETS[arguments.market]
                start = fresh_stack(*ENGINE, localnet=localnet, root=root, environment=environment)
                stacks[is_base] = resources.enter_context(start), samples
        for stack, _ in stacks.values():
            settle(stack)
        for number in range(arguments.rounds):
            for is_base, (stack, samples) in sorted(stacks.items(), reverse=number % 2 == 0):
                for kind, figures in sampled(stack, samples, arguments.orders, arguments.outstanding).items():
                    series[kind].add(is_base, figures)
    for kind, turns in series.items():
        print()
        print_table([f"{kind}: CPU, ms an order", arguments.base or "", "this revision", "ratio"], list(turns.rows()))


if __name__ == "__main__":
    main()
