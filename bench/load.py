"""Submits orders at a steady rate and watches each to its end: `make load ORDERS=500 RATE=50 VIA=rest`.

The rate does not depend on the answers. Prints how many orders were confirmed, how long each step took, and the
failures by code; writes load.json and load.png into .local/load/. Without a URL it uses the stack that runs on this
machine, or starts one without limits and with the instant market. Sends nothing to an engine whose limit of orders a
minute would refuse some of them, unless with --limited.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import os
import statistics
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aiohttp
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench.load_plot import draw
from bench.stack import ENGINE, ROOT, fresh_stack
from bench.table import print_table
from bench.traffic import Trace, Via, send
from order_engine_cli.target import Target, find
from order_engine_cli.views import REAL_MONEY
from order_engine_client import AsyncClient, ClientError
from order_engine_client.transport import is_loopback

STEPS = {
    "accepted": "accept",
    "routing": "wait and route",
    "building": "build",
    "submitted": "submit",
    "confirmed": "confirm",
    "all": "from due to end",
}


LIFT = 'make run ARGS="--parameter OrdersPerMinute=0"'


async def market_of(target: Target) -> str:
    async with AsyncClient(target.url, target.key) as engine:
        return (await engine.market()).market


async def orders_per_minute(target: Target) -> int:
    """How many orders the engine takes from a client in a minute; 0 for any number.

    Asks with an order that has no fields: it is refused before it counts.
    """
    url, headers = f"{target.url}/api/orders/execute", {"Authorization": f"Bearer {target.key}"}
    async with aiohttp.ClientSession() as session, session.post(url, json={}, headers=headers) as answer:
        return int(answer.headers.get("X-RateLimit-Limit", 0))


def refused(orders: int, rate: float, per_minute: int) -> int:
    """How many of the orders the limit refuses: it allows a minute's orders at once, and the same again each minute."""
    return max(0, orders - math.floor(per_minute * (1 + (orders - 1) / rate / 60))) if per_minute else 0


async def measure(target: Target, via: Via, orders: int, rate: float) -> tuple[list[Trace], float]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        accepted = progress.add_task("accepted", total=orders)
        ended = progress.add_task("ended", total=orders)

        def tell(trace: Trace) -> None:
            progress.advance(ended if trace.outcome else accepted)
            if via == "websocket" and trace.accepted is not None:
                progress.advance(accepted)

        async with AsyncClient(target.url, target.key) as engine:
            return await send(engine, via, orders, rate, tell)


def percentiles(traces: list[Trace]) -> dict[str, dict[str, float]]:
    """Percentiles of each step in ms. `accept` counts all accepted orders, the other steps confirmed ones."""
    confirmed = [trace for trace in traces if trace.outcome == "confirmed"]
    taken: dict[str, list[float]] = {
        "accepted": [trace.accepted - trace.due for trace in traces if trace.accepted is not None],
        **{step: [trace.steps[step] for trace in confirmed] for step in STEPS if step not in ("accepted", "all")},
        "all": [trace.ended - trace.due for trace in confirmed if trace.ended is not None],
    }
    return {STEPS[step]: _cuts([seconds * 1000 for seconds in values]) for step, values in taken.items() if values}


def _cuts(values: list[float]) -> dict[str, float]:
    cuts = statistics.quantiles(values, n=100, method="inclusive") if len(values) > 1 else values * 99
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98], "max": max(values)}


def report(folder: Path, title: str, asked: dict[str, Any], traces: list[Trace], seconds: float) -> dict[str, Any]:
    """Prints and writes the results; returns their summary."""
    steps = percentiles(traces)
    outcomes = Counter(trace.outcome for trace in traces)
    confirmed = outcomes.pop("confirmed", 0)
    summary: dict[str, Any] = {
        **asked,
        "seconds": round(seconds, 3),
        "confirmed": confirmed,
        "confirmedPerSecond": round(confirmed / seconds, 1),
        "failures": dict(outcomes.most_common()),
        "milliseconds": {step: {name: round(value, 1) for name, value in cuts.items()} for step, cuts in steps.items()},
    }
    rows = [
        {"due": round(t.due, 4), "accepted": t.accepted, "ended": t.ended, "outcome": t.outcome, "steps": t.steps}
        for t in traces
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "load.json").write_text(json.dumps({**summary, "orders": rows}, indent=1) + "\n")
    draw(folder / "load.png", title, traces, steps)
    print(f"{title}: {confirmed} confirmed in {seconds:.1f} s, {summary['confirmedPerSecond']} a second\n")
    print_table(
        ["ms", "p50", "p95", "p99", "maximum"],
        [[step, *(f"{value:.1f}" for value in cuts.values())] for step, cuts in steps.items()],
    )
    if outcomes:
        print()
        print_table(["not confirmed", "orders"], [[code, str(count)] for code, count in outcomes.most_common()])
    if outcomes["RateLimited"]:
        print(f"\nTo run an engine without a rate limit: {LIFT}")
    print(f"\n{folder / 'load.json'}\n{folder / 'load.png'}")
    return summary


@contextmanager
def engine_for(url: str | None, key: str | None) -> Iterator[Target]:
    if target := find(url, key):
        yield target
        return
    print("No stack runs on this machine: starting one without limits and with the instant market.", file=sys.stderr)
    with fresh_stack(*ENGINE) as stack:
        yield Target(stack["rest"], stack["parameters"]["DevelopmentKey"])


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.load", description=__doc__)
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--rate", type=float, default=50, help="orders a second")
    parser.add_argument("--via", choices=["rest", "websocket"], default="rest")
    parser.add_argument("--url", default=os.environ.get("ORDERS_URL"), help="the REST API")
    parser.add_argument("--key", default=os.environ.get("ORDERS_KEY"), help="the API key")
    parser.add_argument("--elsewhere", action="store_true", help="allow a URL on another machine")
    parser.add_argument("--limited", action="store_true", help="send also what the engine's limit refuses")
    parser.add_argument("--folder", type=Path, default=ROOT / ".local" / "load", help="where the results go")
    arguments = parser.parse_args()
    if arguments.orders < 1 or not arguments.rate > 0:
        parser.error(f"expected at least one order at a rate above zero, was {arguments.orders} at {arguments.rate:g}")
    with engine_for(arguments.url, arguments.key) as target:
        if not is_loopback(target.url) and not arguments.elsewhere:
            parser.error(f"expected a URL on this machine or --elsewhere, was {target.url}")
        try:
            market = asyncio.run(market_of(target))
            if market == REAL_MONEY:
                parser.error(f"expected a market without real money, was {market}")
            limit = asyncio.run(orders_per_minute(target))
            if not arguments.limited and (surplus := refused(arguments.orders, arguments.rate, limit)):
                sys.exit(
                    f"expected an engine that takes all {arguments.orders} orders, was one that takes {limit} a minute"
                    f" from a client and would refuse about {surplus}. Nothing was sent.\n"
                    f"  without the limit: {LIFT}\n"
                    f"  within the limit:  make load ORDERS={limit}\n"
                    "  all the same:      make load ARGS=--limited"
                )
            traces, seconds = asyncio.run(measure(target, arguments.via, arguments.orders, arguments.rate))
        except ClientError as error:
            sys.exit(f"expected an engine that accepts orders: {error}")
    asked = {"market": market, "via": arguments.via, "orders": arguments.orders, "rate": arguments.rate}
    title = f"{arguments.orders} orders by {arguments.via} on {market}, {arguments.rate:g} a second"
    report(arguments.folder, title, asked, traces, seconds)


if __name__ == "__main__":
    main()
