"""A fault run: orders with a WebSocket client each while everything under them is killed, and a report."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Collection, Coroutine, Iterable, Sequence
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp

from order_engine.domain.markets import LOCALNET
from order_engine.domain.money import format_amount
from order_engine.domain.terms import Wait
from order_engine.domain.tokens import TOKENS
from tests.faults.arena import Arena
from tests.faults.chaos import Chaos
from tests.faults.onchain import OnLocalnet
from tests.faults.simulated import Simulated
from tests.faults.traders import LOST, Trader
from tests.faults.waiting import KINDS, WaitingTrader
from tests.support.aws_clients import sweep, watch
from tests.support.client import FINAL
from tests.support.market import Orders
from tests.support.stack import KEY, Stack

ANSWER = 30.0
"""Seconds after which a client asks again: longer than a function may take."""

GRACE = 5.0
"""Clients know of the last order's end within this many seconds."""

MARKET_ORDERS = 4
"""How many market orders come with one of each kind of orders that wait."""

HURRY = 5.0
"""Seconds between two sweeps of a run in a hurry."""


@dataclass(frozen=True)
class Plan:
    """The plan of a run. Orders come in and things are killed for `seconds`.

    In a hurry, once everything is back, leases lapse, and the watcher and the sweep run every few seconds instead of
    every minute.
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
    timeout = aiohttp.ClientTimeout(total=ANSWER, connect=5)
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(headers=headers, timeout=timeout, connector=connector) as session:
        closes = asyncio.Event()
        traders = [_trader(number, chaos, session, chance, closes) for number in range(plan.orders)]
        # Some come together, so that orders also wait in the queue.
        bursts = [chance.uniform(0, plan.seconds) for _ in range(1 + plan.orders // 50)]
        pauses = [chance.choice(bursts) if chance.random() < 0.3 else chance.uniform(0, plan.seconds) for _ in traders]
        meanwhile = [arena.misbehave(chance)]
        meanwhile += [trader.run(pause) for trader, pause in zip(traders, pauses, strict=True)]
        async with _running(meanwhile):
            await chaos.reign(plan.kills, plan.seconds)
            async with _running([arena.hurry(), hurry(arena, chaos.stack)] if plan.hurry else []):
                late = await _all_wait_rightly(chaos, session, traders)
                closes.set()
                recovery = await _all_ended(arena, traders)
        await asyncio.to_thread(arena.settle)
        return _report(plan, chaos, traders, recovery, late)


def _trader(
    number: int, chaos: Chaos, session: aiohttp.ClientSession, chance: random.Random, closes: asyncio.Event
) -> Trader:
    """A client with a market order, or with one of the kinds of orders that wait in turn."""
    trade, kinds = chance.choice(chaos.arena.trades), [*KINDS.values()]
    turn = number % (MARKET_ORDERS + len(kinds))
    if turn < MARKET_ORDERS:
        return Trader(lambda: chaos.stack, session, trade)
    kind = kinds[turn - MARKET_ORDERS]
    return WaitingTrader(lambda: chaos.stack, session, trade, kind=kind, chance=chance, closing=closes)


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
    """Lets every lease lapse, and runs the watcher and the sweep: orders also stall on failing venues."""
    while True:
        arena.orders.pass_time(arena.bound)
        await asyncio.to_thread(watch, stack)
        await asyncio.to_thread(sweep, stack)
        await asyncio.sleep(HURRY)


async def _all_wait_rightly(chaos: Chaos, session: aiohttp.ClientSession, traders: list[Trader]) -> Collection[str]:
    """Waits until all orders are there and none waits that the market has reached. Returns those that never leave.

    The market moves: an order waits wrongly that is found at every look. Returns those of clients that are never ready
    if there was none.
    """
    give_up = time.monotonic() + chaos.arena.bound
    late: set[str] | None = None
    while late != set() and time.monotonic() < give_up:
        await asyncio.sleep(1)
        if all(trader.is_ready for trader in traders):
            reached = await _reached(chaos.stack, session, chaos.arena.orders)
            late = reached if late is None else late & reached
    if late is None:
        return {f"{trader.order_id}: its client is not ready" for trader in traders if not trader.is_ready}
    return late


async def _reached(stack: Stack, session: aiohttp.ClientSession, orders: Orders) -> set[str]:
    """The orders that wait for a price although the market pays it by its own quote, or has fallen to it."""
    found = set()
    for order in orders.priced():
        query = {"tokenIn": order["token_in"], "tokenOut": order["token_out"]}
        query["amountIn"] = format_amount(int(order["amount_in"]), TOKENS[order["token_in"]])
        # While the market does not answer, nobody knows of a reason to wait.
        reached = True
        with suppress(*LOST):
            async with session.get(f"{stack.rest}/api/quotes", params=query) as response:
                offer = await response.json()
            trigger = int(order["trigger_out"])
            if response.status == 200:
                paid = int(offer["amountOutBaseUnits"])
                reached = paid <= trigger if order["waits_for"] == Wait.AT_MOST else paid >= trigger
            else:
                reached = response.status >= 500
        if reached:
            found.add(f"{order['id']}, event {order['seq']}, waits for {order['waits_for']} {order['trigger_out']}")
    return found


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


def _report(plan: Plan, chaos: Chaos, traders: list[Trader], recovery: float | None, late: Collection[str]) -> Report:
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

    statuses = Counter(f"{row['type']} {row['status']}" for row in orders.values())
    asked = {trader.order_id for trader in traders}
    lost = [trader.order_id or trader.refusal for trader in traders if trader.order_id not in orders]
    stuck = [
        f"{id}, {row['type']} {row['status']}, event {row['seq']}"
        for id, row in orders.items()
        if row["status"] not in FINAL
    ]
    doubled = [id for id in orders if fills(id) > 1]
    unpaid = [
        id
        for id, row in orders.items()
        # Of a recurring order the slices are filled.
        if fills(id) != (row["status"] == "confirmed" and row["type"] != "recurring")
    ]
    gaps = [id for id, seen in events.items() if [event["seq"] for event in seen] != list(range(1, len(seen) + 1))]
    incomplete = [
        trader
        for trader in traders
        if trader.problem or not trader.ended or len(trader.events) != len(events[str(trader.order_id)])
    ]
    foreign = sum(swapped.values()) - sum(map(fills, orders))
    broken: dict[str, Sequence[Any]] = {
        "orders lost": lost,
        "orders taken more than once": [
            id
            for id in orders.keys() - asked
            if orders[id]["parent_id"] is None and str(orders[id]["linked_id"]) not in asked
        ],
        "orders stuck": stuck,
        "orders filled twice": doubled,
        "orders whose fill is not as their status says": unpaid,
        "orders with a gap in their events": gaps,
        "clients that have not seen every event": [
            f"{trader.order_id}: {trader.problem or len(trader.events)}" for trader in incomplete
        ],
        "swaps of no order": [foreign] * bool(foreign),
        "orders that wait though the market has reached them": [*late],
        "orders filled below their limit": [
            id
            for id, row in orders.items()
            if row["status"] == "confirmed" and row["amount_out"] < (row["limit_out"] or 0)
        ],
        "pairs of which both were filled": [
            id
            for id, row in orders.items()
            if row["linked_id"] and row["status"] == orders[str(row["linked_id"])]["status"] == "confirmed"
        ],
        "recurring orders whose slices do not add up": [
            id for id, row in orders.items() if row["type"] == "recurring" and not _adds_up(row, orders.values())
        ],
        **arena.audit(),
    }
    kinds = Counter(trader.name for trader in traders if isinstance(trader, WaitingTrader))
    failed = Counter(row["error"]["code"] for row in orders.values() if row["status"] == "failed")
    lives = sorted(trader.ended - trader.accepted for trader in traders if trader.ended) or [0.0]
    shares = [f"{lives[int(share * (len(lives) - 1))]:.1f} s" for share in (0.5, 0.9, 0.99, 1)]
    rows = [
        ("market, seed", f"{plan.market}, {plan.seed}"),
        ("clients, with an order and a WebSocket each", str(plan.orders)),
        ("killed", ", ".join(f"{kind} {count}" for kind, count in sorted(chaos.kills.items()))),
        ("seconds without one part or another", f"{chaos.down:.0f}"),
        *arena.rows(),
        ("orders that wait, by what they wait for", ", ".join(f"{count} {kind}" for kind, count in kinds.items())),
        ("orders in the database", ", ".join(f"{status} {count}" for status, count in sorted(statuses.items()))),
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


def _adds_up(order: dict[str, Any], orders: Iterable[dict[str, Any]]) -> bool:
    """Whether a recurring order has made all its slices, and its sums are theirs."""
    slices = [row for row in orders if row["parent_id"] == order["id"]]
    filled = [row for row in slices if row["status"] == "confirmed"]
    sums = [sum(row[name] for row in filled) for name in ("amount_spent", "amount_out")]
    return (
        sum(row["amount_in"] for row in slices) == order["amount_in"]
        and [order["amount_spent"] or 0, order["amount_out"] or 0] == sums
        and order["status"] == ("confirmed" if filled else "failed")
    )


def _sum(traders: list[Trader], name: str) -> int:
    return sum(getattr(trader, name) for trader in traders)
