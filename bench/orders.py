"""Measures orders on both markets, without their waits: the time from `POST` to the `confirmed` event, CPU and memory.

Each client has an open WebSocket connection. It submits an order over REST and then subscribes to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from bench.meters import Part, by_kind, cpu_seconds, held, rpc_calls
from bench.stack import ENGINE, INSTANT_LOCALNET, fresh_stack, running
from bench.table import print_table

MARKETS: dict[str, Sequence[str] | None] = {"simulated": None, "localnet": INSTANT_LOCALNET}
"""The options of each market's localnet; the simulated market has none."""

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", "slippageBps": 500}


async def one_order(session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, rest: str) -> float:
    """Seconds from the request to the `confirmed` event."""
    started = time.perf_counter()
    id = await submit(session, rest)
    await socket.send_json({"action": "subscribe", "orderId": id})
    async for _ in events(socket, id):
        pass
    return time.perf_counter() - started


async def submit(session: aiohttp.ClientSession, rest: str, order: Mapping[str, Any] = ORDER) -> str:
    """The id of a new order. Raises `RuntimeError` unless it is accepted."""
    async with session.post(f"{rest}/api/orders/execute", json=order) as response:
        body = await response.json()
        if response.status != 202:
            raise RuntimeError(f"expected 202, was {response.status}: {body}")
    return str(body["orderId"])


async def events(socket: aiohttp.ClientWebSocketResponse, id: str) -> AsyncIterator[dict[str, Any]]:
    """The events of an order to which the connection listens, until it is confirmed.

    Raises `ConnectionResetError`, and `RuntimeError` if the order fails or cannot be listened to.
    """
    while True:
        message = await socket.receive(timeout=60)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise ConnectionResetError(f"expected an event, was {message}")
        event = json.loads(message.data)
        if "orderId" not in event or (event["orderId"] == id and event["status"] == "failed"):
            raise RuntimeError(f"expected an event of a confirmed order, was {event}")
        if event["orderId"] == id:
            yield event
            if event["status"] == "confirmed":
                return


async def run(rest: str, websocket: str, key: str, orders: int, outstanding: int) -> tuple[list[float], float]:
    """The latencies of the orders, `outstanding` at a time, and how long all took, in seconds."""
    latencies: list[float] = []
    left = iter(range(orders))
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, headers={"Authorization": f"Bearer {key}"}) as session:

        async def client() -> None:
            async with session.ws_connect(websocket) as socket:
                ready.release()
                await go.wait()
                while next(left, None) is not None:
                    latencies.append(await one_order(session, socket, rest))

        ready, go = asyncio.Semaphore(0), asyncio.Event()
        clients = [asyncio.create_task(client()) for _ in range(outstanding)]
        for _ in clients:
            await ready.acquire()
        started = time.perf_counter()
        go.set()
        await asyncio.gather(*clients)
        return latencies, time.perf_counter() - started


@dataclass(frozen=True)
class Measured:
    """Latencies and duration in seconds; CPU seconds by part, and calls by method, of all orders."""

    latencies: list[float]
    seconds: float
    cpu: dict[Part, float]
    calls: Counter[str]

    @property
    def percentiles(self) -> list[float]:
        """In milliseconds, from the first to the 99th."""
        return statistics.quantiles((latency * 1000 for latency in self.latencies), n=100)

    @property
    def orders_a_second(self) -> float:
        return len(self.latencies) / self.seconds

    @property
    def cpu_an_order(self) -> dict[Part, float]:
        """In milliseconds."""
        return {which: seconds * 1000 / len(self.latencies) for which, seconds in self.cpu.items()}


def measure(stack: dict[str, Any], orders: int, outstanding: int, warm_up: int = 30) -> Measured:
    """Measures once the environments have started and the connections are open."""
    where = stack["rest"], stack["websocket"], stack["parameters"]["DevelopmentKey"]
    asyncio.run(run(*where, max(warm_up, outstanding), outstanding))
    cpu, calls = cpu_seconds(stack), rpc_calls(stack)
    latencies, seconds = asyncio.run(run(*where, orders, outstanding))
    used = {which: now - cpu.get(which, 0) for which, now in cpu_seconds(stack).items()}
    return Measured(latencies, seconds, used, rpc_calls(stack) - calls)


def latency_cells(measured: Measured) -> list[str]:
    cuts, cpu = measured.percentiles, sum(measured.cpu_an_order.values())
    return [*(f"{cuts[cut - 1]:.1f}" for cut in (50, 95, 99)), f"{measured.orders_a_second:.0f}", f"{cpu:.1f}"]


def process_rows(stack: dict[str, Any], measured: Measured) -> Iterator[list[str]]:
    """The number of processes, their CPU milliseconds an order and their proportional memory in MiB, by kind."""
    now = held(stack)
    counts, memory, cpu = by_kind(now.processes), by_kind(now.memory), by_kind(measured.cpu_an_order)
    for kind in counts:
        yield [kind, f"{counts[kind]:.0f}", f"{cpu[kind]:.1f}", f"{memory[kind] / 2**20:.0f}"]
    totals = sum(counts.values()), sum(cpu.values()), sum(memory.values()) / 2**20
    yield ["all", f"{totals[0]:.0f}", f"{totals[1]:.1f}", f"{totals[2]:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="use the running stack with its data here instead of fresh ones")
    parser.add_argument("--market", nargs="*", choices=MARKETS, default=list(MARKETS))
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--outstanding", type=int, nargs="*", default=[1, 10, 100])
    arguments = parser.parse_args()
    with ExitStack() as resources:
        stacks = (
            {"running": running(arguments.data)}
            if arguments.data
            else {
                name: resources.enter_context(fresh_stack(*ENGINE, localnet=MARKETS[name])) for name in arguments.market
            }
        )
        rows: list[list[str]] = []
        alone: dict[str, Measured] = {}
        # The markets take turns: a slow phase of the machine affects both.
        for outstanding in arguments.outstanding:
            for market, stack in stacks.items():
                measured = measure(stack, arguments.orders if outstanding > 1 else 200, outstanding)
                alone.setdefault(market, measured)
                rows.append([f"{market}, {outstanding} outstanding", *latency_cells(measured)])
        print_table(["orders", "p50, ms", "p95", "p99", "orders/s", "CPU, ms an order"], rows)
        for market, stack in stacks.items():
            print()
            columns = [f"{market}: processes", "count", "CPU, ms an order", "memory, MiB"]
            print_table(columns, list(process_rows(stack, alone[market])))
            if calls := alone[market].calls:
                print()
                orders = len(alone[market].latencies)
                counted = [[method, f"{count / orders:.2f}"] for method, count in calls.most_common()]
                print_table(
                    [f"{market}: calls of the node", "an order"], [*counted, ["all", f"{calls.total() / orders:.2f}"]]
                )


if __name__ == "__main__":
    main()
