"""An order can be cancelled until its transaction is sent. A cancelled order never swaps."""

from __future__ import annotations

import asyncio
import random
from uuid import uuid4

import pytest
import redis

from tests.e2e.test_gate import waiting_and_taken
from tests.support.active_orders import newest
from tests.support.client import FINAL, Answer, Client, Json, Until, client
from tests.support.market import Market
from tests.support.stack import Stack


async def cancel(at: Client, order_id: str) -> Answer:
    return await at.request("DELETE", f"/api/orders/{order_id}")


async def in_status(at: Client, order_id: str, status: str) -> None:
    async for _ in Until(f"the order is {status}"):
        if (await at.order(order_id))["status"] == status:
            break


async def its_run_has_begun(at: Client) -> str:
    """Returns the name of the only running execution."""
    async for _ in Until("the execution runs"):
        if begun := [execution["arn"] for execution in await at.executions() if execution["status"] == "RUNNING"]:
            break
    (arn,) = begun
    return str(arn)


async def its_run_is_over(at: Client, stack: Stack, arn: str) -> Json:
    """Waits until the execution has ended and its message is gone; returns the execution."""
    async for _ in Until("the execution is over and the message gone"):
        (execution,) = [execution for execution in await at.executions() if execution["arn"] == arn]
        if execution["status"] != "RUNNING" and waiting_and_taken(stack) == (0, 0):
            break
    return execution


@pytest.mark.needs("clients")
async def test_a_queued_order_is_cancelled_and_never_runs(stack: Stack, market: Market) -> None:
    async with client(stack) as at, at.connected() as socket:
        with market.held("USDC"):
            # GIVEN ten running orders and one that waits
            running = [(await at.submit(slippageBps=500))["orderId"] for _ in range(10)]
            for order_id in running:
                await in_status(at, order_id, "submitted")
            await socket.send(action="execute", type="market", tokenIn="SOL", tokenOut="USDC", amountIn="0.01")
            waiting = (await socket.receive())["orderId"]

            # WHEN the waiting order is cancelled
            answer = await cancel(at, waiting)

            # THEN its client gets the event at once
            assert (await socket.receive())["seq"] == 1
            cancelled = await socket.receive()
            assert (answer.status, answer.body["status"]) == (200, "cancelled")
            assert (cancelled["orderId"], cancelled["seq"], cancelled["status"]) == (waiting, 2, "cancelled")

        # AND it never runs, although its message is delivered
        await asyncio.gather(*(at.ended(order_id) for order_id in running))
        async for _ in Until("the queue is empty"):
            if waiting_and_taken(stack) == (0, 0):
                break
        assert [event["status"] for event in (await at.order(waiting))["events"]] == ["pending", "cancelled"]


@pytest.mark.needs("simulation")
@pytest.mark.parametrize(("step", "status"), [("quote", "pending"), ("build", "routing")])
@pytest.mark.needs("console", "clients")
async def test_a_running_order_is_cancelled_and_its_run_ends_quietly(
    stack: Stack, market: Market, active_orders: redis.Redis, step: str, status: str
) -> None:
    # GIVEN an order before the step, at which the venues make it wait
    for venue in ("raydium", "meteora"):
        market.fault(venue, step, "timeout", times=1)
    async with client(stack) as at, at.connected() as socket:
        await socket.send(action="execute", type="market", tokenIn="SOL", tokenOut="USDC", amountIn="0.01")
        order_id = (await socket.events(until=status))[0]["orderId"]
        arn = await its_run_has_begun(at)

        # WHEN it is cancelled twice over the WebSocket
        told = 3 if status == "routing" else 2
        heard = []
        for _ in range(2):
            await socket.send(action="cancel", orderId=order_id)
            # API Gateway runs the messages of a connection in parallel, so the second waits for the first.
            heard += [await socket.receive() for _ in range(told + 1)]

        # THEN both requests are answered and it is cancelled once
        order = await at.order(order_id)
        assert heard == [*order["events"], {"action": "cancelled", "orderId": order_id}] * 2
        assert [event["seq"] for event in order["events"]] == list(range(1, len(order["events"]) + 1))
        assert (order["status"], order["events"][-2]["status"]) == ("cancelled", status)

        assert newest(active_orders, order_id) is None

        # AND its run ends as superseded without a swap
        execution = await its_run_is_over(at, stack, arn)
        assert (execution["status"], execution["error"]) == ("FAILED", "StaleRun")
        assert await at.order(order_id) == order
        # It may publish the final event once more.
        assert all(event == order["events"][-1] for event in await socket.drained())


async def test_a_submitted_or_final_order_is_not_cancelled(stack: Stack, market: Market) -> None:
    async with client(stack) as at:
        with market.held("USDT"):
            order_id = (await at.submit(tokenOut="USDT"))["orderId"]
            await in_status(at, order_id, "submitted")
            sent = await cancel(at, order_id)
        await at.ended(order_id)
        ended = await cancel(at, order_id)
        unknown = await cancel(at, str(uuid4()))

    assert [answer.body["error"]["code"] for answer in (sent, ended, unknown)] == [
        *["TooLateToCancel"] * 2,
        "OrderNotFound",
    ]
    assert [answer.status for answer in (sent, ended, unknown)] == [409, 409, 404]
    assert sent.body["error"]["message"] == "the order is already submitted and cannot be cancelled"
    assert ended.body["error"]["message"] == "the order is already confirmed and cannot be cancelled"


async def test_an_order_is_either_cancelled_and_not_swapped_or_filled(stack: Stack, market: Market) -> None:
    """Cancels orders at random moments of their life."""
    chance = random.Random(1)
    async with client(stack) as at:

        async def one(pause: float) -> tuple[Answer, Json]:
            order_id = (await at.submit(slippageBps=500))["orderId"]
            await asyncio.sleep(pause)
            answer = await cancel(at, order_id)
            return answer, await at.ended(order_id)

        outcomes = []
        for _ in range(20):
            outcomes += await asyncio.gather(*(one(chance.uniform(0, 0.06)) for _ in range(5)))

    for answer, order in outcomes:
        signed = [event["data"]["txHash"] for event in order["events"] if event["status"] == "building"]
        swapped = sum(row["swapped"] for row in market.landed(signed))
        assert order["status"] in FINAL
        assert (answer.status, order["status"], swapped) in [(200, "cancelled", 0), (409, "confirmed", 1)]
    assert {answer.status for answer, _ in outcomes} == {200, 409}
