"""The emulator's process: start, stop and kill."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import psutil
import pytest

from order_engine.domain.access import KEY_PREFIX, new_secret
from tests.support.aws_clients import sweep
from tests.support.client import ORDER, PATIENCE, Client, Json, Until, client
from tests.support.concurrency import eventually
from tests.support.folders import data_folder
from tests.support.market import Market
from tests.support.stack import FREE_PORTS, ROOT, STORES, Stack, command, family, running, start, survivors

pytestmark = pytest.mark.process

A_WHILE = 120.0
"""Seconds after which every lease has lapsed and the sweep enqueues the orders."""


def start_that_fails(data: Path, *options: str) -> str:
    """Starts an emulator that must fail, and returns its error message."""
    ended = subprocess.run(command(data, *options), cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert "Traceback" not in ended.stderr
    return ended.stderr


@contextmanager
def market_of(stack: Stack) -> Iterator[Market]:
    market = Market(stack.parameters["DatabaseUrl"])
    try:
        yield market
    finally:
        market.close()


async def submitted(at: Client, orders: int) -> list[str]:
    return [(await at.submit(slippageBps=500))["orderId"] for _ in range(orders)]


async def ten_are_submitted(at: Client, orders: list[str]) -> None:
    async for _ in Until("ten orders are submitted"):
        page = await at.get("/api/orders", status="submitted", limit="100")
        if len({order["orderId"] for order in page["orders"]} & set(orders)) == 10:
            break


@pytest.mark.parametrize(
    ("option", "what"),
    [("--rest-port", "the REST API"), ("--websocket-port", "the WebSocket API"), ("--aws-port", "AWS clients")],
)
def test_an_occupied_port_is_named_with_the_option_that_changes_it(tmp_path: Path, option: str, what: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        says = start_that_fails(tmp_path / "data", *STORES, *FREE_PORTS, option, port)

    assert f"port {port} for {what} is not free" in says
    assert says.endswith(f"choose another with {option}\n")
    # Nothing was created.
    assert not (tmp_path / "data").exists()


def test_a_second_emulator_on_the_same_data_is_refused_and_harms_nothing(stack: Stack) -> None:
    says = start_that_fails(stack.data, *STORES, *FREE_PORTS)

    assert f"{stack.data} is in use by another emulator" in says
    assert "--data" in says
    assert (stack.data / "running.json").exists()
    assert len(stack.stores()) == 2


def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").touch()

    says = start_that_fails(tmp_path / "data", *STORES, *FREE_PORTS)

    assert says == f"emulator: {tmp_path / 'data'} cannot be used for data (File exists): choose another with --data\n"


async def test_all_ports_answer_at_both_loopback_addresses(stack: Stack) -> None:
    ports = [urlsplit(url).port for url in (stack.rest, stack.websocket, stack.endpoint)]
    async with aiohttp.ClientSession() as session:
        for host in ("127.0.0.1", "[::1]", "localhost"):
            paths = zip(ports, ("/health", "/@connections/x", "/_emulator/"), (200, 410, 200), strict=True)
            for port, path, status in paths:
                async with session.get(f"http://{host}:{port}{path}") as answer:
                    assert answer.status == status, (host, path)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["SIGINT", "SIGTERM"])
def test_an_interrupted_start_leaves_no_process(number: signal.Signals) -> None:
    data = data_folder()
    process = start(data, data / "stderr.log", *STORES, *FREE_PORTS)
    try:
        # GIVEN an emulator that has started its stores
        redis = data / "redis" / "redis.pid"
        eventually(lambda: redis.exists() and redis.read_text(), PATIENCE)
        postgres = psutil.Process(int((data / "postgres" / "postmaster.pid").read_text().split()[0]))
        everything = [*family(postgres), *family(psutil.Process(process.pid))]

        # WHEN it gets many signals
        while process.poll() is None:
            process.send_signal(number)
            time.sleep(0.002)

        # THEN all its processes end
        assert survivors(everything) == []
    finally:
        process.kill()
        process.communicate()


async def test_when_it_stops_running_orders_finish_and_waiting_ones_are_kept() -> None:
    data = data_folder()
    with running(data) as stack, market_of(stack) as market:
        async with client(stack) as at:
            # GIVEN ten running orders and five that wait
            with market.held("USDC"):
                orders = await submitted(at, 15)
                await ten_are_submitted(at, orders)

                # WHEN the emulator is told to stop, and the market moves on
                everything = stack.processes()
                stack.process.send_signal(signal.SIGTERM)
                assert await asyncio.to_thread(stack.says, "Stopping")
        # THEN all its processes end
        stack.await_clean_exit(everything)

    with running(data) as stack, market_of(stack) as market:
        # AND the running orders have finished
        assert market.confirmed() == 10
        assert market.unfinished() == 5

        # AND the others run later
        market.pass_time(A_WHILE)
        sweep(stack)
        await all_are_confirmed(stack, market, orders)


async def test_a_second_signal_ends_it_without_waiting_for_orders() -> None:
    with running(data_folder(), "--grace", "600") as stack, market_of(stack) as market:
        async with client(stack) as at:
            # GIVEN orders that would run for another minute
            with market.held("USDC"):
                await ten_are_submitted(at, await submitted(at, 12))
                everything = stack.processes()
                stack.process.send_signal(signal.SIGINT)
                assert await asyncio.to_thread(stack.says, "Stopping")
                stack.process.send_signal(signal.SIGINT)
                # THEN it ends long before them
                await asyncio.to_thread(stack.process.wait, 30)
                await asyncio.to_thread(stack.await_clean_exit, everything)


def test_repeated_signals_leave_no_process() -> None:
    with running(data_folder()) as stack:
        everything = stack.processes()
        while stack.process.poll() is None:
            stack.process.send_signal(signal.SIGTERM)
            time.sleep(0.002)
        stack.await_clean_exit(everything)


async def test_orders_survive_being_interrupted_again_and_again() -> None:
    data = data_folder()
    orders: list[str] = []

    # GIVEN orders that Ctrl-C interrupts after their transactions are signed
    with running(data, "--grace", "0.2") as stack, market_of(stack) as market:
        async with client(stack) as at:
            with market.held("USDC"):
                orders += (newest := await submitted(at, 12))
                await ten_are_submitted(at, newest)
                everything = stack.processes()
                os.killpg(stack.process.pid, signal.SIGINT)
                await asyncio.to_thread(stack.await_clean_exit, everything)

    # AND orders whose emulator is killed while the chain holds their transactions
    stack = Stack(data)
    with killed(stack), market_of(stack) as market:
        async with client(stack) as at:
            with market.held("USDC"):
                orders += (newest := await submitted(at, 12))
                await ten_are_submitted(at, newest)
                stack.kill()
        market.pass_time(A_WHILE)

    # AND orders whose emulator is killed at any step
    stack = Stack(data)
    with killed(stack), market_of(stack) as market:
        async with client(stack) as at:
            with market.held("USDC"):
                orders += await submitted(at, 40)
            confirmed = market.confirmed()
            async for _ in Until("some more orders are confirmed"):
                if market.confirmed() >= confirmed + 3:
                    break
            stack.kill()
        assert market.unfinished() > 0
        market.pass_time(A_WHILE)

    # WHEN it starts again
    with running(data) as stack, market_of(stack) as market:
        # THEN every order ends, and has swapped once
        await all_are_confirmed(stack, market, orders)


async def test_without_redis_orders_continue_and_without_postgres_clients_are_told() -> None:
    with running(data_folder()) as stack:
        postgres, redis = stack.stores()
        async with client(stack) as at:
            # WHEN Redis is killed
            redis.kill()
            assert survivors([redis]) == []

            # THEN orders still run
            orders = await asyncio.gather(*(at.executed() for _ in range(3)))
            assert [order["status"] for order in orders] == ["confirmed"] * 3
            report = await at.get("/health")
            assert report["status"] == "degraded"
            assert {name: check["status"] for name, check in report["checks"].items()} == {
                "postgres": "up",
                "redis": "down",
                "queue": "up",
            }

            async with at.connected() as socket:
                # WHEN Postgres stops as well
                postgres.send_signal(signal.SIGINT)
                assert survivors([postgres]) == []

                # THEN no order is accepted, and clients are told to retry, whether their keys are cached or not
                for key, code in ((stack.key, "StoreUnavailable"), (new_secret(KEY_PREFIX), "ServiceUnavailable")):
                    async with client(stack, key) as anyone:
                        answer = await anyone.request("POST", "/api/orders/execute", json=ORDER)
                    assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
                    assert answer.body["error"]["code"] == code
                await socket.send(action="execute", **ORDER)
                assert (await socket.receive())["error"]["code"] == "StoreUnavailable"
            health = await at.request("GET", "/health")
            assert (health.status, health.body["status"]) == (503, "down")
            assert health.body["checks"]["postgres"]["status"] == "down"


@contextmanager
def killed(stack: Stack) -> Iterator[None]:
    try:
        yield
    except BaseException:
        stack.abandon()
        raise
    finally:
        assert stack.process.stdout is not None
        stack.process.stdout.close()


async def all_are_confirmed(stack: Stack, market: Market, orders: list[str]) -> None:
    async with client(stack) as at:
        ended: list[Json] = await asyncio.gather(*(at.ended(order_id) for order_id in orders))
    for order in ended:
        events = order["events"]
        assert order["status"] == "confirmed"
        assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
        assert [event["status"] for event in events].count("confirmed") == 1
        signed = [event["data"]["txHash"] for event in events if event["status"] == "building"]
        assert sum(landed["swapped"] for landed in market.landed(signed)) == 1
    market.assert_in_order()
    assert market.orders() == market.confirmed() == len(orders)
