"""What one order takes of each billed resource, measured on the emulator; `bench.cost` works its price out of it.

A client submits an order over REST, connects to the WebSocket URL that it is given, hears every event and leaves; then
the next. With the `instant` market the durations are the engine's own, with the `realistic` one they have the venues'
waits in them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import platform
import re
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import aiohttp
import psutil

from bench.meters import cpu_seconds, store_counters
from bench.orders import ORDER
from bench.stack import ENGINE, KEY, fresh_stack

RECORD = Path(__file__).with_suffix(".json")
WARM_UP = 10
_BILLED = re.compile(r"Billed Duration: (\d+) ms")
_METRIC = re.compile(r'"Metrics":\[\{"Name":"(\w+)"')


@dataclass
class Heard:
    """What the clients have received, in bytes, and for how many seconds they were connected."""

    answers: list[int] = field(default_factory=list)
    messages: list[int] = field(default_factory=list)
    connected: float = 0.0


async def watch_orders(rest: str, orders: int, at_once: int) -> Heard:
    heard = Heard()
    left = iter(range(orders))

    async def client() -> None:
        while next(left, None) is not None:
            async with session.post(f"{rest}/api/orders/execute", json=ORDER) as response:
                body = await response.json()
                heard.answers.append(len(await response.read()))
                if response.status != 202:
                    raise RuntimeError(f"expected 202, was {response.status}: {body}")
            started = time.perf_counter()
            async with session.ws_connect(body["webSocketUrl"]) as socket:
                status = "pending"
                while status not in ("confirmed", "failed"):
                    message = await socket.receive_str(timeout=60)
                    heard.messages.append(len(message.encode()))
                    status = json.loads(message)["status"]
            heard.connected += time.perf_counter() - started

    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session:
        await asyncio.gather(*(client() for _ in range(at_once)))
    return heard


def logs(stack: dict[str, Any]) -> dict[str, str]:
    """The text of each function's log, by function."""
    return {path.stem: path.read_text() for path in (Path(stack["data"]) / "logs").glob("*.log")}


def stores(stack: dict[str, Any]) -> dict[str, float]:
    counters = store_counters(stack)
    return {
        "postgres_cpu_ms": cpu_seconds(stack)["postgres"] * 1000,
        "postgres_wal_bytes": counters["wal"],
        "postgres_stored_bytes": counters["bytes"],
        "redis_commands": counters["redis"],
    }


def measure(latency: str, orders: int, at_once: int) -> dict[str, Any]:
    options = [option.replace("MarketLatency=instant", f"MarketLatency={latency}") for option in ENGINE]
    with fresh_stack(*options) as stack:
        asyncio.run(watch_orders(stack["rest"], WARM_UP, at_once))
        time.sleep(1)
        log, before = logs(stack), stores(stack)
        heard = asyncio.run(watch_orders(stack["rest"], orders, at_once))
        # The connection ends after its order, and the log's last lines come later still.
        time.sleep(1)
        used = {name: (value - before[name]) / orders for name, value in stores(stack).items()}
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
            "messages": len(heard.messages) / orders,
            "largest_message_bytes": max(heard.messages),
            "bytes_out": round(sum(heard.messages + heard.answers) / orders),
            "connected_seconds": round(heard.connected / orders, 3),
            **{name: round(value, 2) for name, value in used.items()},
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=100)
    arguments = parser.parse_args()
    record = {
        "how": f"bench/one_order.py, {arguments.orders} orders with each market",
        "when": f"{datetime.now(UTC):%Y-%m-%d}",
        "where": f"{psutil.cpu_count()} virtual cores, {platform.machine()}, Python {platform.python_version()}",
        "instant": measure("instant", arguments.orders, at_once=1),
        "realistic": measure("realistic", arguments.orders, at_once=4),
    }
    RECORD.write_text(json.dumps(record, indent=2) + "\n")
    print(RECORD.read_text(), end="")


if __name__ == "__main__":
    main()
