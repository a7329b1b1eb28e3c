"""Measures orders that wait for the same price, from the swap that brings it until the last one is filled."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal
from statistics import quantiles
from typing import Any

import aiohttp
import psycopg

from bench.orders import ORDER, events, submit
from bench.paired import settle
from bench.stack import ENGINE, KEY, fresh_stack
from bench.table import print_table

RISE = Decimal("1.003")
"""The limit, as a multiple of the price before."""

BUYER = {
    "type": "market",
    "tokenIn": "USDC",
    "tokenOut": "SOL",
    "amountIn": "900000",
    "slippageBps": 5_000,
    "maxPriceImpactBps": 5_000,
}
"""The order that moves the price by more than that."""

OUTSTANDING = 10
PATIENCE_SECONDS = 600.0

_LEFT = (
    "SELECT count(*) FROM orders WHERE type = 'limit' AND status NOT IN ('confirmed', 'failed', 'cancelled', 'expired')"
)

# A fill is a swap that the chain has carried out, whoever has sent it.
_ENDS = """
    SELECT status, count(*), count(DISTINCT tx_hash) FILTER (WHERE swapped)
    FROM orders LEFT JOIN market_transactions ON signature = tx_hash
    WHERE type = 'limit' GROUP BY status ORDER BY status"""

_SINCE = """
    SELECT extract(epoch FROM event.at - moved.at)::float8
    FROM order_events AS event JOIN orders ON orders.id = event.order_id,
         (SELECT at FROM order_events WHERE order_id = %s AND status = 'submitted') AS moved
    WHERE type = 'limit' AND event.status = %s"""


def measure_storm(orders: int) -> None:
    """Prints how long after the price has moved the orders became pending, and were filled."""
    with (
        fresh_stack(*ENGINE, "--parameter=MarketDriftBps=0") as stack,
        psycopg.connect(stack["parameters"]["DatabaseUrl"], autocommit=True) as connection,
    ):
        settle(stack)
        mover = asyncio.run(storm(stack["rest"], stack["websocket"], orders))
        give_up = time.monotonic() + PATIENCE_SECONDS
        while connection.execute(_LEFT).fetchone() != (0,):
            if time.monotonic() > give_up:
                raise RuntimeError(f"expected all orders to end in {PATIENCE_SECONDS:g} s")
            time.sleep(0.5)
        ends = [[status, f"{count:,}", f"{filled:,}"] for status, count, filled in connection.execute(_ENDS)]
        print_table([f"{orders:,} orders end as", "orders", "swaps on chain"], ends)
        print()
        rows = []
        for status in ("pending", "confirmed"):
            since = [seconds for (seconds,) in connection.execute(_SINCE, (mover, status))]
            cuts = quantiles(since, n=100)
            figures = (min(since), cuts[49], cuts[94], max(since))
            rows.append([status, f"{len(since):,}", *(f"{seconds:.2f}" for seconds in figures)])
        print_table(["since the price has moved, s", "events", "first", "p50", "p95", "last"], rows)


async def storm(rest: str, websocket: str, orders: int) -> str:
    """Submits orders whose limit the market does not pay, and then one that moves it; returns the id of that one."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as session,
        session.ws_connect(websocket) as socket,
    ):
        price = await executed_price(session, socket, rest, ORDER)
        waiting = {**ORDER, "type": "limit", "limitPrice": str((price * RISE).quantize(Decimal("0.0001")))}
        left = iter(range(orders))

        async def client() -> None:
            while next(left, None) is not None:
                await submit(session, rest, waiting)

        await asyncio.gather(*(client() for _ in range(OUTSTANDING)))
        # The watcher has come to rest.
        await asyncio.sleep(3)
        id = await submit(session, rest, BUYER)
        await socket.send_json({"action": "subscribe", "orderId": id})
        async for _ in events(socket, id):
            pass
        return id


async def executed_price(
    session: aiohttp.ClientSession, socket: aiohttp.ClientWebSocketResponse, rest: str, order: dict[str, Any]
) -> Decimal:
    """The price at which an order is filled now."""
    id = await submit(session, rest, order)
    await socket.send_json({"action": "subscribe", "orderId": id})
    *_, last = [event async for event in events(socket, id)]
    return Decimal(last["data"]["executedPrice"])
