"""A fault run: orders with a WebSocket client each while everything under them is killed, and a report."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Coroutine, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from order_engine.domain.markets import LOCALNET
from tests.faults.arena import Arena
from tests.faults.chaos import Chaos
from tests.faults.onchain import OnLocalnet
from tests.faults.simulated import Simulated
from tests.faults.traders import Trader
from tests.support.aws_clients import sweep
from tests.support.stack import KEY, Stack

GRACE = 5.0
"""Clients know of the last order's end within this many seconds."""

HURRY = 5.0
"""Seconds between two sweeps of a run in a hurry."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run. Orders come in and things are killed for `seconds`.

    In a hurry, once everything is back, leases lapse and the sweep runs every few seconds instead of every minute.
    """

    orders: int
    kills: int
    seconds: float
    seed: int
    market: str = LOCALNET
    hurry: bool = False


@dataclass(frozen=True)
class Report:
    """The result: `rows` of (what, how much), and every broken promise."""

    rows: list[tuple[str, str]]
    broken: list[str]


async def run(plan: Plan, data: Path) -> Report:
    chance = random.Random(plan.seed)
    arena: Arena = await asyncio.to_thread(OnLocalnet, data, plan.seed) if plan.market == LOCALNET else Simulated()
    with closing(arena):
        chaos = await asyncio.to_thread(Chaos, data, arena, random.Random(plan.seed))
        try:
            await asyncio.to_thread(arena.open, chaos.stack)
            with closing(arena.orders):
                return await _run(plan, arena, chaos, chance)
        finally:
            chaos.end()


async def _run(plan: Plan, arena: Arena, chaos: Chaos, chance: random.Random) -> Report:
    headers = {"Authorization": f"Bearer {KEY}"}
    timeout = aiohttp.ClientTimeout(total=None, connect=5, sock_read=None)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        traders = [
            Trader(lambda: chaos.stack, session, arena.trades[number % len(arena.trades)])
            for number in range(plan.orders)
        ]
        # Some come together, so that orders also wait in the queue.
        bursts = [chance.uniform(0, plan.seconds) for _ in range(1 + plan.orders // 50)]
        pauses = [chance.choice(bursts) if chance.random() < 0.3 else chance.uniform(0, plan.seconds) for _ in traders]
        meanwhile = [arena.misbehave(chance)]
        meanwhile += [trader.run(pause) for trader, pause in zip(traders, pauses, strict=True)]
        async with _running(meanwhile):
            await chaos.reign(plan.kills, plan.seconds)
            async with _running([arena.hurry(), hurry(arena, chaos.stack)] if plan.hurry else []):
                recovery = await _all_ended(arena, traders)
        await asyncio.to_thread(arena.settle)
        return _report(plan, chaos, traders, recovery)


@asynccontextmanager
async def _running(coroutines: list[Coroutine[Any, Any, None]]) -> AsyncIterator[None]:
    """Runs the coroutines while the block runs. Raises the first error of any of them."""
    tasks = [asyncio.ensure_future(coroutine) for coroutine in coroutines]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        ended = await asyncio.gather(*tasks, return_exceptions=True)
    for error in ended:
        if isinstance(error, Exception):
            raise error


async def hurry(arena: Arena, stack: Stack) -> None:
    """Lets every lease lapse and runs the sweep repeatedly, because orders also stall on failing venues."""
    while True:
        arena.orders.pass_time(arena.bound)
        await asyncio.to_thread(sweep, stack)
        await asyncio.sleep(HURRY)


async def _all_ended(arena: Arena, traders: list[Trader]) -> float | None:
    """Waits until every order has ended and its client knows. Returns the seconds, or None after the arena's bound."""
    started = time.monotonic()
    while any(trader.order_id is None for trader in traders) or arena.orders.unfinished():
        if time.monotonic() > started + arena.bound:
            return None
        await asyncio.sleep(0.2)
    took = time.monotonic() - started
    give_up = time.monotonic() + GRACE
    while time.monotonic() < give_up and not all(trader.ended for trader in traders):  # noqa: ASYNC110
        await asyncio.sleep(0.05)
    return took


def _report(plan: Plan, chaos: Chaos, traders: list[Trader], recovery: float | None) -> Report:
    arena = chaos.arena
    database = arena.orders.database
    orders = {str(row["id"]): row for row in database.fetch("SELECT * FROM orders")}
    events: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in database.fetch("SELECT order_id, seq, status, data FROM order_events ORDER BY order_id, seq"):
        events[str(row["order_id"])].append(row)
    swapped = arena.swapped()

    def fills(order_id: str) -> int:
        signed = {event["data"]["signature"] for event in events[order_id] if event["status"] == "building"}
        return sum(swapped[signature] for signature in signed)

    statuses = Counter(row["status"] for row in orders.values())
    lost = [trader.order_id for trader in traders if trader.order_id not in orders]
    stuck = [id for id, row in orders.items() if row["status"] not in ("confirmed", "failed")]
    doubled = [id for id in orders if fills(id) > 1]
    unpaid = [id for id, row in orders.items() if fills(id) != (row["status"] == "confirmed")]
    gaps = [id for id, seen in events.items() if [event["seq"] for event in seen] != list(range(1, len(seen) + 1))]
    incomplete = [
        trader
        for trader in traders
        if trader.problem or not trader.ended or len(trader.events) != len(events[str(trader.order_id)])
    ]
    foreign = sum(swapped.values()) - sum(map(fills, orders))
    broken: dict[str, Sequence[Any]] = {
        "orders lost": lost,
        "orders taken more than once": [*orders.keys() - {trader.order_id for trader in traders}],
        "orders stuck": stuck,
        "orders filled twice": doubled,
        "orders whose fill is not as their status says": unpaid,
        "orders with a gap in their events": gaps,
        "clients that have not seen every event": [
            f"{trader.order_id}: {trader.problem or len(trader.events)}" for trader in incomplete
        ],
        "swaps of no order": [foreign] * bool(foreign),
        **arena.audit(),
    }
    failed = Counter(row["error"]["code"] for row in orders.values() if row["status"] == "failed")
    lives = sorted(trader.ended - trader.accepted for trader in traders if trader.ended) or [0.0]
    shares = [f"{lives[int(share * (len(lives) - 1))]:.1f} s" for share in (0.5, 0.9, 0.99, 1)]
    rows = [
        ("market, seed", f"{plan.market}, {plan.seed}"),
        ("clients, with an order and a WebSocket each", str(plan.orders)),
        ("killed", ", ".join(f"{kind} {count}" for kind, count in sorted(chaos.kills.items()))),
        ("seconds without one part or another", f"{chaos.down:.0f}"),
        *arena.rows(),
        ("orders in the database", ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))),
        ("orders failed", ", ".join(f"{code} {count}" for code, count in sorted(failed.items())) or "none"),
        ("submissions refused, unanswered", f"{_sum(traders, 'refusals')}, {_sum(traders, 'unanswered')}"),
        ("WebSocket connections made", str(_sum(traders, "connections"))),
        ("events that came twice", str(_sum(traders, "repeats"))),
        ("orders routed more than once", str(sum(row["attempt"] > 1 for row in orders.values()))),
        ("an order's life: half, 90 %, 99 %, all within", ", ".join(shares)),
        ("all ended after everything was back", "never" if recovery is None else f"{recovery:.1f} s"),
        *((what, str(len(found))) for what, found in broken.items()),
    ]
    return Report(rows, [f"{what}: {', '.join(map(str, found[:5]))}" for what, found in broken.items() if found])


def _sum(traders: list[Trader], name: str) -> int:
    return sum(getattr(trader, name) for trader in traders)
