"""The watcher in a running stack: it is woken, hands over, dies, and is followed by another one."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal
from pathlib import Path

import pytest

from order_engine.storage.database import Database
from tests.support.aws_clients import aws
from tests.support.client import Client, Json, Until, client
from tests.support.events import SCHEDULED
from tests.support.market import Market
from tests.support.stack import Stack, running

FILLED = ["open", "pending", "routing", "building", "submitted", "confirmed"]


def start_watcher(stack: Stack) -> None:
    """As the schedule does."""
    with aws(stack, "lambda") as functions:
        functions.invoke(
            FunctionName=stack.physical("WatchFunction"), InvocationType="Event", Payload=json.dumps(SCHEDULED)
        )


def holder(database: Database) -> str | None:
    """The run that watches."""
    rows = database.fetch("SELECT holder FROM leases WHERE held_until > now()")
    return str(rows[0]["holder"]) if rows else None


async def waiting_order(at: Client, above: str) -> Json:
    """An order whose limit is that much above what the market pays now."""
    offer = await at.get("/api/quotes", tokenIn="SOL", tokenOut="USDC", amountIn="0.01")
    least = (Decimal(offer["amountOut"]) * Decimal(above)).quantize(Decimal("0.000001"))
    return await at.submit(type="limit", minAmountOut=str(least))


async def raise_the_price(at: Client) -> Json:
    return await at.executed(tokenIn="USDC", tokenOut="SOL", amountIn="20000", slippageBps=1_000)


def check_filled(order: Json) -> None:
    assert [event["status"] for event in order["events"]] == FILLED
    assert [event["seq"] for event in order["events"]] == list(range(1, 7))
    assert Decimal(order["amountOut"]) >= Decimal(order["terms"]["minAmountOut"])


@pytest.mark.needs("database")
async def test_the_first_order_wakes_the_watcher_and_is_filled_once_the_price_has_come(
    stack: Stack, market: Market
) -> None:
    async with client(stack) as at:
        order = await waiting_order(at, "1.00001")
        assert order["status"] == "open"
        async for _ in Until("a watcher holds the lease"):
            if holder(market.database):
                break
        moved = await raise_the_price(at)
        filled = await at.ended(order["orderId"])

    assert moved["status"] == "confirmed"
    check_filled(filled)


@pytest.mark.needs("database", "clients")
async def test_watchers_hand_over_and_an_order_is_filled_once(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        order = await waiting_order(at, "1.00001")
        holders = []
        for _ in range(3):
            await asyncio.to_thread(start_watcher, stack)
            async for _ in Until("another watcher takes over"):
                if (now := holder(market.database)) and now not in holders:
                    holders.append(now)
                    break
        await raise_the_price(at)
        check_filled(await at.ended(order["orderId"]))

    assert len(holders) == 3


@pytest.mark.process
async def test_another_watcher_follows_one_that_was_killed(tmp_path: Path) -> None:
    """GIVEN an order that waits, WHEN all functions are killed and the schedule starts a watcher again."""
    stack = Stack(tmp_path)
    try:
        async with client(stack) as at:
            order = await waiting_order(at, "1.00001")
            database = Database(stack.parameters["DatabaseUrl"])
            async for _ in Until("a watcher holds the lease"):
                if dead := holder(database):
                    break
        database.close()
        stack.kill()
        with running(tmp_path) as stack:
            async with client(stack) as at:
                await raise_the_price(at)
                check_filled(await at.ended(order["orderId"]))
            database = Database(stack.parameters["DatabaseUrl"])
            (row,) = database.fetch("SELECT holder FROM leases")
            database.close()
            assert row["holder"] != dead
    finally:
        stack.abandon()
