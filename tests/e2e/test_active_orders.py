"""The running orders of a client, as traders and the dashboard read them."""

from __future__ import annotations

import asyncio

import redis

from tests.support.client import Client, Json, Until, client
from tests.support.market import Market
from tests.support.stack import Stack


async def active(at: Client) -> dict[str, Json]:
    answer = await at.get("/api/orders/active")
    assert answer["complete"]
    return {order["orderId"]: order for order in answer["orders"]}


async def test_running_orders_are_listed_until_they_end_also_when_redis_loses_everything(
    stack: Stack, market: Market, active_orders: redis.Redis
) -> None:
    async with client(stack) as at:
        with market.held("USDC"):
            # GIVEN orders that wait for the chain
            ids = [(await at.submit(slippageBps=500))["orderId"] for _ in range(3)]
            for order_id in ids:
                async for _ in Until("the order is submitted"):
                    if (await at.order(order_id))["status"] == "submitted":
                        break

            # THEN they are listed as they are stored, before and after Redis has lost them
            for lost in (False, True):
                if lost:
                    active_orders.flushall()
                for _ in range(2):
                    listed = await active(at)
                    assert listed.keys() >= {*ids}
                    for order_id in ids:
                        order = await at.order(order_id)
                        assert listed[order_id]["event"] == order["events"][-1]
                        assert listed[order_id]["amountIn"] == order["amountIn"]

        # AND no longer once they have ended
        await asyncio.gather(*(at.ended(order_id) for order_id in ids))
        assert not {*ids} & (await active(at)).keys()
