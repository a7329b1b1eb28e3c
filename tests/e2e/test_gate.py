"""At most ten orders run at once. The others wait, and none is lost."""

from __future__ import annotations

import asyncio

import pytest

from tests.support.aws_clients import aws, order_queue
from tests.support.client import Json, Until, client
from tests.support.market import Market
from tests.support.stack import Stack


def at_once(executions: list[Json]) -> int:
    """Returns how many executions ran at the same time at most."""
    changes = [(execution["started"], 1) for execution in executions]
    changes += [(execution["started"] + execution["seconds"], -1) for execution in executions]
    running = most = 0
    for _, change in sorted(changes):
        running += change
        most = max(most, running)
    return most


def waiting_and_taken(stack: Stack) -> tuple[int, int]:
    names = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
    with aws(stack, "sqs") as sqs:
        attributes = sqs.get_queue_attributes(QueueUrl=order_queue(stack), AttributeNames=names)["Attributes"]
    return int(attributes[names[0]]), int(attributes[names[1]])


ORDERS = 40


@pytest.mark.needs("console", "clients")
async def test_ten_orders_run_at_once_and_never_eleven(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        earlier = {execution["arn"] for execution in await at.executions()}

        async def new_executions() -> list[Json]:
            return [execution for execution in await at.executions() if execution["arn"] not in earlier]

        # GIVEN a market in which no swap lands
        with market.held("USDC"):
            # WHEN far more than ten orders are submitted
            orders = [(await at.submit(slippageBps=500))["orderId"] for _ in range(ORDERS)]

            # THEN ten orders run until they are submitted
            async for _ in Until("ten orders are submitted"):
                submitted = await at.get("/api/orders", status="submitted", limit="100")
                if len(submitted["orders"]) >= 10:
                    break

            # AND all others are pending, and their messages wait
            assert len(submitted["orders"]) == 10
            pending = await at.get("/api/orders", status="pending", limit="100")
            assert len(pending["orders"]) == ORDERS - 10
            assert waiting_and_taken(stack) == (ORDERS - 10, 10)
            executions = await new_executions()
            assert [execution["status"] for execution in executions] == ["RUNNING"] * 10

        # AND every order ends when swaps land again
        ended = await asyncio.gather(*(at.ended(order_id) for order_id in orders))
        async for _ in Until("every execution has ended"):
            executions = await new_executions()
            if {execution["status"] for execution in executions} == {"SUCCEEDED"}:
                break

    assert [order["status"] for order in ended] == ["confirmed"] * ORDERS
    assert {execution["name"] for execution in executions} == {f"{order_id}-1" for order_id in orders}
    assert len(executions) == ORDERS
    assert at_once(executions) == 10
