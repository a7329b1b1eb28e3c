"""Measures latency and throughput from `POST` to the `confirmed` event, with the `instant` market.

Each client has an open WebSocket connection. It submits an order over REST and then subscribes to it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import time
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.meters import processes
from bench.stack import running_stack

ORDER = {"type": "market", "tokenIn": "SOL", "tokenOut": "USDC", "amountIn": "0.01", "slippageBps": 500}


async def one_order(session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, rest: str) -> float:
    """Seconds from the request to the `confirmed` event."""
    started = time.perf_counter()
    async with session.post(f"{rest}/api/orders/execute", json=ORDER) as response:
        body = await response.json()
        if response.status != 202:
            raise RuntimeError(f"expected 202, was {response.status}: {body}")
    await socket.send_json({"action": "subscribe", "orderId": body["orderId"]})
    while True:
        message = await socket.receive(timeout=60)
        if message.type is not aiohttp.WSMsgType.TEXT:
            raise RuntimeError(f"expected an event, was {message}")
        event = json.loads(message.data)
        if event.get("orderId") != body["orderId"]:
            continue
        if event["status"] == "failed":
            raise RuntimeError(f"expected confirmed, was {event}")
        if event["status"] == "confirmed":
            return time.perf_counter() - started


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


def show(title: str, latencies: Iterable[float], seconds: float) -> None:
    ordered = sorted(latency * 1000 for latency in latencies)
    cuts = statistics.quantiles(ordered, n=100)
    print(
        f"{title:<36} p50 {cuts[49]:7.1f}  p95 {cuts[94]:7.1f}  p99 {cuts[98]:7.1f} ms"
        f"   {len(ordered) / seconds:6.1f} orders/s"
    )


def show_processes(stack: dict[str, Any]) -> None:
    """Prints the CPU seconds and the proportional memory of the stack's processes, by kind."""
    kinds: dict[str, list[float]] = {}
    for kind, process in processes(stack):
        with suppress(psutil.Error):
            cpu, memory = process.cpu_times(), process.memory_full_info()
            figures = 1, cpu.user + cpu.system, getattr(memory, "pss", memory.rss) / 2**20
            kinds[kind] = [a + b for a, b in zip(kinds.get(kind, [0, 0.0, 0.0]), figures, strict=True)]
    kinds["all"] = [sum(column) for column in zip(*kinds.values(), strict=True)]
    print(f"\n{'process':<16} {'count':>5} {'CPU s':>8} {'memory MiB':>11}")
    for kind, (count, seconds, megabytes) in kinds.items():
        print(f"{kind:<16} {count:>5.0f} {seconds:>8.2f} {megabytes:>11.0f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="use the running stack with its data here instead of a fresh one")
    parser.add_argument("--orders", type=int, default=500)
    parser.add_argument("--outstanding", type=int, nargs="*", default=[1, 10, 100])
    arguments = parser.parse_args()
    with running_stack(arguments.data) as stack:
        where = stack["rest"], stack["websocket"], stack["parameters"]["DevelopmentKey"]
        for outstanding in arguments.outstanding:
            # Warms up: starts environments and opens connections.
            asyncio.run(run(*where, max(30, outstanding), outstanding))
            orders = arguments.orders if outstanding > 1 else 200
            latencies, seconds = asyncio.run(run(*where, orders, outstanding))
            show(f"{orders} orders, {outstanding} outstanding", latencies, seconds)
        show_processes(stack)


if __name__ == "__main__":
    main()
