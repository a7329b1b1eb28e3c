"""Measures on the emulator what one order uses of each billed resource, from which `bench.cost` works out its price.

Clients submit orders over REST one after another, connect to the WebSocket URL in the answer, receive every event and
disconnect. Each market is measured twice. Where it is `instant` the durations are the engine's own; where it is
`realistic` they include the waits: for slots of the localnet, or for the simulated venues and their chain.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.meters import Part, cpu_seconds, rpc_calls, store_counters
from bench.orders import ORDER
from bench.stack import ENGINE, INSTANT_LOCALNET, KEY, fresh_stack

RECORD = Path(__file__).with_suffix(".json")
MARKETS: dict[str, tuple[Sequence[str] | None, Sequence[str] | None]] = {
    "solana": (INSTANT_LOCALNET, ()),
    "simulated": (None, None),
}
"""The options of each market's localnet, without waits and with them."""

WARM_UP = 10
SWEEP_SECONDS = 75
"""After so long the sweep, which runs every minute, has run."""

_BILLED = re.compile(r"Billed Duration: (\d+) ms")
_METRIC = re.compile(r'"Metrics":\[\{"Name":"(\w+)"')


@dataclass
class Received:
    """The sizes of answers and messages in bytes, and the seconds of all connections together."""

    answers: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    connected: float = 0.0


async def watch_orders(rest: str, orders: int, at_once: int) -> Received:
    received = Received()
    left = iter(range(orders))

    async def client() -> None:
        while next(left, None) is not None:
            async with session.post(f"{rest}/api/orders/execute", json=ORDER) as response:
                body = await response.json()
                received.answers.append(len(await response.read()))
                if response.status != 202:
                    raise RuntimeError(f"expected 202, was {response.status}: {body}")
            started = time.perf_counter()
            async with session.ws_connect(body["webSocketUrl"]) as socket:
                status = "pending"
                while status not in ("confirmed", "failed"):
                    message = await socket.receive_str(timeout=60)
                    received.messages.append(len(message.encode()))
                    status = json.loads(message)["status"]
            received.connected += time.perf_counter() - started

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        await asyncio.gather(*(client() for _ in range(at_once)))
    return received


def logs(stack: dict[str, Any]) -> dict[str, str]:
    """The text of each function's log, by function."""
    return {path.stem: path.read_text() for path in (Path(stack["data"]) / "logs").glob("*.log")}


def stores(stack: dict[str, Any]) -> dict[str, float]:
    """What the stores have used so far, by the record's names."""
    counters = store_counters(stack)
    return {
        "postgres_cpu_ms": cpu_seconds(stack)[Part("postgres")] * 1000,
        "postgres_wal_bytes": counters["wal"],
        "postgres_stored_bytes": counters["bytes"],
        "redis_commands": counters["redis"],
    }


def measure(latency: str, localnet: Sequence[str] | None, orders: int, at_once: int) -> dict[str, Any]:
    """The usage of one order on average.

    `latency` is that of the simulated market; `localnet` has the options of a localnet to trade on instead. `at_once`
    is the number of clients.
    """
    options = [option.replace("MarketLatency=instant", f"MarketLatency={latency}") for option in ENGINE]
    with fresh_stack(*options, localnet=localnet) as stack:
        started = time.monotonic()
        asyncio.run(watch_orders(stack["rest"], WARM_UP, at_once))
        time.sleep(1)
        log, before, calls = logs(stack), stores(stack), rpc_calls(stack)
        received = asyncio.run(watch_orders(stack["rest"], orders, at_once))
        # The connection ends after its order, and the log's last lines come later still.
        time.sleep(1)
        used = {name: (value - before[name]) / orders for name, value in stores(stack).items()}
        used["node_calls"] = (rpc_calls(stack) - calls).total() / orders
        if latency == "realistic":
            time.sleep(max(started + SWEEP_SECONDS - time.monotonic(), 0))
        functions, metrics = {}, Counter[str]()
        for name, text in logs(stack).items():
            new = text[len(log.get(name, "")) :]
            billed = [int(ms) for ms in _BILLED.findall(new)]
            metrics.update(_METRIC.findall(text))
            if billed:
                functions[name] = {
                    "invocations": round(len(billed) / orders, 3),
                    "billed_ms": round(sum(billed) / len(billed), 2),
                    "log_bytes": round(len(new) / len(billed)),
                }
        return {
            "functions": functions,
            "metrics": sorted(metrics),
            "messages": len(received.messages) / orders,
            "largest_message_bytes": max(received.messages),
            "bytes_out": round(sum(received.messages + received.answers) / orders),
            "connected_seconds": round(received.connected / orders, 3),
            **{name: round(value, 2) for name, value in used.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100)
    arguments = parser.parse_args()
    record = {
        "how": f"bench/one_order.py, {arguments.orders} orders each",
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "where": f"{psutil.cpu_count()} virtual cores, {platform.machine()}, Python {platform.python_version()}",
        **{
            market: {
                "instant": measure("instant", instant, arguments.orders, at_once=1),
                "realistic": measure("realistic", realistic, arguments.orders, at_once=4),
            }
            for market, (instant, realistic) in MARKETS.items()
        },
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    print(RECORD.read_text(), end="")


if __name__ == "__main__":
    main()
