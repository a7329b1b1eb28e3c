"""Measures durations and costs of an order in the emulator, with the instant market, one order at a time.

The durations of the steps come from the order's events and its execution.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import time
import urllib.request
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import psycopg

from bench.meters import by_kind, cpu_seconds, store_counters
from bench.orders import run
from bench.queueing import percentile
from bench.stack import ENGINE, fresh_stack
from order_engine.domain.ids import uuid7
from order_engine.domain.lifecycle import Trigger
from order_engine.domain.orders import OrderRequest
from order_engine.storage.database import Database
from order_engine.storage.orders import PostgresOrderStore

ORDERS = 300
CUTS = 21
"""The number of evenly spaced quantiles, including minimum and maximum."""

_TIMES = """
    SELECT run, extract(epoch FROM created_at)::float AS created,
           array_agg(extract(epoch FROM at)::float ORDER BY event.seq) AS events
    FROM orders JOIN order_events AS event ON order_id = id WHERE orders.status = 'confirmed' AND orders.attempt = 1
    GROUP BY id ORDER BY id DESC LIMIT %s"""


def service_times() -> dict[str, Any]:
    with fresh_stack(*ENGINE) as stack:
        where = stack["rest"], stack["websocket"], stack["parameters"]["DevelopmentKey"]
        url = stack["parameters"]["DatabaseUrl"]
        asyncio.run(run(*where, 100, 1))
        used, counters = _used(stack), store_counters(stack)
        latencies, _ = asyncio.run(run(*where, ORDERS, 1))
        cpu = {kind: (seconds - used.get(kind, 0.0)) / ORDERS for kind, seconds in _used(stack).items()}
        order = {name: (value - counters[name]) / ORDERS for name, value in store_counters(stack).items()}
        return {
            "measured": datetime.now(UTC).date().isoformat(),
            "cores": os.cpu_count(),
            "python": platform.python_version(),
            "seconds": {name: _cuts(values) for name, values in _steps(stack, url, latencies).items()},
            "cpu": {kind: round(seconds, 5) for kind, seconds in cpu.items() if seconds > 0},
            "order": {name: round(value, 1) for name, value in order.items()},
            "statements": {name: _cuts(values) for name, values in _statements(url).items()},
            "movesPerSecond": {str(clients): round(_moves_a_second(url, clients)) for clients in (1, 8, 32)},
        }


def _steps(stack: dict[str, Any], url: str, latencies: Sequence[float]) -> dict[str, list[float]]:
    """The durations of each step: `wake` until the execution starts, one step for each event, and `end` until its end.

    `accept` is the rest of the latency: before the order is stored, and until its client receives the last event.
    """
    with urllib.request.urlopen(f"{stack['endpoint']}/_emulator/executions?limit={ORDERS}") as answer:
        executions = {execution["name"]: execution for execution in json.load(answer)["executions"]}
    with psycopg.connect(url) as connection:
        rows = connection.execute(_TIMES, (ORDERS,)).fetchall()
    steps: defaultdict[str, list[float]] = defaultdict(list)
    for name, created, events in rows:
        if (execution := executions.get(name)) is None or len(events) != 5:
            continue
        started = execution["started"]
        moments = [created, started, *events[1:], started + execution["seconds"]]
        for step, (earlier, later) in zip(
            ("wake", "route", "build", "submit", "confirm", "end"), pairwise(moments), strict=True
        ):
            steps[step].append(max(later - earlier, 0.0))
    in_line = sum(percentile(values, 0.5) for step, values in steps.items() if step != "end")
    rest = max(percentile(latencies, 0.5) - in_line, 0.0)
    return {"accept": [rest] * CUTS, **steps}


def _statements(url: str) -> dict[str, list[float]]:
    """The durations of each statement of an order. Every commit is flushed to disk."""
    database = Database(url)
    orders = PostgresOrderStore(database)
    taken: defaultdict[str, list[float]] = defaultdict(list)
    for _ in range(200):
        for name, seconds in one_order(database, orders):
            taken[name].append(seconds)
    database.close()
    return dict(taken)


def one_order(database: Database, orders: PostgresOrderStore) -> Iterator[tuple[str, float]]:
    """Runs the statements of an order; yields the name and the seconds of each."""
    (client,) = database.fetch("SELECT id FROM clients WHERE name = 'development'")
    id, name = uuid7(), "bench"
    started = time.perf_counter()
    orders.insert(id, client["id"], OrderRequest("market", "SOL", "USDC", 10**9), {})
    yield "insert", time.perf_counter() - started
    started = time.perf_counter()
    orders.claim(id, name)
    yield "claim", time.perf_counter() - started
    for trigger in (Trigger.ROUTE, Trigger.BUILD, Trigger.SUBMIT, Trigger.CONFIRM):
        started = time.perf_counter()
        orders.move(id, name, trigger, 1, {"padding": "x" * 500})
        yield "move", time.perf_counter() - started
    started = time.perf_counter()
    orders.events(id)
    yield "events", time.perf_counter() - started


def _moves_a_second(url: str, clients: int) -> float:
    """The moves a second of different orders over `clients` connections, whose commits share flushes of the log."""

    def work(_: int) -> int:
        database = Database(url)
        orders, moves = PostgresOrderStore(database), 0
        give_up = time.monotonic() + 2
        while time.monotonic() < give_up:
            moves += sum(name == "move" for name, _ in one_order(database, orders))
        database.close()
        return moves

    started = time.monotonic()
    with ThreadPoolExecutor(clients) as pool:
        moves = sum(pool.map(work, range(clients)))
    return moves / (time.monotonic() - started)


def _used(stack: dict[str, Any]) -> dict[str, float]:
    """CPU seconds so far, by kind of process; `client` is this process."""
    return {**by_kind(cpu_seconds(stack)), "client": time.process_time()}


def _cuts(values: Sequence[float]) -> list[float]:
    return [round(percentile(values, cut / (CUTS - 1)), 6) for cut in range(CUTS)]
