"""Real stores that hang, lose their data or are killed while orders run."""

from __future__ import annotations

import asyncio
import signal
import time

import psutil
import pytest
import redis

from tests.e2e.test_process import A_WHILE
from tests.faults.chaos import Store, postgres_answers
from tests.support.aws_clients import sweep
from tests.support.client import ORDER, Json, Until, client
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import Stack, running

pytestmark = pytest.mark.process


async def test_a_hanging_redis_slows_each_step_and_loses_no_order(
    stack: Stack, market: Market, capsys: pytest.CaptureFixture[str]
) -> None:
    _, hung = stack.stores()
    async with client(stack) as at:
        await at.executed()
        hung.send_signal(signal.SIGSTOP)
        try:
            started = time.monotonic()
            order = await at.executed(slippageBps=500)
            took = time.monotonic() - started
            report = await at.get("/health")
        finally:
            hung.send_signal(signal.SIGCONT)

    assert order["status"] == "confirmed"
    assert (report["status"], report["checks"]["redis"]["status"]) == ("degraded", "down")
    with capsys.disabled():
        print(f"\nAn order with a Redis that hangs: {took:.1f} s")
    # Showing each of five events takes at most two tries of 0.3 seconds.
    assert took < 5 * 2 * 0.3 + 2


async def test_a_redis_that_loses_its_data_silences_no_listener(
    stack: Stack, market: Market, active_orders: redis.Redis
) -> None:
    async with client(stack) as at, at.connected() as socket:
        with market.held("USDC"):
            await socket.send(action="execute", **{**ORDER, "slippageBps": 500})
            seen = await socket.events(until="submitted")
            active_orders.flushall()
        seen += await socket.events()

    assert [event["seq"] for event in seen] == [1, 2, 3, 4, 5]


async def test_orders_that_run_while_postgres_is_killed_end_when_it_is_back() -> None:
    with running(data_folder()) as stack:
        market = Market(stack.parameters["DatabaseUrl"])
        async with client(stack) as at:
            # GIVEN ten running orders and five that wait
            with market.held("USDC"):
                orders = [(await at.submit(slippageBps=500))["orderId"] for _ in range(15)]
                async for _ in Until("ten orders are submitted"):
                    if len((await at.get("/api/orders", status="submitted", limit="100"))["orders"]) == 10:
                        break

                # WHEN Postgres is killed
                store = Store.of(stack.stores()[0])
                await asyncio.to_thread(store.kill)

            # THEN no order is accepted, and clients are told when to retry
            answer = await at.request("POST", "/api/orders/execute", json=ORDER)
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")

            # AND every order ends when it is back
            pid = await asyncio.to_thread(store.start, lambda: postgres_answers(stack))
            market.pass_time(A_WHILE)
            sweep(stack)
            ended: list[Json] = await asyncio.gather(*(at.ended(order_id) for order_id in orders))
        assert [order["status"] for order in ended] == ["confirmed"] * 15
        market.assert_in_order()
        market.close()
        # The emulator stops only processes that it started.
        Store.of(psutil.Process(pid)).kill()
